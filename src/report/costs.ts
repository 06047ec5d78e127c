import type { Cast, Group } from "./cast.ts";
import { parametersOf } from "./lineups.ts";
import type { ReportData } from "./record.ts";

/** Compute of one stage before the students, in FLOPs, and who learns from what it left. */
export interface RecordCost {
  stage: string;
  flops: number;
  /** Groups that learn from it; undefined in older runs, which do not say. */
  serves: Group[] | undefined;
}

/** Training compute of a group in FLOPs, means over its seeds. */
export interface GroupCost {
  group: Group;
  training: number;
  /** Compute of all records that it learns from, as if they had been made for one student alone. */
  alone: number;
  /** The same, each record divided among all trainings that learn from it. */
  shared: number;
  /**
   * Share of its training that students of the same kind without a teacher beside them do not spend: the teacher reading along,
   * and text of its own. Undefined where no such student is in the run to compare with.
   */
  beside: number | undefined;
}

/** What the run cost, in FLOPs: records once, each student for itself. */
export interface Costs {
  /** Stages before the first student. */
  records: RecordCost[];
  total: number;
  /** FLOPs of one student, mean over all of them, and their number. */
  student: number;
  trainings: number;
  groups: GroupCost[];
}

/** The costs of a run; undefined before the first student is trained, or where nothing was made for them. Pure. */
export function costsOf(data: ReportData, { groups }: Cast): Costs | undefined {
  const students = data.students.flatMap((student) => (student.training === undefined ? [] : [student.training.flops]));
  const folders = new Set(data.students.map((student) => student.folder));
  const firstStudent = data.run.stages.findIndex(({ stage }) => folders.has(stage));
  const before = firstStudent < 0 ? data.run.stages : data.run.stages.slice(0, firstStudent);
  const planned = groups.every(({ plan }) => plan !== undefined);
  const records = before.flatMap(({ stage, flops }): RecordCost[] => {
    if (flops === undefined || flops === 0) return [];
    const serves = planned ? groups.filter(({ plan }) => plan!.records.includes(stage)) : undefined;
    return [{ stage, flops, serves }];
  });
  if (students.length === 0 || records.length === 0) return undefined;
  return {
    records,
    total: records.reduce((sum, { flops }) => sum + flops, 0),
    student: students.reduce((sum, value) => sum + value, 0) / students.length,
    trainings: students.length,
    groups: planned ? groups.flatMap((group) => groupCost(group, groups, records) ?? []) : [],
  };
}

function groupCost(group: Group, groups: readonly Group[], records: readonly RecordCost[]): GroupCost | undefined {
  const spent = spentBy(group);
  if (spent === undefined) return undefined;
  const own = records.filter(({ serves }) => serves?.includes(group));
  const trainings = (serves: readonly Group[]) => serves.reduce((sum, { students }) => sum + students.length, 0);
  return {
    group,
    training: spent.flops,
    alone: own.reduce((sum, { flops }) => sum + flops, 0),
    shared: own.reduce((sum, { flops, serves }) => sum + flops / trainings(serves!), 0),
    beside: besideShare(group, groups),
  };
}

function besideShare(group: Group, groups: readonly Group[]): number | undefined {
  if (!group.plan!.readsAlong) return undefined;
  const alike = groups.find(
    (one) =>
      !one.plan!.readsAlong && one.plan!.family === group.plan!.family && parametersOf(one) === parametersOf(group),
  );
  const [own, plain] = [spentBy(group), alike && spentBy(alike)];
  if (own === undefined || plain === undefined) return undefined;
  return 1 - plain.flops / plain.tokens / (own.flops / own.tokens);
}

/** FLOPs and tokens of a training, means over the seeds that are trained. */
export function spentBy({ students }: Group): { flops: number; tokens: number; steps: number } | undefined {
  const trained = students.flatMap(({ training }) => training ?? []);
  if (trained.length === 0) return undefined;
  const mean = (key: "flops" | "tokens" | "steps") =>
    trained.reduce((sum, training) => sum + training[key], 0) / trained.length;
  return { flops: mean("flops"), tokens: mean("tokens"), steps: mean("steps") };
}

/** How far apart the training FLOPs of groups lie: largest over smallest, less 1. Undefined before all are trained. */
export function flopsSpread(groups: readonly Group[]): number | undefined {
  const spent = groups.map((group) => spentBy(group)?.flops);
  if (spent.length === 0 || !spent.every((flops) => flops !== undefined)) return undefined;
  return Math.max(...spent) / Math.min(...spent) - 1;
}
