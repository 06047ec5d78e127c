import { HeartcutError } from "../errors.ts";
import { isShare } from "./task_comparison_record.ts";
import type { ModelTasks, TaskMetric, TaskOutcome } from "./tasks/record.ts";

/** One trained student with what it did on the tasks. */
export interface StudentTasks {
  /** Students of one name differ by seed only. */
  name: string;
  seed: number;
  tasks: ModelTasks;
  /** Student it is compared with, where that is not the common baseline. */
  baseline?: string | undefined;
}

/** A task that all models were asked, in one way. */
export interface StudiedTask {
  task: string;
  metric: string;
  higherIsBetter: boolean;
  share: boolean;
  /** Whether every item is answered rightly or not, and nothing between. */
  binary: boolean;
  chance: number | null;
  items: number;
  of: number;
  fewshot: number;
}

/** A model's main metric on one task, items in ascending order of their number. */
export interface TaskResult {
  value: number;
  stderr: number | null;
  perItem: number[];
}

/** One student: its seeds ascending, each with a result per task in the order of the study. */
export interface SeededTasks {
  name: string;
  runs: { seed: number; results: TaskResult[] }[];
}

/** Students and other models on the same questions. */
export interface TaskStudy {
  tasks: StudiedTask[];
  students: SeededTasks[];
  others: { model: string; results: TaskResult[] }[];
}

/**
 * Brings results together and makes sure that they answer the same questions, asked in the same way.
 * @param others - models that are no students, by the name they are shown under
 * @throws HeartcutError HC3580 where models were asked other things, HC3581 for a seed given twice, HC3584 where there is
 *   nothing to compare, HC3585 for an outcome that contradicts itself
 */
export function studyTasks(
  students: readonly StudentTasks[],
  others: readonly { model: string; tasks: ModelTasks }[] = [],
): TaskStudy {
  const first = students[0]?.tasks.tasks ?? [];
  if (first.length === 0)
    throw new HeartcutError("HC3584", {
      what: "there are no task results to compare",
      found: students.length === 0 ? "no student" : `no task of ${label(students[0]!)}`,
      fix: "evaluate the students on at least one task",
    });
  const models = [
    ...students.map((student) => ({ name: label(student), tasks: student.tasks })),
    ...others.map(({ model, tasks }) => ({ name: model, tasks })),
  ];
  const results = models.map(({ name, tasks }) => resultsOf(name, tasks, { name: models[0]!.name, tasks: first }));
  return {
    tasks: first.map((outcome, t) => {
      const { task, items, of, fewshot, chance, main } = outcome;
      const binary = results.every((one) => one[t]!.perItem.every((x) => x === 0 || x === 1));
      const { higherIsBetter } = mainMetric(outcome, models[0]!.name);
      return { task, metric: main, higherIsBetter, share: isShare(main), binary, chance, items, of, fewshot };
    }),
    students: [...new Set(students.map(({ name }) => name))].map((name) => ({
      name,
      runs: runsOf(
        name,
        students.flatMap((student, i) => (student.name === name ? [{ seed: student.seed, results: results[i]! }] : [])),
      ),
    })),
    others: others.map(({ model }, i) => ({ model, results: results[students.length + i]! })),
  };
}

/** What must be the same for a task to be the same. */
const SAME = [
  ["version", "version of the task"],
  ["fewshot", "worked examples"],
  ["main", "main metric"],
  ["of", "questions in the data"],
  ["items", "questions asked"],
] as const;

/** Results of a model in the order of the first one's tasks. */
function resultsOf(name: string, { tasks }: ModelTasks, first: { name: string; tasks: TaskOutcome[] }): TaskResult[] {
  const named = (outcomes: readonly TaskOutcome[]) =>
    outcomes
      .map(({ task }) => task)
      .sort()
      .join(", ");
  if (named(tasks) !== named(first.tasks))
    throw otherQuestions("tasks", { name, value: named(tasks) }, { name: first.name, value: named(first.tasks) });
  return first.tasks.map((wanted) => {
    const outcome = tasks.find(({ task }) => task === wanted.task)!;
    for (const [key, what] of SAME)
      if (String(outcome[key]) !== String(wanted[key]))
        throw otherQuestions(
          `${what}, ${wanted.task}`,
          { name, value: String(outcome[key]) },
          { name: first.name, value: String(wanted[key]) },
        );
    const { value, stderr } = mainMetric(outcome, name);
    const order = sortedItems(outcome, name);
    const firstOrder = sortedItems(wanted, first.name);
    const at = order.findIndex((i, k) => outcome.docIds[i] !== wanted.docIds[firstOrder[k]!]);
    if (at >= 0)
      throw otherQuestions(
        `questions asked, ${wanted.task}`,
        { name, value: `question ${outcome.docIds[order[at]!]}` },
        { name: first.name, value: `question ${wanted.docIds[firstOrder[at]!]} in its place` },
      );
    return { value, stderr, perItem: order.map((i) => outcome.perItem[i]!) };
  });
}

/** Places of the items in ascending order of their number. */
function sortedItems({ task, items, docIds, perItem }: TaskOutcome, name: string): number[] {
  const contradiction = (found: string) =>
    new HeartcutError("HC3585", {
      what: "the results of a task contradict themselves",
      where: `${name}, ${task}`,
      found,
      expected: "one number for each question asked",
      fix: "evaluate the model on the task again",
    });
  if (items === 0 || docIds.length !== items || perItem.length !== items)
    throw contradiction(`${items} items, ${docIds.length} questions, ${perItem.length} answers`);
  const odd = perItem.findIndex((x) => !Number.isFinite(x));
  if (odd >= 0) throw contradiction(`${perItem[odd]} for question ${docIds[odd]}`);
  const order = [...docIds.keys()].sort((i, j) => docIds[i]! - docIds[j]!);
  const twice = order.find((i, k) => k > 0 && docIds[i] === docIds[order[k - 1]!]);
  if (twice !== undefined) throw contradiction(`question ${docIds[twice]} twice`);
  return order;
}

function mainMetric({ task, main, metrics }: TaskOutcome, name: string): TaskMetric {
  const metric = metrics.find((one) => one.name === main);
  if (metric !== undefined) return metric;
  throw new HeartcutError("HC3585", {
    what: "the results of a task lack its main metric",
    where: `${name}, ${task}`,
    found: metrics.map((one) => one.name).join(", ") || "no metric",
    expected: main,
    fix: "evaluate the model on the task again",
  });
}

function runsOf(name: string, runs: SeededTasks["runs"]): SeededTasks["runs"] {
  const ascending = [...runs].sort((x, y) => x.seed - y.seed);
  const twice = ascending.find(({ seed }, i) => seed === ascending[i - 1]?.seed);
  if (twice === undefined) return ascending;
  throw new HeartcutError("HC3581", {
    what: "one seed of a student has two results",
    where: `student ${name}`,
    found: `seed ${twice.seed} twice`,
    expected: "runs of one name that differ by their seed",
    fix: "give each run of a student its own seed, and students that are trained differently different names",
  });
}

interface Asked {
  name: string;
  value: string;
}

function otherQuestions(what: string, one: Asked, other: Asked): HeartcutError {
  return new HeartcutError("HC3580", {
    what: "the models were not asked the same questions in the same way",
    where: what,
    found: `${one.name}: ${one.value}`,
    expected: `${other.name}: ${other.value}`,
    why: "a difference would be one of the questions, not of the models",
    fix: "evaluate all models with the same tasks, data, number of worked examples and limit",
  });
}

function label({ name, seed }: StudentTasks): string {
  return `${name}, seed ${seed}`;
}
