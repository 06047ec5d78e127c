import { HeartcutError } from "../errors.ts";

/** Which students are compared with which. */
export interface ComparedPairs {
  /** Names of each student and of what it is held against. */
  pairs: [student: string, against: string][];
  /** By pair, the number of its family: students held against one baseline, or all pairs where there is none. Holm adjusts within one. */
  families: number[];
}

/**
 * Each student with its own baseline, or the common one; each pair of students where there is none at all.
 * @param students - those of one name count once   @throws HeartcutError HC3206 for a baseline that is no student
 */
export function comparedPairs(
  students: readonly { name: string; baseline?: string | undefined }[],
  baseline: string | undefined,
): ComparedPairs {
  const names = [...new Set(students.map(({ name }) => name))];
  const baselines = new Map(students.map((student) => [student.name, student.baseline ?? baseline]));
  for (const given of baselines.values())
    if (given !== undefined && !names.includes(given))
      throw new HeartcutError("HC3206", {
        what: "the baseline of the evaluation is no student",
        found: given,
        expected: names.join(", "),
        fix: "set evaluate.baseline to the name of a student",
      });
  if ([...baselines.values()].every((given) => given === undefined)) {
    const pairs = names.flatMap((a, i) => names.slice(i + 1).map((b): [string, string] => [a, b]));
    return { pairs, families: pairs.map(() => 0) };
  }
  const pairs = names.flatMap((name): [string, string][] => {
    const own = baselines.get(name);
    return own === undefined || own === name ? [] : [[name, own]];
  });
  return { pairs, families: pairs.map(([, against]) => names.indexOf(against)) };
}
