import { type Fault, HeartcutError } from "../../errors.ts";

/** ok: looked at, nothing to do; warning: the run goes through, and its author should know; error: the run will fail. */
export type Level = "ok" | "warning" | "error";

/** What is looked at, in the order of the report. */
export const SUBJECTS = ["models", "tokenizers", "teachers", "tasks", "corpus", "compute", "memory", "disk"] as const;
export type Subject = (typeof SUBJECTS)[number];

/** One thing that was found before a run: worded as errors are. */
export interface Finding extends Fault {
  readonly level: Level;
  readonly subject: Subject;
  /** Stable; none where all is well. */
  readonly code?: `HC${number}`;
}

/** Something that was looked at and is as it should be. */
export function fine(subject: Subject, what: string, details: Omit<Fault, "what"> = {}): Finding {
  return { level: "ok", subject, what, ...details };
}

/** Something the run's author should know. */
export function warning(subject: Subject, code: `HC${number}`, fault: Fault): Finding {
  return { level: "warning", subject, code, ...fault };
}

/** What an error will say when the run meets it. */
export function failure(subject: Subject, { code, fault }: HeartcutError): Finding {
  return { level: "error", subject, code, ...fault };
}

/** The findings of a check, or of the mistake that ended it. Own bugs and a request to stop go on. */
export async function orFailure(subject: Subject, check: () => Promise<Finding[]>): Promise<Finding[]> {
  try {
    return await check();
  } catch (error) {
    if (!(error instanceof HeartcutError) || error.name === "Interrupted") throw error;
    return [failure(subject, error)];
  }
}
