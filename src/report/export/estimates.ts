import { deviation } from "d3-array";
import { SIGNIFICANT } from "../task_findings.ts";
import type { Figure, Mark, Row } from "./table.ts";

/** Standard error of a mean over trainings; undefined for one. */
export function seedError(values: readonly number[]): number | undefined {
  const spread = deviation(values);
  return spread === undefined ? undefined : spread / Math.sqrt(values.length);
}

/** A comparison of a student with what it is held against, on one set or task. */
export interface Contrast {
  student: string;
  against: string;
  on: string;
  interval: readonly [number, number];
  pHolm?: number | undefined;
}

/** What each student is held against; undefined where every pair is compared, so that no student is the baseline. */
export function baselinesOf(contrasts: readonly Contrast[]): Map<string, string> | undefined {
  const baselines = new Map<string, string>();
  for (const { student, against } of contrasts) {
    if ((baselines.get(student) ?? against) !== against) return undefined;
    baselines.set(student, against);
  }
  return baselines.size === 0 ? undefined : baselines;
}

/** What a comparison adds to the student's figure: its p, and a mark where it is clear. */
export function marked({ interval, pHolm }: Contrast): Pick<Figure, "p" | "mark"> {
  if (pHolm !== undefined) return { p: pHolm, ...(pHolm < SIGNIFICANT && { mark: "*" as const }) };
  return interval[0] > 0 || interval[1] < 0 ? { mark: "†" } : {};
}

/** Sentences on marks, for the kinds of comparison there are. @param test - what p is of, "paired t test over seeds, …" */
export function markSentences(
  contrasts: readonly Contrast[],
  baselines: ReadonlyMap<string, string>,
  test: string,
): string[] {
  const names = [...new Set(baselines.values())];
  const against = names.length === 1 ? names[0]! : "the baseline of its row";
  const sentences: Record<Mark, string> = {
    "*": `*: differs from ${against} with p < ${SIGNIFICANT} (${test}).`,
    "†": `†: the 95 % interval of its difference from ${against} leaves out 0, not adjusted for several comparisons.`,
  };
  const shown = new Set(contrasts.map(({ pHolm }): Mark => (pHolm === undefined ? "†" : "*")));
  return (["*", "†"] as const).filter((mark) => shown.has(mark)).map((mark) => sentences[mark]);
}

/** How the ± of a table came about. @param several, one - what is shown for several seeds, and for one */
export function intervalSentence(seeds: readonly number[], several: string, one: string): string {
  const [some, single] = [seeds.some((n) => n > 1), seeds.includes(1)];
  const kinds = some && single ? `${several}, where there is one seed ${one}` : some ? several : one;
  return `${some ? "Means over seeds" : "One seed each,"} ± half the width of their 95 % interval: ${kinds}.`;
}

/** Values that differ by less are equal but for rounding. */
const ROUNDING = 1e-9;

/** Marks the best figure of a column among the rows of a group, where there are two or more and no other is equal to it. */
export function markBest(rows: readonly Row[], group: string, column: number, better: "lower" | "higher"): void {
  const figures = rows.flatMap((row) => {
    const cell = row.group === group ? row.cells[column] : undefined;
    return cell === undefined || cell === null || typeof cell === "string" ? [] : [cell];
  });
  if (figures.length < 2) return;
  const values = figures.map(({ value }) => value);
  const best = better === "lower" ? Math.min(...values) : Math.max(...values);
  const [only, ...others] = figures.filter(({ value }) => Math.abs(value - best) < ROUNDING);
  if (only !== undefined && others.length === 0) only.best = true;
}
