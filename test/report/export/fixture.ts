import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { compareSeeds, type SeededLosses, summarizeSeeds } from "../../../src/evaluate/paired.ts";
import type { EvaluationResult, HeldOutLoss } from "../../../src/evaluate/record.ts";
import { holmWithin } from "../../../src/evaluate/statistics.ts";
import { writeTaskEvaluation } from "../../../src/evaluate/task_comparison_files.ts";
import type { TaskEvaluation } from "../../../src/evaluate/task_comparison_record.ts";
import { publishJson } from "../../../src/formats/publish.ts";
import { type FixtureOptions, finishedRun } from "../fixture.ts";
import { writeRunFolder } from "../run_folder.ts";

/** Evaluation on two tasks: one with a clear gain, one without. */
export function taskEvaluation(more: Partial<TaskEvaluation> = {}): TaskEvaluation {
  const score = (student: string, task: string, mean: number) => ({
    student,
    task,
    metric: "acc_norm",
    higherIsBetter: true,
    mean,
    interval: [mean - 0.02, mean + 0.02] as [number, number],
    intervalOver: "seeds" as const,
    chance: 0.25,
    items: 500,
    of: 500,
    fewshot: 0,
    seeds: [1, 2, 3].map((seed) => ({ seed, value: mean, stderr: 0.01 })),
  });
  const comparison = (task: string, difference: number, pHolm: number | null) => ({
    task,
    metric: task === "average" ? "average" : "acc_norm",
    higherIsBetter: true,
    a: "random",
    b: "difference",
    difference,
    interval: [difference - 0.01, difference + 0.01] as [number, number],
    intervalOver: "seeds" as const,
    itemInterval: [difference - 0.02, difference + 0.02] as [number, number],
    seeds: [1, 2, 3],
    items: 500,
    pSeeds: pHolm,
    pMcNemar: pHolm,
    pHolm,
  });
  const average = (student: string, mean: number) => {
    const { interval, intervalOver, chance, seeds } = score(student, "", mean);
    return { student, mean, interval, intervalOver, chance, tasks: ["hellaswag", "piqa"], seeds };
  };
  return {
    scores: [
      score("difference", "hellaswag", 0.34),
      score("difference", "piqa", 0.55),
      score("random", "hellaswag", 0.3),
      score("random", "piqa", 0.56),
    ],
    averages: [average("difference", 0.445), average("random", 0.43)],
    comparisons: [
      comparison("hellaswag", 0.04, 0.0004),
      comparison("piqa", -0.01, 0.4),
      comparison("average", 0.015, null),
    ],
    limited: false,
    others: [{ model: "teacher", task: "hellaswag", metric: "acc_norm", value: 0.41, stderr: 0.02 }],
    ...more,
  };
}

/** A run folder whose evaluation is the whole record. @returns its path, and the evaluation */
export async function exportRun(
  options: FixtureOptions & { name?: string; student?: string; tasks?: TaskEvaluation } = {},
): Promise<{ folder: string; evaluation: EvaluationResult }> {
  const folder = join(await mkdtemp(join(tmpdir(), "heartcut-export-")), "run");
  const data = finishedRun(options);
  const { name = data.run.name, student = "difference", tasks } = options;
  const run = { ...data.run, name };
  await writeRunFolder({ ...data, run }, folder);
  const evaluation = wholeRecord(data.evaluation!.losses, data.evaluation!, student);
  await publishJson(join(folder, "evaluate/evaluation.json"), evaluation);
  if (tasks !== undefined) await writeTaskEvaluation(join(folder, "evaluate/tasks.json"), tasks);
  return { folder, evaluation };
}

function wholeRecord(
  losses: readonly HeldOutLoss[],
  { computeSaved }: Pick<EvaluationResult, "computeSaved">,
  renamed: string,
): EvaluationResult {
  const named = (model: string) => model.replace(/^difference(?=-seed|$)/, renamed);
  const renamedLosses = losses.map((loss) => ({ ...loss, model: named(loss.model) }));
  const sets = [...new Set(losses.map(({ set }) => set))];
  const students: SeededLosses[] = sets.flatMap((set) =>
    [renamed, "random"].map((name) => ({
      name,
      seeds: renamedLosses.flatMap((loss) => {
        const seed = loss.model.startsWith(`${name}-seed`) ? Number(loss.model.slice(name.length + 5)) : undefined;
        return seed === undefined || loss.set !== set ? [] : [{ seed, loss }];
      }),
    })),
  );
  const compared = sets.map((_, s) =>
    compareSeeds(students[2 * s]!, students[2 * s + 1]!, { seed: 1, resamples: 200 }),
  );
  return {
    losses: renamedLosses,
    comparisons: [],
    students: students.map(summarizeSeeds),
    seeded: compared.map((one) => ({ ...one, ...(one.p !== undefined && { pHolm: holmWithin([one.p], [0])[0]! }) })),
    computeSaved: computeSaved.map((one) => ({ ...one, better: named(one.better), other: named(one.other) })),
  };
}
