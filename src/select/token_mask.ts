import { createHash } from "node:crypto";
import { join } from "node:path";
import { hashInstances } from "../corpus/content_files.ts";
import { openInstances } from "../corpus/instances.ts";
import type { InstanceReader } from "../corpus/record.ts";
import { HeartcutError } from "../errors.ts";
import { readParquetColumns, writeParquet } from "../formats/parquet.ts";
import { publishFile, publishJson } from "../formats/publish.ts";
import { publishFolder } from "../formats/publish_folder.ts";
import { checkpointSignal, type StageContext } from "../progress.ts";
import { readScoreSummary, scanScores } from "../score/files.ts";
import { keepCount, keepHighest } from "./difference_sampling.ts";
import { isCurrentMask, MASK_BITS, MASK_SUMMARY, MASK_TABLE, openTokenMask, packBits } from "./token_mask_files.ts";
import type { TokenMaskRow, TokenMaskScope, TokenMaskSummary } from "./token_mask_record.ts";
import { KthLargest } from "./token_mask_threshold.ts";

/** Part of the fingerprint: to be raised when the same input would give other bytes. */
const CODE_VERSION = "token-mask-1";

/** Input of the token mask. */
export interface TokenMaskInput {
  /** Per-token scores of teacher and reference over the same instances. */
  teacher: string;
  reference: string;
  /** The instances a student is to train on: those that were scored or, with `selection`, the refined ones. */
  instances: string;
  /** selection.parquet whose refined instances these are; without it they are the scored ones. */
  selection?: string | undefined;
  /** Marks the scored positions of an instance, uint8[n-1], as the scores were made: lossMask with their mask and ids. */
  scored(tokens: Int32Array): Uint8Array;
  /** Share of the scored positions to keep; the paper keeps 0.6 to 0.7. */
  share: number;
  /** Default corpus: one cut through all instances. */
  scope?: TokenMaskScope | undefined;
  /** Where token_mask.bin, token_mask.parquet and token_mask.json go. */
  folder: string;
}

/**
 * Marks the tokens worth learning: the floor(share · n) scored positions of the highest excess loss nll_reference - nll_teacher,
 * ties to the earlier one. The paper's excess is that of the model in training over one trained on the wanted data; offline the
 * reference stands for the first and the teacher for the second. Excess is rounded to float32.
 * @throws HeartcutError HC3101 for a share, HC3109 for scores without per-token values, HC3110 for scores that are not of these
 *   instances or of each other's, HC3111 for scored positions that differ from the scores'; HC3005, HC3006 as scanScores
 *   Source: Rho-1, arXiv:2404.07965
 */
export async function writeTokenMask(input: TokenMaskInput, context: StageContext): Promise<TokenMaskSummary> {
  const { folder, share, scope = "corpus" } = input;
  const [teacher, reference] = [await readScoreSummary(input.teacher), await readScoreSummary(input.reference)];
  for (const key of ["corpus", "mask", "documentBarrier"] as const)
    if (teacher[key] !== reference[key]) throw otherInstances(input, `another ${key} in ${input.reference}`);
  for (const [where, { perToken }] of [[input.teacher, teacher] as const, [input.reference, reference] as const])
    if (!perToken) throw withoutTokens(where);
  const reader = await openInstances(input.instances);
  try {
    const { fingerprint: corpus } = await hashInstances(reader, { shardInstances: 4096 }, context);
    if (input.selection === undefined && corpus !== teacher.corpus) throw otherInstances(input, `content ${corpus}`);
    const print = createHash("sha256")
      .update(JSON.stringify([CODE_VERSION, corpus, teacher, reference, share, scope]))
      .digest("hex");
    if (await isCurrentMask(folder, print)) return (await openTokenMask(folder)).summary;
    const numbers = await selected(input, teacher.instances, reader.length);
    const excess = () => excessOf(input, reader, numbers, context);
    const cut = scope === "corpus" ? await corpusCut(excess, share) : undefined;
    const tally = new Tally();
    const rows: TokenMaskRow[] = [];
    await publishFolder(
      folder,
      async (staging) => {
        await publishFile(join(staging, MASK_BITS), async (sink) => {
          let ties = cut?.equal ?? 0;
          for await (const one of excess()) {
            const kept = cut === undefined ? bestOf(one, share) : above(one, cut.value, () => ties-- > 0);
            await sink.write(packBits(kept));
            rows.push(tally.add(rows.length, one, kept));
          }
        });
        await writeRows(join(staging, MASK_TABLE), rows);
        await publishJson(join(staging, MASK_SUMMARY), summary());
      },
      { fingerprint: print },
    );
    return summary();

    function summary(): TokenMaskSummary {
      const models = { teacher: teacher.model, reference: reference.model };
      return {
        corpus,
        ...models,
        share,
        scope,
        ...tally.summary(rows),
        threshold: cut !== undefined && Number.isFinite(cut.value) ? cut.value : null,
      };
    }
  } finally {
    reader.close();
  }
}

/** Excess loss of one instance's label positions, float32[n-1], and which of them were scored. */
interface Excess {
  values: Float32Array;
  scored: Uint8Array;
}

