import { extname } from "node:path";
import { Worker } from "node:worker_threads";
import { HeartcutError } from "../errors.ts";
import type { ProgressEvent } from "../progress.ts";
import { describeError, type Job, type JobResult, reviveError, type StopMessage, type WorkerMessage } from "./job.ts";

/** A job under way. */
export interface RunningJob {
  result: Promise<JobResult>;
  /** Asks it to stop at its next safe point; it then fails with Interrupted. */
  stop(): void;
}

/**
 * Starts a job in a worker thread. With HEARTCUT_IN_PROCESS=1 it runs in this thread instead: simpler to debug, but progress
 * and Ctrl-C then wait for every call of the engine.
 */
export function startJob(job: Job, report: (event: ProgressEvent) => void): RunningJob {
  return process.env.HEARTCUT_IN_PROCESS === "1" ? startHere(job, report) : startInWorker(job, report);
}

function startHere(job: Job, report: (event: ProgressEvent) => void): RunningJob {
  const controller = new AbortController();
  const result = import("./jobs.ts")
    .then(({ executeJob }) => executeJob(job, { report, signal: controller.signal }))
    // The same form as from a worker, so that both ways show the same.
    .catch((error: unknown) => Promise.reject(reviveError(describeError(error))));
  return { result, stop: () => controller.abort() };
}

function startInWorker(job: Job, report: (event: ProgressEvent) => void): RunningJob {
  const worker = new Worker(new URL(`./worker${extname(import.meta.url)}`, import.meta.url), { workerData: job });
  const result = new Promise<JobResult>((resolve, reject) => {
    worker.on("message", (message: WorkerMessage) => {
      if (message.type === "event") report(message.event);
      else if (message.type === "result") resolve(message.result);
      else reject(reviveError(message.error));
    });
    worker.on("error", (error) => reject(outOfMemory(error) ?? error));
    worker.on("exit", (code) => reject(new Error(`the working thread ended with code ${code} before it answered`)));
  });
  const stop = () => worker.postMessage({ type: "stop" } satisfies StopMessage);
  return { result, stop };
}

function outOfMemory(error: Error): HeartcutError | undefined {
  if (!("code" in error) || error.code !== "ERR_WORKER_OUT_OF_MEMORY") return undefined;
  return new HeartcutError(
    "HC4201",
    {
      what: "the working thread ran out of JavaScript memory",
      found: error.message,
      fix: "start with NODE_OPTIONS=--max-old-space-size=8192, or use smaller batches; a run resumes where it was",
    },
    { cause: error },
  );
}
