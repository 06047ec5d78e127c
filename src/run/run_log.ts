import { appendFile, readFile } from "node:fs/promises";
import { join } from "node:path";
import { isMissing } from "../formats/file_system.ts";
import type { ProgressEvent } from "../progress.ts";

/** Name of the side log in a run folder. */
export const LOG_NAME = "log.jsonl";

const PROGRESS_EVERY_MS = 10_000;

/**
 * The side log of a run, log.jsonl: every event with its wall-clock time, progress at most every 10 s.
 * Times stand here and in run.json only, so that all else is a pure function of the inputs.
 */
export class RunLog {
  private readonly path: string;
  private lastProgress = Number.NEGATIVE_INFINITY;
  private queue: Promise<void> = Promise.resolve();

  constructor(
    folder: string,
    private readonly now: () => number = Date.now,
  ) {
    this.path = join(folder, LOG_NAME);
  }

  /** Appends an event; errors surface at flush. */
  write(
    event:
      | ProgressEvent
      | { type: "run"; status: "start"; references?: readonly string[] }
      | { type: "run"; status: "done" | "failed"; code?: string; message?: string },
  ): void {
    const time = this.now();
    if (event.type === "progress") {
      if (time - this.lastProgress < PROGRESS_EVERY_MS) return;
      this.lastProgress = time;
    }
    const line = `${JSON.stringify({ time: new Date(time).toISOString(), ...event })}\n`;
    this.queue = this.queue.then(() => appendFile(this.path, line));
    // Rejections are kept for flush; this handler only keeps Node from calling them unhandled.
    this.queue.catch(() => {});
  }

  /** Waits until every event is in the file. @throws whatever the system reported */
  async flush(): Promise<void> {
    await this.queue;
  }
}

/** Seconds each stage took when it last ran to its end, as far as the log of a run tells; torn lines are passed over. */
export async function stageSeconds(folder: string): Promise<Map<string, number>> {
  const seconds = new Map<string, number>();
  let text: string;
  try {
    text = await readFile(join(folder, LOG_NAME), "utf8");
  } catch (error) {
    if (isMissing(error)) return seconds;
    throw error;
  }
  for (const line of text.split("\n")) {
    if (!line.includes('"status":"done"')) continue;
    try {
      const event = JSON.parse(line) as ProgressEvent;
      if (event.type === "stage" && event.seconds !== undefined) seconds.set(event.stage, event.seconds);
    } catch {
      // The line a crash cut short.
    }
  }
  return seconds;
}
