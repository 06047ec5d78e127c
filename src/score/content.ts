import { hashInstances, type InstanceContent } from "../corpus/content_files.ts";
import type { InstanceReader } from "../corpus/record.ts";
import { HeartcutError } from "../errors.ts";
import type { StageContext } from "../progress.ts";

/** Reads all instances once, hashes them and checks that a model of this vocabulary can take their ids.
 * @throws HeartcutError HC3001 at an id outside 0 … vocabSize-1 */
export async function readContent(
  reader: InstanceReader,
  options: { shardInstances: number; vocabSize?: number },
  context: StageContext,
): Promise<InstanceContent> {
  const { shardInstances, vocabSize } = options;
  const check = (tokens: Int32Array, i: number) => {
    if (vocabSize !== undefined) checkIds(tokens, vocabSize, `${reader.folder}, instance ${i}`);
  };
  return hashInstances(reader, { shardInstances, check }, context);
}

function checkIds(tokens: Int32Array, vocabSize: number, where: string): void {
  const position = tokens.findIndex((id) => id < 0 || id >= vocabSize);
  if (position < 0) return;
  throw new HeartcutError("HC3001", {
    what: "an instance holds a token id the model does not know",
    where: `${where}, position ${position}`,
    found: `id ${tokens[position]}`,
    expected: `0 … ${vocabSize - 1}, the model's vocabulary`,
    why: "teacher, reference and instances must share one tokenizer",
    fix: "pack the corpus with the tokenizer of this model, or use a model with this tokenizer",
  });
}
