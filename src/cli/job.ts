import { HeartcutError, Interrupted } from "../errors.ts";
import type { ProgressEvent } from "../progress.ts";

/** What a command asks the working thread to do; only plain data crosses between threads. */
export interface Job {
  command: string;
  options: unknown;
}

/** What a command gives back: for people, and as data for --format json. */
export interface JobResult {
  /** Without a newline at the end; may be empty. */
  text: string;
  data: unknown;
  /** The work was done and its answer is no: the exit code is that of a failure. */
  failed?: boolean;
}

/** What a command's work may use: where to report, and when to stop. */
export interface JobContext {
  report(event: ProgressEvent): void;
  readonly signal: AbortSignal;
}

/** An error on its way from the working thread. */
export interface ErrorMessage {
  name: string;
  message: string;
  stack: string | undefined;
  /** Set for a HeartcutError. */
  coded: Pick<HeartcutError, "code" | "fault"> | undefined;
  /** Set for an error of the system, and for one that stands behind a HeartcutError. */
  systemCode: string | undefined;
}

/** From the working thread to the main thread. */
export type WorkerMessage =
  | { type: "event"; event: ProgressEvent }
  | { type: "result"; result: JobResult }
  | { type: "error"; error: ErrorMessage };

/** From the main thread to the working thread. */
export interface StopMessage {
  type: "stop";
}

/** An error as plain data. */
export function describeError(error: unknown): ErrorMessage {
  if (!(error instanceof Error))
    return { name: "Error", message: String(error), stack: undefined, coded: undefined, systemCode: undefined };
  return {
    name: error.name,
    message: error.message,
    stack: error.stack,
    coded: error instanceof HeartcutError ? { code: error.code, fault: error.fault } : undefined,
    systemCode: systemCode(error) ?? systemCode(error.cause),
  };
}

/** The error again, on the other side. */
export function reviveError({ name, message, stack, coded, systemCode: code }: ErrorMessage): Error {
  const cause = code === undefined ? {} : { cause: Object.assign(new Error(code), { code }) };
  const error =
    coded === undefined
      ? Object.assign(new Error(message), { name })
      : name === "Interrupted"
        ? new Interrupted(coded.fault.where)
        : new HeartcutError(coded.code, coded.fault, cause);
  if (stack !== undefined) error.stack = stack;
  return error;
}

function systemCode(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" && /^E[A-Z]+$/.test(error.code)
    ? error.code
    : undefined;
}
