import { type CausalDescription, forwardFlopsPerToken } from "../../models/architecture.ts";
import type { DistillationSettings } from "./settings.ts";

/** What one label position costs at context length T, by what is done with it. */
export interface PositionFlops {
  /** Forward and backward through the student. */
  readonly trained: number;
  /** The teacher reads it beside the student. */
  readonly read: number;
  /** The student writes it first, and where rewards are needed both models read it once more. */
  readonly sampled: number;
}

/** @param teacher - undefined where its outputs are stored: they were paid for when they were captured */
export function positionFlops(
  student: CausalDescription,
  T: number,
  settings?: DistillationSettings,
  teacher?: CausalDescription,
): PositionFlops {
  const own = forwardFlopsPerToken(student, T);
  const read = teacher === undefined ? 0 : forwardFlopsPerToken(teacher, T);
  return { trained: 3 * own, read, sampled: own + (settings?.onPolicy?.policyGradient ? own + read : 0) };
}

/** Training FLOPs per label position of the data on average: what turns a budget of FLOPs into a length. */
export function meanPositionFlops({ trained, read, sampled }: PositionFlops, settings?: DistillationSettings): number {
  if (settings === undefined) return trained;
  const share = settings.onPolicy?.share ?? 0;
  // Where the LM loss has no weight, text whose place the student's own takes is not computed.
  const text = settings.weight < 1 ? 1 : 1 - share;
  return text * trained + (1 - share) * read + share * (sampled + trained + read);
}
