import type { Group } from "./cast.ts";
import { compact } from "./format.ts";

/** A baseline and the students that are held against it. */
export interface Lineup {
  /** What tells it from the others: the family of its models, and more where that is not enough. */
  label: string;
  baseline: Group;
  /** In the order of the recipe. */
  treatments: Group[];
}

/** The lineups of a run, in the order of their first treatment; none where the run names no baselines. */
export function lineupsOf(groups: readonly Group[]): Lineup[] {
  const byBaseline = new Map<Group, Group[]>();
  for (const group of groups)
    if (group.baseline !== undefined)
      byBaseline.set(group.baseline, [...(byBaseline.get(group.baseline) ?? []), group]);
  const lineups = [...byBaseline].map(([baseline, treatments]) => ({ label: "", baseline, treatments }));
  const wording = LABELS.find((label) => new Set(lineups.map(label)).size === lineups.length);
  return lineups.map((lineup) => ({ ...lineup, label: (wording ?? labelByName)(lineup) }));
}

/** Parameters of a group's students; undefined before the first is trained. */
export function parametersOf({ students }: Group): number | undefined {
  return students.find(({ training }) => training !== undefined)?.training?.parameters;
}

type Unlabelled = Omit<Lineup, "label">;

const family = ({ baseline }: Unlabelled) => baseline.plan?.family ?? baseline.name;
const tokenizer = ({ baseline }: Unlabelled) =>
  baseline.plan?.tokenizer === undefined ? "" : ` with tokenizer “${baseline.plan.tokenizer}”`;
const size = ({ baseline }: Unlabelled) => {
  const parameters = parametersOf(baseline);
  return parameters === undefined ? "" : ` ${compact(parameters)}`;
};
const labelByName = ({ treatments, baseline }: Unlabelled) => `${treatments[0]!.name} v. ${baseline.name}`;

/** From the plainest wording to the most particular one. */
const LABELS: readonly ((lineup: Unlabelled) => string)[] = [
  family,
  (lineup) => family(lineup) + tokenizer(lineup),
  (lineup) => family(lineup) + size(lineup),
  (lineup) => family(lineup) + size(lineup) + tokenizer(lineup),
];

/** Whether two groups learn in the same way from text chosen in the same way: twins of different models. */
export function sameKind(a: Group, b: Group): boolean {
  return a.method === b.method && a.plan?.method === b.plan?.method && a.plan?.text === b.plan?.text;
}

/** Of each lineup the treatment of one kind, against baselines of one kind; undefined where there is none that all have. */
export function twinsOf(lineups: readonly Lineup[]): Group[] | undefined {
  const [first, ...others] = lineups;
  if (first === undefined || others.some(({ baseline }) => !sameKind(baseline, first.baseline))) return undefined;
  const kinds = [...first.treatments].sort(
    (a, b) => Number(b.method === "difference") - Number(a.method === "difference"),
  );
  for (const kind of kinds) {
    const twins = others.map(({ treatments }) => treatments.find((one) => sameKind(one, kind)));
    if (twins.every((twin) => twin !== undefined)) return [kind, ...twins];
  }
  return undefined;
}
