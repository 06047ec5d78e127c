import { openInstances } from "../corpus/instances.ts";
import type { InstanceRow } from "../corpus/record.ts";
import { HeartcutError } from "../errors.ts";
import type { Published } from "../formats/publish.ts";
import { checkpointSignal, type StageContext } from "../progress.ts";
import { readContent } from "./content.ts";
import { readScoreFolder, type ScoreFolder, type ScoreSummary, writeScores } from "./files.ts";
import type { NllRow, ScoreRow } from "./record.ts";

/** How per-token NLLs become one number: the mean (the method's code) or the sum (the formula printed in the paper). */
export type Reduction = "mean" | "sum";

/** Input of the joining stage. */
export interface JoinInput {
  /** Score folders of the two models over the same instances. */
  teacherFolder: string;
  referenceFolder: string;
  instancesFolder: string;
  reduction: Reduction;
  /** Path of scores.parquet. */
  output: string;
}

/**
 * Joins the scores of teacher and reference into scores.parquet, in corpus order.
 * @throws HeartcutError HC3005, HC3006 as readScoreFolder; HC3007 if the scores are of other instances, another mask or another barrier
 */
export async function joinScores(input: JoinInput, context: StageContext): Promise<Published & { rows: number }> {
  const teacher = await readScoreFolder(input.teacherFolder);
  const reference = await readScoreFolder(input.referenceFolder);
  requireEqual(teacher, reference, "corpus", "scores of other instances");
  requireEqual(teacher, reference, "mask", "scores under another loss mask");
  requireEqual(teacher, reference, "documentBarrier", "scores with another document barrier");
  const reader = await openInstances(input.instancesFolder);
  try {
    const { fingerprint } = await readContent(reader, { shardInstances: 4096 }, context);
    if (fingerprint !== teacher.summary.corpus) {
      throw mismatch(
        "the instances are not those that were scored",
        input.instancesFolder,
        fingerprint,
        teacher.summary.corpus,
      );
    }
    const rows = joinRows(teacher.rows, reference.rows, await reader.rows(), input.reduction);
    await checkpointSignal(context);
    return { ...(await writeScores(input.output, rows)), rows: rows.length };
  } finally {
    reader.close();
  }
}

/** Difference score of each instance: NLL of the reference minus NLL of the teacher. All lists in instance order.
 * Source: MiniPLM, arXiv:2410.17215 */
export function joinRows(
  teacher: readonly NllRow[],
  reference: readonly NllRow[],
  instances: readonly InstanceRow[],
  reduction: Reduction,
): ScoreRow[] {
  const column = reduction === "mean" ? "nll_mean" : "nll_sum";
  return instances.map(({ instance, source, first_document, last_document }, i) => {
    const nll_teacher = teacher[i]![column];
    const nll_reference = reference[i]![column];
    const { tokens } = teacher[i]!;
    const difference = nll_reference - nll_teacher;
    return { instance, tokens, source, first_document, last_document, nll_teacher, nll_reference, difference };
  });
}

function requireEqual(a: ScoreFolder, b: ScoreFolder, key: keyof ScoreSummary, what: string): void {
  if (a.summary[key] === b.summary[key]) return;
  throw mismatch(
    `teacher and reference hold ${what}`,
    `${a.folder} and ${b.folder}`,
    String(b.summary[key]),
    String(a.summary[key]),
  );
}

function mismatch(what: string, where: string, found: string, expected: string): HeartcutError {
  return new HeartcutError("HC3007", {
    what,
    where,
    found,
    expected,
    why: "a difference is taken instance by instance",
    fix: "score these instances with both models, with one mask and one barrier; models of different tokenizers compare in bits per byte (joinBitsPerByte)",
  });
}
