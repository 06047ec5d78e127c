import { statfs } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { estimateStore } from "../../distill/store_estimate.ts";
import { isMissing } from "../../formats/file_system.ts";
import { UINT16_VOCABULARY } from "../../formats/indexed_dataset_index.ts";
import type { CausalDescription } from "../../models/architecture.ts";
import { PAPER_STRATA } from "../../select/strata.ts";
import { type Recipe, ROLES } from "../recipe_schema.ts";
import { storesOf } from "../stages/teacher.ts";
import type { Amounts } from "./amounts.ts";
import type { Compute } from "./compute.ts";
import type { Amount } from "./corpus.ts";
import { type Finding, fine, warning } from "./finding.ts";

/** Files of one kind below the run folder; bytes are null where they are not known yet. */
export interface DiskUse {
  readonly kind: string;
  readonly bytes: number | null;
}

/** Index and table of an instance: 12 bytes of .idx, and its row of instances.parquet, measured 9 to 14. */
const INSTANCE_BYTES = 24;
/** What stands beside the text in a line of JSON. */
const ROW_BYTES = 200;
/** A row of a score table, and one value of its list of single tokens, as measured. */
const SCORE_BYTES = 40;
const TOKEN_SCORE_BYTES = 4.3;
/** Weights and AdamW's two moments, float32. */
const CHECKPOINT_BYTES = 12;
/** Two are kept, and a third is written before the oldest goes. */
const CHECKPOINTS = 3;

/** What a run will leave in its folder, by kind; checkpoints go when their training ends, so that the largest counts. */
export function diskUse(
  recipe: Recipe,
  models: ReadonlyMap<string, CausalDescription>,
  amounts: Amounts,
  compute: Compute,
): DiskUse[] {
  const uses: DiskUse[] = [];
  const add = (kind: string, bytes: (number | undefined)[]) => {
    if (bytes.length > 0)
      uses.push({ kind, bytes: bytes.includes(undefined) ? null : Math.round(sum(bytes as number[])) });
  };
  const { corpus, evaluate, select, generate, students } = recipe;
  if ("demo" in corpus) add("corpus", [corpus.demo.megabytes * 1e6]);
  const stored = (amount: Amount | undefined, ids: number | undefined) => packedBytes(amount, ids);
  const perToken = amounts.bytesPerToken();
  const own = idsOf(recipe, models, undefined);
  const others = new Set([...ROLES.map((role) => recipe[role]), ...students].map(({ tokenizer }) => tokenizer));
  add("instances", [
    stored(amounts.pool(), own),
    ...Object.values(evaluate.sets).map(({ maxTokens }) => stored(amounts.heldOut(maxTokens), own)),
    ...ROLES.filter((role) => hasPackOfItsOwn(recipe, role)).map((role) => stored(amounts.training(role), own)),
    ...Object.keys(select).map((name) => stored(amounts.selection(name), own)),
    ...Object.keys(generate).map((name) => stored(amounts.selection(name), own)),
    ...[...others]
      .filter((name) => name !== undefined)
      .map((name) => stored(amounts.pool(name), idsOf(recipe, models, name))),
  ]);
  add(
    "selections as text",
    Object.keys(select).map((name) => {
      const [kept, pool] = [amounts.selection(name), amounts.pool()];
      if (kept === undefined || pool === undefined || perToken === undefined) return undefined;
      const shown = instancesInStrata(pool.instances) / Math.max(1, pool.instances);
      return perToken * (kept.tokens + shown * pool.tokens) + ROW_BYTES * (kept.instances + shown * pool.instances);
    }),
  );
  add(
    recipe.score.perToken ? "scores, of each token too" : "scores",
    ROLES.map((role) => {
      const pool = amounts.pool(recipe[role].tokenizer);
      return pool && pool.instances * SCORE_BYTES + (recipe.score.perToken ? pool.positions * TOKEN_SCORE_BYTES : 0);
    }),
  );
  add(
    "stored teacher outputs",
    [...storesOf(recipe).values()].map(({ selection, topK }) => {
      const [positions, vocabSize] = [
        amounts.selection(selection)?.positions,
        models.get("teacher")?.config.vocabSize ?? own,
      ];
      return positions === undefined || vocabSize === undefined
        ? undefined
        : estimateStore({ positions, topK, vocabSize });
    }),
  );
  const made = [
    ...ROLES.filter((role) => "train" in recipe[role]).map((role) => ({ name: role as string, copies: 1 })),
    ...students.map(({ name, seeds }) => ({ name, copies: seeds.length })),
  ];
  add(
    "models",
    made.map(({ name, copies }) => models.get(name) && 4 * copies * models.get(name)!.parameterCount),
  );
  const saving = made.filter(({ name }) => savesWhileTraining(recipe, compute, name));
  const largest = Math.max(0, ...saving.map(({ name }) => models.get(name)?.parameterCount ?? 0));
  if (largest > 0) add("checkpoints, at their most", [CHECKPOINTS * CHECKPOINT_BYTES * largest]);
  return uses;
}

