import { hashInstances } from "../corpus/content_files.ts";
import type { InstanceReader } from "../corpus/record.ts";
import { HeartcutError } from "../errors.ts";
import type { StageContext } from "../progress.ts";
import { openTokenMask } from "../select/token_mask_files.ts";

/**
 * Vocabulary check up front: one pass over the data costs seconds, a wrong tokenizer costs the run.
 * @param model - whose vocabulary it is, for messages   @throws HeartcutError HC1305
 */
export function checkIds(reader: InstanceReader, vocabSize: number, model = "model"): void {
  for (let i = 0; i < reader.length; i++)
    for (const id of reader.read(i))
      if (id < 0 || id >= vocabSize)
        throw new HeartcutError("HC1305", {
          what: `the data holds token ids that the ${model} has no embedding for`,
          where: `${reader.folder}, instance ${i}`,
          found: `id ${id}`,
          expected: `0 … ${vocabSize - 1}`,
          fix: `pack with the tokenizer of the ${model}, or take a model with a larger vocab_size`,
        });
}

/** Which label positions of an instance a token mask keeps. @throws HeartcutError HC1311 for a mask of other instances, HC3112 */
export async function keptPositions(
  folder: string,
  reader: InstanceReader,
  context: StageContext,
): Promise<(instance: number) => Uint8Array> {
  const { mask, summary } = await openTokenMask(folder);
  const { fingerprint } = await hashInstances(reader, { shardInstances: reader.length }, context);
  if (summary.corpus === fingerprint) return mask;
  throw new HeartcutError("HC1311", {
    what: "the token mask was made for other instances",
    where: folder,
    found: `content ${summary.corpus}`,
    expected: `content ${fingerprint}, that of ${reader.folder}`,
    fix: "make the mask anew over these instances",
  });
}
