import type { InstanceReader } from "../corpus/record.ts";
import { STORE_LIMITS, STORE_SUMMARY, type StoreOrigin } from "../distill/store_header.ts";
import { DEFAULT_PRECISION, type StorePrecision } from "../distill/store_precision.ts";
import { HeartcutError } from "../errors.ts";
import { openManifest } from "../formats/manifest.ts";
import { BATCH_TOKENS } from "../models/batch.ts";
import type { EosIds } from "../models/loss_mask.ts";
import type { Teacher } from "../teachers/record.ts";

/** Values of a shard, ids and log-probabilities in pairs: 32 MB in memory. */
const SHARD_VALUES = 2 ** 22;
/** Label positions of a shard: what a slow teacher reads in minutes. */
const SHARD_POSITIONS = 2 ** 16;

/** What capturing asks of a teacher. */
export type CapturedTeacher = Pick<Teacher, "name" | "fingerprint" | "vocabSize" | "maxTokens" | "topLogProbs">;

/** Input of the capture: one teacher over one folder of packed instances. */
export interface CaptureInput {
  readonly teacher: CapturedTeacher;
  /** Fingerprint of the tokenizer that made the instances. */
  readonly tokenizer: string;
  /** Folder of packed instances. */
  readonly instances: string;
  /** Where part-00000.topk … and store.json go. */
  readonly folder: string;
  /** Likeliest tokens kept at each label position. */
  readonly topK: number;
  /** How log-probabilities are kept; default step64. */
  readonly precision?: StorePrecision | undefined;
  /** Padded label positions of a batch, at most; a single longer instance goes alone. */
  readonly batchTokens?: number | undefined;
  /** Instances per shard: what a kill can cost; default: as many as make 65,536 positions or about four million values. */
  readonly shardInstances?: number | undefined;
  /** Ids that end documents: these do not see each other then. */
  readonly barrier?: EosIds | undefined;
}

/** The input of a capture, checked, with its defaults. */
export interface CaptureSettings extends Omit<CaptureInput, "instances"> {
  readonly ask: NonNullable<Teacher["topLogProbs"]>;
  readonly origin: StoreOrigin;
  readonly batchTokens: number;
}

/** Checks the input of a capture against its instances. @throws HeartcutError HC3401, HC3402, HC3408 as captureTeacher */
export function settleCapture(input: CaptureInput, reader: InstanceReader): CaptureSettings {
  const { teacher, topK, precision = DEFAULT_PRECISION, batchTokens = BATCH_TOKENS, shardInstances, tokenizer } = input;
  if (teacher.topLogProbs === undefined)
    throw new HeartcutError("HC3401", {
      what: "this teacher does not say which tokens are likeliest",
      where: teacher.name,
      why: "a store keeps the likeliest tokens of every position",
      fix: "use a teacher of this process (a model folder), or a server that gives prompt log-probabilities",
    });
  const refuse = (what: string, found: unknown, expected: string) => {
    throw new HeartcutError("HC3402", { what, where: teacher.name, found: String(found), expected });
  };
  if (!(Number.isInteger(topK) && topK >= 1 && topK <= teacher.vocabSize))
    refuse("topK cannot be used", topK, `a whole number from 1 to ${teacher.vocabSize}, the teacher's vocabulary`);
  for (const [name, value] of Object.entries({ batchTokens, shardInstances }))
    if (value !== undefined && !(Number.isInteger(value) && value >= 1))
      refuse(`${name} cannot be used`, value, "a whole number of 1 or more");
  if (reader.maxTokens > teacher.maxTokens || reader.maxTokens * topK > STORE_LIMITS.values)
    throw new HeartcutError("HC3408", {
      what: "an instance is too long",
      where: reader.folder,
      found: `${reader.maxTokens} tokens`,
      expected: `at most ${Math.min(teacher.maxTokens, Math.floor(STORE_LIMITS.values / topK))}`,
      why:
        reader.maxTokens > teacher.maxTokens
          ? "the teacher's context ends there"
          : `with topK ${topK} an instance would hold more than ${STORE_LIMITS.values} values`,
      fix: "pack shorter instances (pack.length)",
    });
  return {
    ...input,
    ask: teacher.topLogProbs.bind(teacher),
    batchTokens,
    origin: {
      teacher: teacher.fingerprint,
      tokenizer,
      vocabSize: teacher.vocabSize,
      topK,
      precision,
      documentBarrier: input.barrier !== undefined,
    },
  };
}

/** @throws HeartcutError HC3408 at an id outside the teacher's vocabulary */
export function checkInstance(tokens: Int32Array, where: string, { vocabSize }: CapturedTeacher): void {
  const position = tokens.findIndex((id) => id < 0 || id >= vocabSize);
  if (position < 0) return;
  throw new HeartcutError("HC3408", {
    what: "an instance holds a token id the teacher does not know",
    where: `${where}, position ${position}`,
    found: `id ${tokens[position]}`,
    expected: `0 … ${vocabSize - 1}, the teacher's vocabulary`,
    fix: "pack the corpus with the tokenizer of this teacher, or use a teacher with this tokenizer",
  });
}

/** A folder with files of another stage is not written into: this stage would remove them. @throws HeartcutError HC3409 */
export async function requireOwnFolder(folder: string): Promise<void> {
  const foreign = (await openManifest(folder))
    .entries()
    .find(({ name }) => name !== STORE_SUMMARY && !/^part-\d+\.topk$/.test(name));
  if (foreign === undefined) return;
  throw new HeartcutError("HC3409", {
    what: "the output would be written beside something else",
    where: folder,
    found: foreign.name,
    fix: "choose a new folder",
  });
}

/** Instances of a shard where nobody asks for another number. */
export function defaultShard(maxTokens: number, topK: number): number {
  const positions = Math.min(SHARD_POSITIONS, SHARD_VALUES / topK);
  return Math.max(1, Math.floor(positions / Math.max(1, maxTokens - 1)));
}
