import { openInstances } from "../corpus/instances.ts";
import type { InstanceReader } from "../corpus/record.ts";
import { publishJsonl } from "../formats/jsonl.ts";
import { readParquetColumns } from "../formats/parquet.ts";
import type { Published } from "../formats/publish.ts";
import { type LossMask, lossMask, type MaskIds } from "../models/loss_mask.ts";
import { checkpointSignal, type StageContext } from "../progress.ts";
import { Random } from "../random.ts";
import { readScores } from "./files.ts";
import type { Example, ScoreRow } from "./record.ts";
import type { TokenNllModel } from "./scorer.ts";

/** Input of the stage that writes examples.jsonl. */
export interface ExamplesInput {
  teacher: TokenNllModel;
  reference: TokenNllModel;
  tokenizer: { pieces(ids: Int32Array): string[] };
  instances: string;
  /** scores.parquet, and the selection whose examples are shown with its selection.parquet. */
  scores: string;
  selection: { name: string; file: string };
  /** Path of examples.jsonl. */
  output: string;
  /** Examples of each stratum. */
  count: number;
  /** As the instances were scored. */
  mask: LossMask;
  ids: MaskIds;
  documentBarrier: boolean;
  seed: number;
}

/** Share of the ranking from which the sampled half of a stratum is drawn. */
const POOL_SHARE = 0.01;

/** Instances to be shown, by stratum. */
export type ExampleChoice = Record<Example["stratum"], ScoreRow[]>;

/** Chooses instances from the top, the bottom and the cut of the ranking by difference. Half of each stratum are the utmost ones,
 * the others a seeded sample of the 1 % behind them, so that the typical is seen beside the extreme. No instance appears twice.
 * @param rows - scored instances   @param kept - how many of the ranking lie above the cut   @param count - per stratum */
export function chooseExamples(rows: readonly ScoreRow[], kept: number, count: number, seed: number): ExampleChoice {
  const ranking = rows
    .filter((row) => row.tokens > 0)
    .sort((a, b) => b.difference - a.difference || a.instance - b.instance);
  const nearCut = ranking
    .map((_, rank) => rank)
    .sort((a, b) => Math.abs(a + 0.5 - kept) - Math.abs(b + 0.5 - kept) || a - b);
  const orders: [Example["stratum"], ScoreRow[]][] = [
    ["top", ranking],
    ["bottom", ranking.toReversed()],
    ["borderline", nearCut.map((rank) => ranking[rank]!)],
  ];
  const taken = new Set<number>();
  const choice: ExampleChoice = { top: [], bottom: [], borderline: [] };
  for (const [stratum, order] of orders) {
    const free = order.filter((row) => !taken.has(row.instance));
    const utmost = free.slice(0, Math.ceil(count / 2));
    const pool = free.slice(utmost.length, Math.max(count, Math.ceil(POOL_SHARE * ranking.length)));
    const drawn = new Random(seed, `score/examples/${stratum}`)
      .permutation(pool.length)
      .subarray(0, count - utmost.length)
      .sort();
    choice[stratum] = [...utmost, ...Array.from(drawn, (at) => pool[at]!)];
    for (const row of choice[stratum]) taken.add(row.instance);
  }
  return choice;
}

/** Writes examples.jsonl: instances of a selection as text, with what both models make of each token. */
export async function writeExamples(input: ExamplesInput, context: StageContext): Promise<Published> {
  const rows = await readScores(input.scores);
  const kept = new Set((await readParquetColumns(input.selection.file, { instance: "int32" })).instance);
  const choice = chooseExamples(rows, kept.size, input.count, input.seed);
  const reader = await openInstances(input.instances);
  try {
    const examples: Example[] = [];
    for (const stratum of ["top", "bottom", "borderline"] as const) {
      for (const row of choice[stratum]) {
        await checkpointSignal(context);
        examples.push(await exampleOf(input, reader, row, stratum, kept.has(row.instance)));
      }
    }
    return await publishJsonl(input.output, examples);
  } finally {
    reader.close();
  }
}

async function exampleOf(
  input: ExamplesInput,
  reader: InstanceReader,
  row: ScoreRow,
  stratum: Example["stratum"],
  kept: boolean,
): Promise<Example> {
  const tokens = reader.read(row.instance);
  const scored = lossMask(tokens, input.mask, input.ids);
  const perPiece = async (model: TokenNllModel) => {
    const [nll] = await model.tokenNll([tokens], input.documentBarrier ? { eosId: input.ids.eosId } : undefined);
    return [null, ...Array.from(scored, (on, t) => (on === 1 ? nll![t]! : null))];
  };
  return {
    instance: row.instance,
    source: row.source,
    first_document: row.first_document,
    stratum,
    selection: input.selection.name,
    kept,
    difference: row.difference,
    nll_teacher: row.nll_teacher,
    nll_reference: row.nll_reference,
    pieces: input.tokenizer.pieces(tokens),
    token_nll_teacher: await perPiece(input.teacher),
    token_nll_reference: await perPiece(input.reference),
  };
}
