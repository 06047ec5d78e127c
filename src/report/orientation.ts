import { type Group, methodRank } from "./cast.ts";

/** Two groups, one of which is what the other is held against. */
export interface ComparedGroups {
  treatment: Group;
  baseline: Group;
}

/** Whether the first of two groups is what the other is held against: by the run's word, else the plainer method is. */
export function isBaseline(one: Group, other: Group): boolean {
  if (other.baseline === one) return true;
  if (one.baseline === other) return false;
  return methodRank(one.method) > methodRank(other.method);
}

/** Who of two groups of a comparison is the treatment; undefined where they are not two groups of the run. */
export function turned(
  a: Group | undefined,
  b: Group | undefined,
): (ComparedGroups & { /** Whether the treatment is b. */ turned: boolean }) | undefined {
  if (a === undefined || b === undefined || a === b) return undefined;
  return isBaseline(a, b) ? { treatment: b, baseline: a, turned: true } : { treatment: a, baseline: b, turned: false };
}
