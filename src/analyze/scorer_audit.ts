import { HeartcutError } from "../errors.ts";
import type { EvaluationResult } from "../evaluate/record.ts";
import type { NllRow, ScoreRow } from "../score/record.ts";
import { spearman } from "../statistics.ts";
import { compressionRatio } from "./lexical.ts";
import type { Regret, ScorerAudit } from "./record.ts";

/** Scores that cost little or nothing, each so that a selection would keep its highest. */
export const BASELINES = ["low_teacher_nll", "high_reference_nll", "length", "low_compression_ratio"] as const;
export type Baseline = (typeof BASELINES)[number];

/** A baseline's score of every instance. @param textOf - text of an instance; read by low_compression_ratio only */
export function baselineScores(
  baseline: Baseline,
  rows: readonly ScoreRow[],
  textOf: (instance: number) => string,
): Float64Array {
  const scoreOf: Record<Baseline, (row: ScoreRow) => number> = {
    low_teacher_nll: (row) => -row.nll_teacher,
    high_reference_nll: (row) => row.nll_reference,
    length: (row) => row.tokens,
    low_compression_ratio: (row) => -compressionRatio([textOf(row.instance)]),
  };
  return Float64Array.from(rows, scoreOf[baseline]);
}

/** The difference with another teacher in the place of the exact one: the reference's mean NLL minus its own.
 * @throws HeartcutError HC3610 if the two are not of the same instances and positions */
export function differenceWithTeacher(
  rows: readonly ScoreRow[],
  teacher: readonly NllRow[],
  where: string,
): Float64Array {
  checkSame(rows, teacher, where);
  return Float64Array.from(rows, (row, i) => row.nll_reference - teacher[i]!.nll_mean);
}

/** Refuses scores of other instances. @throws HeartcutError HC3610 */
export function checkSame(
  exact: readonly ScoreRow[],
  cheap: readonly { instance: number; tokens: number }[],
  where: string,
): void {
  const at = exact.findIndex((row, i) => row.instance !== cheap[i]?.instance || row.tokens !== cheap[i].tokens);
  if (at < 0 && exact.length === cheap.length) return;
  throw new HeartcutError("HC3610", {
    what: "the cheap scores are not of the instances of the exact ones",
    where,
    found: at < 0 ? `${cheap.length} instances` : `instance ${at}: ${cheap[at]?.tokens ?? "no"} scored positions`,
    expected: at < 0 ? `${exact.length}` : `${exact[at]!.tokens}`,
    why: "only scores of the same positions compare",
    fix: "score the same instances under the same mask with both",
  });
}

/** What is compared. */
export interface ScorerAuditInput {
  /** How the two are called. */
  cheap: string;
  exact: string;
  /** Scores by instance, the higher the better. */
  cheapScores: ArrayLike<number>;
  exactScores: ArrayLike<number>;
  /** 1 where an instance was scored: the others are never selected. */
  eligible: Uint8Array;
  /** Shares of the corpus that are kept. */
  ratios: readonly number[];
  /** The selection's own rule: ascending instances that a ratio of these scores keeps. */
  keep: (scores: ArrayLike<number>, eligible: Uint8Array, ratio: number) => Int32Array;
  regret?: readonly Regret[] | undefined;
}

/** Holds a cheap scorer against the exact one: rank correlation of the scored instances, and how much of the exact selection the
 * cheap one keeps. @throws HeartcutError HC3611 for a ratio that keeps nothing; those of `keep` */
export function auditScorer(input: ScorerAuditInput): ScorerAudit {
  const { cheap, exact, cheapScores, exactScores, eligible, ratios, keep, regret = [] } = input;
  const rows = Int32Array.from(eligible.keys()).filter((i) => eligible[i] === 1);
  const column = (scores: ArrayLike<number>) => Float64Array.from(rows, (i) => scores[i]!);
  return {
    cheap,
    exact,
    instances: rows.length,
    spearman: spearman(column(cheapScores), column(exactScores)) ?? null,
    overlap: ratios.map((ratio) => {
      const wanted = keep(exactScores, eligible, ratio);
      if (wanted.length === 0)
        throw new HeartcutError("HC3611", {
          what: "a ratio keeps nothing, so selections do not compare",
          found: `${ratio} of ${eligible.length} instances`,
          fix: "give a higher ratio",
        });
      const kept = new Set(keep(cheapScores, eligible, ratio));
      return { ratio, shared: wanted.reduce((sum, i) => sum + Number(kept.has(i)), 0) / wanted.length };
    }),
    regret: [...regret],
  };
}

/**
 * What a student lost by training on the cheap selection instead of the exact one, on each held-out set of an evaluation. The paired
 * comparison of the two is taken where the evaluation has it, over seeds or instances as it says; else the losses are subtracted.
 * @throws HeartcutError HC3612 if a set was evaluated for neither or only one of them
 */
export function regretOf(
  evaluation: Pick<EvaluationResult, "losses" | "comparisons" | "students">,
  cheapStudent: string,
  exactStudent: string,
): Regret[] {
  const { losses, comparisons, students } = evaluation;
  const names = { cheapStudent, exactStudent };
  const regrets = [...new Set(losses.map(({ set }) => set))].flatMap((set): Regret[] => {
    const forward = comparisons.find((c) => c.set === set && c.a === exactStudent && c.b === cheapStudent);
    const backward = comparisons.find((c) => c.set === set && c.a === cheapStudent && c.b === exactStudent);
    const found = forward ?? backward;
    if (found !== undefined) {
      const [low, high] = found.interval;
      const sign = found === forward ? 1 : -1;
      const interval: [number, number] = found === forward ? [low, high] : [-high, -low];
      return [
        { set, ...names, difference: sign * found.difference, interval, ...(found.unit && { unit: found.unit }) },
      ];
    }
    // A student of several seeds goes by its mean, one seed by its own loss.
    const lossOf = (name: string) =>
      (students.find((s) => s.set === set && s.name === name) ?? losses.find((l) => l.set === set && l.model === name))
        ?.loss;
    const [cheap, exact] = [lossOf(cheapStudent), lossOf(exactStudent)];
    if (cheap === undefined || exact === undefined) return [];
    return [{ set, ...names, difference: cheap - exact, interval: null }];
  });
  if (regrets.length > 0) return regrets;
  const known = [
    ...new Set([
      ...students.map((s) => s.name),
      ...losses.map((l) => l.model),
      ...comparisons.flatMap((c) => [c.a, c.b]),
    ]),
  ];
  throw new HeartcutError("HC3612", {
    what: "the evaluation does not hold these two students on a common set",
    found: `${cheapStudent} and ${exactStudent}`,
    expected: `two of: ${known.join(", ")}`,
    fix: "name students that were evaluated",
  });
}
