import { parentPort, workerData } from "node:worker_threads";
import { describeError, type Job, type StopMessage, type WorkerMessage } from "./job.ts";
import { executeJob } from "./jobs.ts";

// The thread that does the work of a command. ONNX Runtime blocks the thread it is called from;
// here it may, while the main thread draws progress and hears signals.
const port = parentPort!;
const stop = new AbortController();
port.on("message", (_message: StopMessage) => stop.abort());

const post = (message: WorkerMessage) => port.postMessage(message);
try {
  const result = await executeJob(workerData as Job, {
    signal: stop.signal,
    report: (event) => post({ type: "event", event }),
  });
  post({ type: "result", result });
} catch (error) {
  post({ type: "error", error: describeError(error) });
}
port.close();
