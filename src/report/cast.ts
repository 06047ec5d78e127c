import type { StudentPlan } from "../run/record.ts";
import type { SelectionMethod } from "../select/record.ts";
import { SERIES } from "./charts/frame.ts";
import { type Lineup, lineupsOf } from "./lineups.ts";
import type { ReportData, SelectionRecord, StudentRecord } from "./record.ts";

/** All students of one name: the same recipe with several seeds. */
export interface Group {
  name: string;
  /** Undefined for text that the teacher wrote. */
  selection: SelectionRecord | undefined;
  method: SelectionMethod | undefined;
  /** What it is and what it learns; undefined in older runs. */
  plan: StudentPlan | undefined;
  /** The students that the run says it is compared with. */
  baseline: Group | undefined;
  students: StudentRecord[];
  /** Place in the palette: colour, dash and marker of every chart. Undefined in a crowd with baselines, where colours tell roles. */
  series: number | undefined;
}

/** A model as evaluation.json names it: which group it belongs to, and its seed where it is one student. */
export interface Member {
  group: Group;
  seed: number | undefined;
}

/** Who appears in the report: groups in the order of the palette, and the selection the method is about. */
export interface Cast {
  groups: Group[];
  /** Baselines with the students held against them, where the run names baselines. */
  lineups: Lineup[];
  /** Whether one picture cannot hold all students: too many for the palette, several lineups, or several tokenizers. */
  crowded: boolean;
  /** The selection whose scores are drawn: difference sampling if there is one, else the first that ranks by a score. */
  main: SelectionRecord | undefined;
  /** Looks up a model name of evaluation.json; undefined for models that are no students (teacher, reference). */
  member(model: string): Member | undefined;
}

/** From the method under test to the plainest baseline. */
const METHOD_ORDER: readonly (SelectionMethod | undefined)[] = [
  "difference",
  "lowest_perplexity",
  "highest_perplexity",
  undefined,
  "all",
  "random",
];

/** Rank of a method: the lower one of two is the method under test, the higher one the baseline. */
export function methodRank(method: SelectionMethod | undefined): number {
  return METHOD_ORDER.indexOf(method);
}

/** Works out who is who in a run. Difference sampling gets the first place in the palette, the random baseline the second. */
export function castOf(data: ReportData): Cast {
  const groups = groupsOf(data);
  const lineups = lineupsOf(groups);
  const tokenizers = new Set(groups.map(({ plan }) => plan?.tokenizer));
  const crowded = groups.length > SERIES || lineups.length > 1 || tokenizers.size > 1;
  const byRole = crowded && lineups.length > 0;
  const ordered = byRole ? byLineup(groups, lineups) : crowded ? byKind(byMethod(groups)) : byMethod(groups);
  ordered.forEach((group, place) => {
    group.series = byRole ? undefined : place;
  });

  const members = new Map<string, Member>();
  for (const group of ordered) {
    members.set(group.name, { group, seed: undefined });
    for (const student of group.students) {
      const member = { group, seed: student.seed };
      members.set(`${student.name}-seed${student.seed}`, member);
      members.set(student.folder, member);
      members.set(student.folder.split("/").at(-1)!, member);
    }
  }
  const main =
    data.selections.find((one) => one.summary?.method === "difference") ??
    data.selections.find((one) => one.summary?.threshold !== undefined);
  return { groups: ordered, lineups, crowded, main, member: (model) => members.get(model) };
}

function groupsOf(data: ReportData): Group[] {
  const names = [...new Set(data.students.map((student) => student.name))];
  const groups = names.map((name): Group => {
    const students = data.students.filter((student) => student.name === name);
    const [{ plan, selection: chosen }] = students as [StudentRecord];
    const selection = plan?.text === "teacher" ? undefined : data.selections.find((one) => one.name === chosen);
    return { name, selection, method: selection?.summary?.method, plan, baseline: undefined, students, series: 0 };
  });
  for (const group of groups) group.baseline = groups.find(({ name }) => name === group.plan?.baseline);
  return groups;
}

function byMethod(groups: readonly Group[]): Group[] {
  const inOrder = groups
    .map((group, place) => ({ group, place }))
    .sort((a, b) => methodRank(a.group.method) - methodRank(b.group.method) || a.place - b.place)
    .map(({ group }) => group);
  const random = inOrder.findIndex((group) => group.method === "random");
  if (random > 1) inOrder.splice(1, 0, ...inOrder.splice(random, 1));
  return inOrder;
}

/** Those that are compared stand beside each other: the treatments of a baseline, then it. */
function byLineup(groups: readonly Group[], lineups: readonly Lineup[]): Group[] {
  const compared = lineups.flatMap(({ treatments, baseline }) => [...treatments, baseline]);
  return [...new Set([...compared, ...groups])];
}

/** Students of one kind beside each other: they share a picture, and neighbours in the palette differ. */
function byKind(groups: readonly Group[]): Group[] {
  const kinds = [...new Set(groups.map(kindOf))];
  return kinds.flatMap((kind) => groups.filter((group) => kindOf(group) === kind));
}

/** Family of a group's models, and their tokenizer where it is their own. */
export function kindOf({ plan }: Group): string {
  return [plan?.family ?? "students", plan?.tokenizer].filter((part) => part !== undefined).join(", tokenizer ");
}

/** Name of a group, with its seeds where there are several. */
export function nameWithSeeds({ name, students }: Pick<Group, "name" | "students">): string {
  return students.length > 1 ? `${name} (${students.length} seeds)` : name;
}

/** What a group was trained on, in words that fit "trained on …". */
export function textInWords({ method, selection, plan }: Group): string {
  return plan?.text === "teacher" ? "text that the teacher wrote" : methodInWords(method, selection?.summary?.ratio);
}

/** A method in words that fit "trained on …". */
export function methodInWords(method: SelectionMethod | undefined, ratio: number | undefined): string {
  const share = ratio === undefined ? "part" : ratio === 0.5 ? "half" : `${Number((ratio * 100).toFixed(1))} %`;
  switch (method) {
    case "difference":
      return `the ${share} with the highest difference score`;
    case "random":
      return `a random ${share}`;
    case "lowest_perplexity":
      return `the ${share} with the lowest perplexity`;
    case "highest_perplexity":
      return `the ${share} with the highest perplexity`;
    case "all":
      return "the whole corpus";
    case undefined:
      return "a selection without a record";
  }
}