/**
 * Holds what is needed against what is free.
 * @param folder - of the run; it need not exist yet   @param given - bytes that are free there, where it is on another machine
 */
export async function diskFindings(
  uses: readonly DiskUse[],
  folder: string,
  given?: number,
): Promise<{ free: number; findings: Finding[] }> {
  const free = given ?? (await freeBytes(resolve(folder)));
  const known = sum(uses.map(({ bytes }) => bytes ?? 0));
  const open = uses.filter(({ bytes }) => bytes === null).map(({ kind }) => kind);
  const found = `${gigabytes(known)}${open.length === 0 ? "" : `, and what ${open.join(", ")} take, which is not known yet`}`;
  const told = { where: folder, found, expected: `at most the ${gigabytes(free)} that are free` };
  if (known <= FULL * free)
    return { free, findings: [fine("disk", "the disk has room for what the run writes", told)] };
  const fix =
    "free some space, write elsewhere with --out, or keep less: fewer seeds, a smaller topK, score.perToken: false";
  if (known <= free)
    return { free, findings: [warning("disk", "HC4342", { what: "the run fills most of the disk", ...told, fix })] };
  const finding: Finding = {
    level: "error",
    subject: "disk",
    code: "HC4341",
    what: "the disk has no room for what the run writes",
    ...told,
    fix,
  };
  return { free, findings: [finding] };
}

/** Share of the free space from which on a warning is due. */
const FULL = 0.8;

const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);
const gigabytes = (bytes: number) => `${(bytes / 1e9).toFixed(bytes < 1e9 ? 3 : 1)} GB`;

function packedBytes(amount: Amount | undefined, ids: number | undefined): number | undefined {
  if (amount === undefined || ids === undefined) return undefined;
  return amount.tokens * (ids < UINT16_VOCABULARY ? 2 : 4) + amount.instances * INSTANCE_BYTES;
}

/** Ids of a tokenizer, or as many as a model of it has embeddings for. */
function idsOf(
  recipe: Recipe,
  models: ReadonlyMap<string, CausalDescription>,
  tokenizer: string | undefined,
): number | undefined {
  const reader = recipe.students.find((student) => student.tokenizer === tokenizer)?.name;
  return models.get(reader ?? ROLES.find((role) => recipe[role].tokenizer === tokenizer) ?? "")?.config.vocabSize;
}

function hasPackOfItsOwn(recipe: Recipe, role: (typeof ROLES)[number]): boolean {
  const source = recipe[role];
  return "train" in source && (source.train.where !== undefined || source.train.maxTokens !== undefined);
}

/** Instances that are written as text beside a selection: groups from both ends of the ranking. */
function instancesInStrata(instances: number): number {
  const { ends, shares, samples } = PAPER_STRATA;
  const drawn = shares.map((share) => Math.min(samples, Math.max(1, Math.floor(share * instances))));
  return 2 * sum([Math.min(ends, instances), ...drawn]);
}

/** Whether a training is longer than the way to its first checkpoint; where its length is not known, it may be. */
function savesWhileTraining(recipe: Recipe, { students }: Compute, name: string): boolean {
  const role = ROLES.find((each) => each === name);
  const source = role === undefined ? undefined : recipe[role];
  const train =
    source && "train" in source ? source.train : recipe.students.find((student) => student.name === name)?.train;
  const steps = students.find((student) => student.name === name)?.steps ?? train?.steps ?? null;
  return train !== undefined && (steps === null || steps > train.checkpointEvery);
}

/** Bytes that are free where a folder is, or will be. */
async function freeBytes(folder: string): Promise<number> {
  try {
    const { bavail, bsize } = await statfs(folder);
    return bavail * bsize;
  } catch (error) {
    if (!isMissing(error) || dirname(folder) === folder) throw error;
    return freeBytes(dirname(folder));
  }
}
