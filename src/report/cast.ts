import type { SelectionMethod } from "../select/record.ts";
import type { ReportData, SelectionRecord, StudentRecord } from "./record.ts";

/** All students of one name: the same recipe with several seeds. */
export interface Group {
  name: string;
  selection: SelectionRecord | undefined;
  method: SelectionMethod | undefined;
  students: StudentRecord[];
  /** Place in the palette: colour, dash and marker of every chart. */
  series: number;
}

/** A model as evaluation.json names it: which group it belongs to, and its seed where it is one student. */
export interface Member {
  group: Group;
  seed: number | undefined;
}

/** Who appears in the report: groups in the order of the palette, and the selection the method is about. */
export interface Cast {
  groups: Group[];
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
  const names = [...new Set(data.students.map((student) => student.name))];
  const groups: Group[] = names.map((name) => {
    const students = data.students.filter((student) => student.name === name);
    const selection = data.selections.find((one) => one.name === students[0]!.selection);
    return { name, selection, method: selection?.summary?.method, students, series: 0 };
  });
  const inOrder = groups
    .map((group, place) => ({ group, place }))
    .sort((a, b) => methodRank(a.group.method) - methodRank(b.group.method) || a.place - b.place)
    .map(({ group }) => group);
  const random = inOrder.findIndex((group) => group.method === "random");
  if (random > 1) inOrder.splice(1, 0, ...inOrder.splice(random, 1));
  inOrder.forEach((group, place) => {
    group.series = place;
  });

  const members = new Map<string, Member>();
  for (const group of inOrder) {
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
  return { groups: inOrder, main, member: (model) => members.get(model) };
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
