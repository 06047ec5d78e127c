import { count, listed, plural, points, pointsInterval, scoreInterval } from "./format.ts";
import {
  type AskedTask,
  besideChance,
  type GroupScore,
  type TaskContrast,
  type TaskFindings,
} from "./task_findings.ts";

/** Comparisons and tasks named one by one; more are counted. */
const NAMED = 4;

/** What the tasks say about the students, in sentences of plain text. */
export function taskVerdict(findings: TaskFindings): string {
  return [differencesInWords(findings), averageInWords(findings), chanceInWords(findings), luck(findings)]
    .filter((sentence) => sentence !== "")
    .join(" ");
}

/** That not all questions were asked, and of which tasks; empty where they were. */
export function limitedInWords(tasks: readonly Pick<AskedTask, "name" | "items" | "of">[]): string {
  const short = tasks.filter(({ items, of }) => items < of);
  if (short.length === 0) return "";
  const [asked, sizes] = [short.map(({ items }) => items), short.map(({ of }) => of)];
  const same = new Set(asked).size === 1;
  if (same && new Set(sizes).size === 1 && short.length === tasks.length && tasks.length > 1)
    return `Asked only ${count(asked[0]!)} of ${count(sizes[0]!)} questions of each task: no results of the tasks.`;
  const what =
    short.length <= NAMED || !same
      ? `${listed(short.map(({ name, items, of }) => `${count(items)} of ${count(of)} questions of ${name}`))}`
      : `${plural(asked[0]!, "question")} of each of ${count(short.length)} tasks, which have ${count(Math.min(...sizes))} to ${count(Math.max(...sizes))}`;
  return `Asked only ${what}: ${short.length === 1 ? "no result of the task" : "no results of the tasks"}.`;
}

/** The interval of a score that has one, and what it is over where not all are over the same. */
export function intervalInWords({ interval, intervalOver }: GroupScore, share: boolean, mixed: boolean): string {
  const over = intervalOver === "items" ? "questions" : "seeds";
  return `${scoreInterval(interval!, share)}${mixed ? `, ${over}` : ""}`;
}

/** The first of these sentences: whether any task differs. */
export function differencesInWords({ pairs }: TaskFindings): string {
  const all = pairs.flatMap(({ contrasts }) => contrasts);
  if (all.length === 0) return "No two students were compared on tasks.";
  const tested = all.filter(({ verdict }) => verdict !== "untested");
  if (tested.length === 0) return "No comparison could be tested for significance.";
  const [only, ...others] = pairs;
  if (only !== undefined && others.length === 0) return onePair(only, tested);
  const significant = tested.filter(isSignificant);
  const of = `of ${plural(tested.length, "comparison")} of students on tasks`;
  if (significant.length === 0) return `None ${of} is significant by Holm's adjusted p (${smallest(tested)}).`;
  const named = significant.slice(0, NAMED).map((one) => {
    return `“${one.treatment.name}” is ${one.verdict} than “${one.baseline.name}” on ${one.task}`;
  });
  const rest = significant.length - named.length;
  return `${count(significant.length)} ${of} ${significant.length === 1 ? "is" : "are"} significant by Holm's adjusted p: ${named.join("; ")}${rest > 0 ? `; and ${rest} more` : ""}.`;
}

function onePair({ treatment, baseline }: TaskFindings["pairs"][number], tested: readonly TaskContrast[]): string {
  const on = (verdict: TaskContrast["verdict"]) =>
    tested.filter((one) => one.verdict === verdict).map(({ task }) => task);
  const [better, worse, unclear] = [on("better"), on("worse"), on("unclear")];
  if (better.length + worse.length === 0)
    return `No task differs significantly between “${treatment.name}” and “${baseline.name}” students (${plural(tested.length, "task")}; ${smallest(tested)}).`;
  const parts = [
    ...(better.length === 0 ? [] : [`better on ${listed(better)}`]),
    ...(worse.length === 0 ? [] : [`worse on ${listed(worse)}`]),
  ];
  const rest =
    unclear.length === 0
      ? ""
      : unclear.length <= NAMED
        ? `; no significant difference on ${listed(unclear)}`
        : `; no significant difference on the other ${unclear.length} tasks`;
  return `“${treatment.name}” students are significantly ${parts.join(" and ")} than “${baseline.name}” students (Holm's adjusted p below 0.05)${rest}.`;
}

function smallest(tested: readonly TaskContrast[]): string {
  const least = Math.min(...tested.map(({ p }) => p!));
  return `smallest Holm p${"\u00a0"}=${"\u00a0"}${least.toFixed(least < 0.1 ? 3 : 2)}`;
}

function isSignificant({ verdict }: TaskContrast): boolean {
  return verdict === "better" || verdict === "worse";
}

function averageInWords({ pairs, averaged }: TaskFindings): string {
  const averages = pairs.flatMap(({ average }) => average ?? []);
  const over = `over ${plural(averaged?.tasks ?? 0, "task")}`;
  const [only, ...others] = averages;
  if (only === undefined) return "";
  if (others.length === 0) {
    const noise = isSignificant(only) ? "" : ", within noise";
    return `On average ${over} the difference is ${points(only.gain)} percentage points (95 % interval ${pointsInterval(only.interval)})${noise}.`;
  }
  const clear = averages.filter(isSignificant).length;
  return `On average ${over} ${clear === 0 ? "none" : count(clear)} of ${averages.length} comparisons ${clear > 1 ? "are" : "is"} clear of noise.`;
}

/** Small models guess: a difference between two that guess says nothing. */
function chanceInWords({ tasks, scores }: TaskFindings): string {
  const judged = tasks.flatMap((task) => {
    const beside = scores
      .filter((score) => score.task === task.name)
      .flatMap((score) => besideChance(score, task) ?? []);
    return beside.length === 0 ? [] : [{ name: task.name, above: beside.includes("above") }];
  });
  if (judged.length === 0) return "";
  const above = judged.filter((task) => task.above).map(({ name }) => name);
  const all = judged.length === tasks.length ? "" : " that have a chance level";
  if (above.length === 0)
    return judged.length === 1
      ? `No student is clear of guessing on ${judged[0]!.name}.`
      : `No student is clear of guessing on any task${judged.length === tasks.length ? "" : " that has a chance level"}: at this size all are at chance.`;
  const names = above.length <= NAMED && above.length < judged.length ? ` (${listed(above)})` : "";
  return `Some student is clear of guessing on ${above.length === tasks.length ? "every task" : `${above.length} of ${plural(judged.length, "task")}${all}`}${names}.`;
}

function luck({ pairs }: TaskFindings): string {
  const all = pairs.flatMap(({ contrasts }) => contrasts);
  return all.length > 0 && all.every(({ intervalOver }) => intervalOver === "items")
    ? "Without a spread over seeds, intervals and p cover the questions and not the luck of the training run."
    : "";
}
