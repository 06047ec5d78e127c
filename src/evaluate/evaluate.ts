import { openInstances } from "../corpus/instances.ts";
import { HeartcutError } from "../errors.ts";
import { readJsonl } from "../formats/jsonl.ts";
import { publishJson } from "../formats/publish.ts";
import { checkpointSignal, type StageContext } from "../progress.ts";
import { readScoreFolder, type ScoreFolder } from "../score/files.ts";
import type { MetricsLine } from "../train/record.ts";
import { computeSaved } from "./compute_saved.ts";
import { heldOutLoss } from "./held_out.ts";
import { compareSeeds, type SeededComparison, type SeededLosses, type SeedSummary, summarizeSeeds } from "./paired.ts";
import type { Evaluation, HeldOutLoss, PairedComparison } from "./record.ts";

/** One trained student with its scores on the held-out sets. */
export interface EvaluatedStudent {
  /** Students of one name differ by seed only. */
  name: string;
  seed: number;
  /** Score folder on each set, by the set's name. */
  scores: Record<string, string>;
  /** metrics.jsonl of its training; without it no compute saved is worked out. */
  metrics?: string | undefined;
}

/** Input of the evaluation stage. */
export interface EvaluateInput {
  students: readonly EvaluatedStudent[];
  /** Further models, such as the teacher: their losses are worked out, and compared with nothing. */
  others?: readonly { model: string; scores: Record<string, string> }[];
  /** Folder of instances of each held-out set, by name. */
  sets: Record<string, string>;
  /** Student every other one is compared with; each pair is compared where there is none. */
  baseline?: string | undefined;
  seed: number;
  /** Path of evaluation.json. */
  output: string;
}

/** evaluation.json as this stage writes it: the record every reader knows, and the same over seeds. */
export interface EvaluationResult extends Evaluation {
  students: SeedSummary[];
  seeded: SeededComparison[];
}

/** Name of one student in evaluation.json. */
export function studentModel(name: string, seed: number): string {
  return `${name}-seed${seed}`;
}

/**
 * Works out the held-out losses of all models, compares the students in pairs and over seeds, and writes evaluation.json.
 * @throws HeartcutError HC3005, HC3006 as readScoreFolder; HC3205 for scores of another set, HC3206 for a baseline that is no student;
 *   HC3201-HC3204 as the functions it uses
 */
export async function evaluateRun(input: EvaluateInput, context: StageContext): Promise<EvaluationResult> {
  const names = [...new Set(input.students.map((student) => student.name))];
  const pairs = comparedPairs(names, input.baseline);
  const result: EvaluationResult = { losses: [], comparisons: [], students: [], seeded: [], computeSaved: [] };
  const curves = await readCurves(input.students);
  for (const [set, instances] of Object.entries(input.sets)) {
    const { losses, others } = await lossesOn(set, instances, input, context);
    for (const student of losses.values()) {
      result.losses.push(...student.seeds.map(({ loss }) => loss));
      result.students.push(summarizeSeeds(student));
    }
    result.losses.push(...others);
    for (const [a, b] of pairs) {
      await checkpointSignal(context);
      const seeded = compareSeeds(losses.get(a)!, losses.get(b)!, { seed: input.seed });
      result.seeded.push(seeded);
      result.comparisons.push(...comparisonsOf(seeded));
      const [curvesA, curvesB] = [curves.get(a), curves.get(b)];
      if (curvesA !== undefined && curvesB !== undefined) {
        result.computeSaved.push(computeSaved({ name: a, curves: curvesA }, { name: b, curves: curvesB }, set));
      }
    }
  }
  await publishJson(input.output, result);
  return result;
}

async function lossesOn(
  set: string,
  instances: string,
  input: EvaluateInput,
  context: StageContext,
): Promise<{ losses: Map<string, SeededLosses>; others: HeldOutLoss[] }> {
  const reader = await openInstances(instances);
  try {
    const sources = (await reader.rows()).map((row) => row.source);
    const byName = new Map<string, { seed: number; loss: HeldOutLoss }[]>();
    let first: ScoreFolder | undefined;
    const lossOf = async (model: string, scores: Record<string, string>): Promise<HeldOutLoss> => {
      await checkpointSignal(context);
      const folder = scores[set];
      if (folder === undefined) throw otherSet(set, `model ${model}`, "no scores");
      const scored = await readScoreFolder(folder);
      first ??= scored;
      const [one, other] = [first.summary, scored.summary];
      const same = (["corpus", "mask", "documentBarrier"] as const).every((key) => one[key] === other[key]);
      if (!same || scored.rows.length !== sources.length)
        throw otherSet(set, folder, `${scored.rows.length} instances, corpus ${other.corpus}`);
      return heldOutLoss({ model, set, rows: scored.rows, sources }, { seed: input.seed });
    };
    for (const [done, { name, seed, scores }] of input.students.entries()) {
      const loss = await lossOf(studentModel(name, seed), scores);
      byName.set(name, [...(byName.get(name) ?? []), { seed, loss }]);
      context.report({
        type: "progress",
        stage: context.stage,
        done: done + 1,
        total: input.students.length,
        unit: "students",
      });
    }
    const others: HeldOutLoss[] = [];
    for (const { model, scores } of input.others ?? []) others.push(await lossOf(model, scores));
    return { losses: new Map([...byName].map(([name, seeds]) => [name, { name, seeds }])), others };
  } finally {
    reader.close();
  }
}

/** Each pair of seeds under the students' own names, and the whole where there is more than one pair. */
function comparisonsOf(seeded: SeededComparison): PairedComparison[] {
  const { set, a, b, difference, interval, aBetter } = seeded;
  const single = seeded.seeds.map((pair) => ({
    set,
    a: studentModel(a, pair.seedA),
    b: studentModel(b, pair.seedB),
    difference: pair.difference,
    interval: pair.interval,
    aBetter: pair.aBetter,
  }));
  return single.length === 1 ? single : [{ set, a, b, difference, interval, aBetter }, ...single];
}

function comparedPairs(names: readonly string[], baseline: string | undefined): [string, string][] {
  if (baseline === undefined) return names.flatMap((a, i) => names.slice(i + 1).map((b): [string, string] => [a, b]));
  if (names.includes(baseline)) return names.filter((name) => name !== baseline).map((name) => [name, baseline]);
  throw new HeartcutError("HC3206", {
    what: "the baseline of the evaluation is no student",
    found: baseline,
    expected: names.join(", "),
    fix: "set evaluate.baseline to the name of a student",
  });
}

/** Loss curves by student name, for students whose seeds all have one. */
async function readCurves(students: readonly EvaluatedStudent[]): Promise<Map<string, MetricsLine[][]>> {
  const curves = new Map<string, MetricsLine[][]>();
  for (const { name } of students) {
    const seeds = students.filter((student) => student.name === name);
    if (curves.has(name) || seeds.some((student) => student.metrics === undefined)) continue;
    curves.set(name, await Promise.all(seeds.map((student) => readMetrics(student.metrics!))));
  }
  return curves;
}

async function readMetrics(path: string): Promise<MetricsLine[]> {
  const lines: MetricsLine[] = [];
  for await (const { value } of readJsonl<MetricsLine>(path)) lines.push(value);
  return lines;
}

function otherSet(set: string, where: string, found: string): HeartcutError {
  return new HeartcutError("HC3205", {
    what: "a model was not scored on this held-out set",
    where: `set ${set}, ${where}`,
    found,
    expected: "scores of the same instances under the same mask and barrier as the other models have",
    fix: "score all models on the set as it is now",
  });
}
