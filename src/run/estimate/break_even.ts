import { HeartcutError } from "../../errors.ts";

/** What is done once, whatever the number of students, in FLOPs. Null where it is not known yet. */
export interface OfflineWork {
  /** 0 where the teacher is brought along. */
  readonly teacherTraining: number | null;
  /** Training of the reference, and both models' passes over the pool. */
  readonly rest: number | null;
}

/** What a training of a student costs without its teacher, and what a teacher beside it would add, in FLOPs. */
export interface StudentCost {
  readonly student: string;
  /** Label positions of a training; null where they are not known yet. */
  readonly positions: number | null;
  /** Forward and backward through the student, for each of them. */
  readonly own: number;
  /** The teacher's forward pass, for each of them; null for a teacher whose size is not known. */
  readonly teacher: number | null;
}

/** From where on the offline pass has paid for itself. */
export interface BreakEven {
  readonly student: string;
  readonly against: "vanilla KD" | "plain training";
  /** Share of a training's compute that is saved, where it is against plain training. */
  readonly saving: number | null;
  /** Whether the offline work holds the teacher's own training. */
  readonly teacherTraining: boolean;
  /** Trainings as long as this one: n* = offline / saved by each, a fraction. */
  readonly students: number | null;
  /** Label positions of one training: offline / saved at each. */
  readonly tokens: number | null;
}

/**
 * n* = F_offline / F_saved: trainings after which work that is done once has paid for itself; and with the saving at one
 * position, positions of one training.
 * @param saved - FLOPs   @returns null where offline or saved is not known   @throws HeartcutError HC4356 where nothing is saved
 */
export function breakEvenPoint(offline: number | null, saved: number | null): number | null {
  if (offline === null || saved === null) return null;
  if (!(saved > 0))
    throw new HeartcutError("HC4356", {
      what: "work that is done once never pays for itself where nothing is saved",
      found: `${saved} FLOPs saved`,
      expected: "more than 0",
      fix: "give a saving above 0",
    });
  return offline / saved;
}

/** Shares that are shown where none is given. */
export const SAVINGS = [0.1, 0.25, 0.5] as const;

/**
 * Break-even points of one student: against a teacher beside it at every step (vanilla KD), which a teacher's offline pass makes
 * needless, and against plain training that takes 1 / (1 - saving) times its compute for the same loss.
 * @param savings - shares of plain training's compute that are saved at equal loss, above 0 and below 1
 */
export function breakEven(offline: OfflineWork, cost: StudentCost, savings: readonly number[]): BreakEven[] {
  const { student, positions, own, teacher } = cost;
  const both = offline.teacherTraining === 0 ? [false] : [false, true];
  return both.flatMap((teacherTraining) => {
    const parts = [offline.rest, ...(teacherTraining ? [offline.teacherTraining] : [])];
    const all = parts.some((part) => part === null) ? null : parts.reduce<number>((sum, part) => sum + part!, 0);
    const point = (against: BreakEven["against"], saving: number | null, perPosition: number | null): BreakEven => ({
      student,
      against,
      saving,
      teacherTraining,
      students: breakEvenPoint(all, positions === null || perPosition === null ? null : positions * perPosition),
      tokens: breakEvenPoint(all, perPosition),
    });
    return [
      point("vanilla KD", null, teacher),
      ...savings.map((saving) => point("plain training", saving, saving * own)),
    ];
  });
}
