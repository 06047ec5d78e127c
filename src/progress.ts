import { Interrupted } from "./errors.ts";

/** What long work tells whoever watches: a terminal, a log file, a library user. */
export type ProgressEvent =
  | { type: "stage"; stage: string; status: "start" | "reused" | "done"; seconds?: number }
  | {
      type: "progress";
      stage: string;
      done: number;
      total: number;
      unit: string;
      tokensPerSecond?: number;
      /** Extra numbers shown on the line, e.g. loss. */
      values?: Record<string, number>;
    }
  | { type: "warning"; stage: string; message: string };

/** What every stage receives beside its own input. */
export interface StageContext {
  /** Name under which the stage reports. */
  readonly stage: string;
  report(event: ProgressEvent): void;
  /** Aborted on Ctrl-C: a stage stops at its next safe point and throws Interrupted. */
  readonly signal: AbortSignal;
}

/** A context that watches nothing, for library calls and tests. */
export function quietContext(stage = "library"): StageContext {
  return { stage, report: () => {}, signal: new AbortController().signal };
}

/** Lets the event loop turn (signals, messages), then stops if asked to. Call between steps of blocking work. */
export async function checkpointSignal(context: StageContext): Promise<void> {
  await new Promise<void>((resolve) => setImmediate(resolve));
  if (context.signal.aborted) throw new Interrupted(context.stage);
}
