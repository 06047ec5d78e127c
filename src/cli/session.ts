import { Interrupted } from "../errors.ts";
import { ProgressView } from "./progress.ts";
import { startJob } from "./start_job.ts";
import { EXIT, exitCodeOf, type Format, formatError, painter } from "./terminal.ts";

/** Global options of the command line. */
export interface GlobalOptions {
  format: Format;
  debug: boolean;
}

/** After a first Ctrl-C the process ends within this time, whether or not a safe point was reached. */
const STOP_WITHIN_MS = 4500;
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
type StopSignal = (typeof SIGNALS)[number];

/**
 * Runs a job to its end: result to stdout, talk to stderr, signals heard throughout.
 * @param resume - the command line that goes on after an interruption
 * @returns the exit code: 0 ok, 1 failed, 2 usage, 75 stopped but resumable, 130 interrupted;
 * a hard stop never returns: the process dies of the signal
 */
export async function runToEnd(
  command: string,
  options: unknown,
  { format, debug }: GlobalOptions,
  resume: string,
): Promise<number> {
  const mode = format === "quiet" ? "quiet" : format === "human" || !process.stderr.isTTY ? "plain" : "live";
  const view = new ProgressView(process.stderr, mode);
  const job = startJob({ command, options }, (event) => view.show(event));
  let stoppedBy: StopSignal | undefined;
  let deadline: NodeJS.Timeout | undefined;
  let ending = false;
  const hardStop = (signal: StopSignal) => {
    ending = true;
    endNow(signal, resume);
  };
  const onSignal = (signal: StopSignal) => {
    if (stoppedBy !== undefined) return hardStop(signal);
    stoppedBy = signal;
    if (format !== "quiet") view.line("stopping at the next safe point; once more to stop now");
    deadline = setTimeout(() => hardStop(signal), STOP_WITHIN_MS);
    job.stop();
  };
  for (const signal of SIGNALS) process.on(signal, onSignal);
  try {
    const { text, data, failed } = await job.result;
    view.end();
    if (format === "json") process.stdout.write(`${JSON.stringify(data)}\n`);
    else if (format !== "quiet" && text !== "") process.stdout.write(`${text}\n`);
    return failed === true ? EXIT.failed : EXIT.ok;
  } catch (thrown) {
    // The process is dying of a signal: what its job says now is noise.
    if (ending) return EXIT.interrupted;
    view.end();
    const error = thrown instanceof Error ? thrown : new Error(String(thrown));
    const code = exitCodeOf(error, stoppedBy);
    showError(error, code, { format, debug }, resume);
    return code;
  } finally {
    clearTimeout(deadline);
    for (const signal of SIGNALS) process.off(signal, onSignal);
  }
}

/** Prints an error on stderr, as text or as one line of JSON. */
export function showError(error: Error, exitCode: number, { format, debug }: GlobalOptions, resume?: string): void {
  const canResume = resume !== undefined && (exitCode === EXIT.interrupted || exitCode === EXIT.resumable);
  if (format === "json") {
    const fault =
      "fault" in error
        ? { code: (error as Interrupted).code, ...(error as Interrupted).fault }
        : { what: error.message };
    process.stderr.write(
      `${JSON.stringify({ error: { ...fault, ...(canResume && { resume }), ...(debug && { stack: error.stack }) } })}\n`,
    );
    return;
  }
  const text =
    error instanceof Interrupted
      ? "stopped; everything finished so far is kept"
      : formatError(error, { debug, paint: painter(process.stderr) });
  process.stderr.write(`${text}\n${canResume ? `  go on with: ${resume}\n` : ""}`);
}

/**
 * Ends the process now, by the signal itself; shells report 130 for SIGINT, 143 for SIGTERM. What was committed stays valid:
 * nothing is ever written in place. The working thread is not terminated first: ONNX Runtime aborts the process if its thread
 * is torn down in a call, and process.exit would wait for that call.
 */
function endNow(signal: StopSignal, resume: string): void {
  process.stderr.write(`\nstopped; go on with: ${resume}\n`);
  for (const each of SIGNALS) process.removeAllListeners(each);
  process.kill(process.pid, signal);
}
