import { join } from "node:path";
import { z } from "zod";
import { HeartcutError } from "../errors.ts";
import { readJsonFile } from "../formats/json_file.ts";
import { openManifest } from "../formats/manifest.ts";
import { readParquet, readParquetColumns, writeParquet } from "../formats/parquet.ts";
import type { Published } from "../formats/publish.ts";
import type { NllRow, ScoreRow } from "./record.ts";

/** File that says what the shards of a score folder are; written last. */
export const SUMMARY_NAME = "score.json";

const summarySchema = z.strictObject({
  /** Fingerprints of the model and, by content, of the instances. */
  model: z.string(),
  corpus: z.string(),
  mask: z.enum(["miniplm", "all"]),
  perToken: z.boolean(),
  documentBarrier: z.boolean(),
  instances: z.int().nonnegative(),
  /** All tokens of the instances, and those positions that were scored. */
  tokens: z.int().nonnegative(),
  scoredTokens: z.int().nonnegative(),
  /** Instances without a scored position: never selected, never part of a loss. */
  unscoredInstances: z.int().nonnegative(),
  /** Mean over the scored instances of their mean NLL, in nats per token; null if there is none. */
  meanNll: z.number().nullable(),
  shards: z.array(z.string()),
});

/** score.json: what one model was run over and what came out. */
export type ScoreSummary = z.infer<typeof summarySchema>;

/** One model's scores over one folder of instances, read back. */
export interface ScoreFolder {
  folder: string;
  summary: ScoreSummary;
  /** In instance order, without gaps. */
  rows: NllRow[];
}

/** Reads score.json of a finished score folder. @throws HeartcutError HC3005 if scoring did not finish */
export async function readScoreSummary(folder: string): Promise<ScoreSummary> {
  const path = join(folder, SUMMARY_NAME);
  const manifest = await openManifest(folder);
  if (!(await manifest.isIntact(SUMMARY_NAME, { deep: true }))) {
    throw new HeartcutError("HC3005", {
      what: "the scores are not complete",
      where: path,
      found: `${manifest.entries().length} committed files and no committed ${SUMMARY_NAME}`,
      fix: "run the scoring stage again: it resumes behind the last finished shard",
    });
  }
  return summarySchema.parse(await readJsonFile(path));
}

/** The rows of a finished score folder in instance order, holding one shard at a time; each is checked against its committed hash.
 * @throws HeartcutError HC3005 if scoring did not finish, HC3006 if a shard is missing or damaged */
export async function* scanScores(folder: string): AsyncGenerator<NllRow> {
  const { shards } = await readScoreSummary(folder);
  const manifest = await openManifest(folder);
  let next = 0;
  for (const name of shards) {
    const shard = (await manifest.isIntact(name, { deep: true })) ? await readParquet<NllRow>(join(folder, name)) : [];
    const inOrder = shard.length > 0 && shard.every((row, at) => row.instance === next + at);
    if (!inOrder) throw damagedShard(join(folder, name));
    yield* shard;
    next += shard.length;
  }
}

/** Reads a finished score folder, every shard checked against its committed hash.
 * @throws HeartcutError HC3005 if scoring did not finish, HC3006 if a shard is missing or damaged */
export async function readScoreFolder(folder: string): Promise<ScoreFolder> {
  const summary = await readScoreSummary(folder);
  const rows: NllRow[] = [];
  for await (const row of scanScores(folder)) rows.push(row);
  return { folder, summary, rows };
}

function damagedShard(where: string): HeartcutError {
  return new HeartcutError("HC3006", {
    what: "a score shard is missing or damaged",
    where,
    found: "content that differs from what the manifest committed",
    fix: "run the scoring stage again: it makes this shard anew and keeps the others",
  });
}

/** Columns of scores.parquet, in order. */
const SCORE_COLUMNS = {
  instance: "int32",
  tokens: "int32",
  source: "string",
  first_document: "string",
  last_document: "string",
  nll_teacher: "double",
  nll_reference: "double",
  difference: "double",
} as const;

/** Publishes scores.parquet. */
export async function writeScores(path: string, rows: readonly ScoreRow[]): Promise<Published> {
  return writeParquet(path, [
    { name: "instance", type: SCORE_COLUMNS.instance, data: rows.map((r) => r.instance) },
    { name: "tokens", type: SCORE_COLUMNS.tokens, data: rows.map((r) => r.tokens) },
    { name: "source", type: SCORE_COLUMNS.source, data: rows.map((r) => r.source) },
    { name: "first_document", type: SCORE_COLUMNS.first_document, data: rows.map((r) => r.first_document) },
    { name: "last_document", type: SCORE_COLUMNS.last_document, data: rows.map((r) => r.last_document) },
    { name: "nll_teacher", type: SCORE_COLUMNS.nll_teacher, data: rows.map((r) => r.nll_teacher) },
    { name: "nll_reference", type: SCORE_COLUMNS.nll_reference, data: rows.map((r) => r.nll_reference) },
    { name: "difference", type: SCORE_COLUMNS.difference, data: rows.map((r) => r.difference) },
  ]);
}

/** Reads scores.parquet. @throws HeartcutError HC1041 if a column is missing or of another type */
export async function readScores(path: string): Promise<ScoreRow[]> {
  const columns = await readParquetColumns(path, SCORE_COLUMNS);
  return Array.from(columns.instance, (instance, i) => ({
    instance,
    tokens: columns.tokens[i]!,
    source: columns.source[i]!,
    first_document: columns.first_document[i]!,
    last_document: columns.last_document[i]!,
    nll_teacher: columns.nll_teacher[i]!,
    nll_reference: columns.nll_reference[i]!,
    difference: columns.difference[i]!,
  }));
}