/** Walks the instances the mask is for, in their order, reading both score folders once. */
async function* excessOf(
  input: TokenMaskInput,
  reader: InstanceReader,
  numbers: Int32Array | undefined,
  context: StageContext,
): AsyncGenerator<Excess> {
  const references = scanScores(input.reference);
  const total = numbers?.length ?? reader.length;
  let next = 0;
  try {
    for await (const teacher of scanScores(input.teacher)) {
      const { value } = await references.next();
      const reference = value!;
      if (next === total) break;
      if (teacher.instance !== (numbers?.[next] ?? next)) continue;
      if (next % 1024 === 0) {
        await checkpointSignal(context);
        context.report({ type: "progress", stage: context.stage, done: next, total, unit: "instances" });
      }
      const [a, b] = [teacher.token_nll!, reference.token_nll!];
      const tokens = reader.read(next);
      if (a.length !== Math.max(0, tokens.length - 1) || b.length !== a.length)
        throw otherInstances(
          input,
          `${a.length} and ${b.length} values for instance ${next} of ${tokens.length} tokens`,
        );
      const scored = input.scored(tokens);
      const count = scored.reduce((sum, on) => sum + on, 0);
      if (scored.length !== a.length || count !== teacher.tokens || count !== reference.tokens)
        throw otherMask(input, next, count, teacher.tokens);
      yield { values: Float32Array.from(a, (nll, t) => b[t]! - nll), scored };
      next++;
    }
  } finally {
    await references.return(undefined);
  }
}

/** The excess loss at which one cut through the corpus keeps the share, and how many that equal it are kept. */
async function corpusCut(
  excess: () => AsyncIterable<Excess>,
  share: number,
): Promise<{ value: number; equal: number }> {
  const kth = new KthLargest();
  for await (const one of excess()) eachScored(one, (value) => kth.addUpper(value));
  const k = keepCount(share, kth.count);
  if (k === 0) return { value: Number.POSITIVE_INFINITY, equal: 0 };
  kth.fix(k);
  for await (const one of excess()) eachScored(one, (value) => kth.addLower(value));
  return kth.result(k);
}

function eachScored({ values, scored }: Excess, visit: (value: number) => void): void {
  for (let t = 0; t < values.length; t++) if (scored[t] === 1) visit(values[t]!);
}

function above({ values, scored }: Excess, cut: number, takeTie: () => boolean): Uint8Array {
  return scored.map((on, t) => (on === 1 && (values[t]! > cut || (values[t] === cut && takeTie())) ? 1 : 0));
}

function bestOf({ values, scored }: Excess, share: number): Uint8Array {
  const own = Int32Array.from(scored.keys()).filter((t) => scored[t] === 1);
  const kept = new Uint8Array(values.length);
  const scores = Array.from(own, (t) => values[t]!);
  for (const at of keepHighest({ scores, tokens: scores }, { ratio: share })) kept[own[at]!] = 1;
  return kept;
}

/** Instances of a selection; undefined where all are meant. */
async function selected(input: TokenMaskInput, scored: number, instances: number): Promise<Int32Array | undefined> {
  if (input.selection === undefined) return undefined;
  const { instance } = await readParquetColumns(input.selection, { instance: "int32" });
  const ascending = instance.every((i, at) => i < scored && (at === 0 || i > instance[at - 1]!));
  if (ascending && instance.length === instances) return instance;
  throw otherInstances(input, `${instances} instances, and a selection of ${instance.length} (${input.selection})`);
}

async function writeRows(path: string, rows: readonly TokenMaskRow[]): Promise<void> {
  const column = (name: keyof TokenMaskRow) => ({ name, type: "int32" as const, data: rows.map((row) => row[name]) });
  await writeParquet(path, (["instance", "positions", "scored", "kept"] as const).map(column));
}

/** Sums over the mask. */
class Tally {
  private keptExcess = 0;
  private allExcess = 0;

  add(instance: number, { values, scored }: Excess, mask: Uint8Array): TokenMaskRow {
    const row = { instance, positions: values.length, scored: 0, kept: 0 };
    for (let t = 0; t < values.length; t++) {
      row.scored += scored[t]!;
      row.kept += mask[t]!;
      if (scored[t] === 1) this.allExcess += values[t]!;
      if (mask[t] === 1) this.keptExcess += values[t]!;
    }
    return row;
  }

  summary(rows: readonly TokenMaskRow[]) {
    const sum = (key: keyof TokenMaskRow) => rows.reduce((total, row) => total + row[key], 0);
    const [scored, kept] = [sum("scored"), sum("kept")];
    return {
      instances: rows.length,
      positions: sum("positions"),
      scored,
      kept,
      emptyInstances: rows.filter((row) => row.kept === 0).length,
      meanExcess: { kept: this.keptExcess / Math.max(1, kept), all: this.allExcess / Math.max(1, scored) },
    };
  }
}

function withoutTokens(where: string): HeartcutError {
  return new HeartcutError("HC3109", {
    what: "a token mask needs the loss of every token",
    where,
    found: "one loss for each instance",
    fix: "score again with --per-token",
  });
}

function otherInstances({ teacher, reference, instances }: TokenMaskInput, found: string): HeartcutError {
  return new HeartcutError("HC3110", {
    what: "the per-token scores are not of one set of instances",
    where: `${teacher}, ${reference} and ${instances}`,
    found,
    expected: "scores of both models over these very instances, under one mask and barrier",
    why: "tokens of two tokenizers do not pair: a token-level difference is not defined across tokenizers",
    fix: "score these instances with both models; for refined instances name the selection.parquet they are of",
  });
}

function otherMask({ teacher }: TokenMaskInput, instance: number, found: number, expected: number): HeartcutError {
  return new HeartcutError("HC3111", {
    what: "the scored positions are not those of the scores",
    where: `${teacher}, instance ${instance}`,
    found: `${found} positions`,
    expected: `${expected}`,
    fix: "use the loss mask and the EOS and pad ids the scores were made with",
  });
}
