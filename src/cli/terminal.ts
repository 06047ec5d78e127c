import { inspect } from "node:util";
import { HeartcutError, printable } from "../errors.ts";

/** How a command talks. */
export type Format = "auto" | "human" | "json" | "quiet";
export const FORMATS: readonly Format[] = ["auto", "human", "json", "quiet"];

/** Exit codes that scripts can rely on. */
export const EXIT = { ok: 0, failed: 1, usage: 2, resumable: 75, interrupted: 130 } as const;

/** The part of a stream that is written to. */
export interface Output {
  write(text: string): unknown;
  isTTY?: boolean | undefined;
  columns?: number | undefined;
}

/** Styles that are used; their codes are Node's own. */
type Style = "red" | "green" | "yellow" | "cyan" | "dim";

/** Colours for a stream: none off a terminal, with NO_COLOR, or where the terminal is dumb. */
export function painter(output: Output, env: NodeJS.ProcessEnv = process.env): (style: Style, text: string) => string {
  const colours = output.isTTY === true && !env.NO_COLOR && env.TERM !== "dumb";
  return (style, text) => {
    if (!colours) return text;
    // styleText of Node 20 looks at stdout alone, while progress goes to stderr.
    const [open, close] = inspect.colors[style]!;
    return `\u001b[${open}m${text}\u001b[${close}m`;
  };
}

/** The whole message of an error as it is shown, control characters replaced; a stack only for debugging or for faults of heartcut's own. */
export function formatError(
  error: Error,
  options: { debug: boolean; paint: (style: Style, text: string) => string },
): string {
  const label = options.paint("red", "error");
  if (error instanceof HeartcutError) {
    return `${label} ${printable(options.debug ? (error.stack ?? error.message) : error.message)}`;
  }
  const hint = "this is a fault of heartcut, not of yours; please report it with what `heartcut doctor` prints";
  return `${label} ${printable(error.stack ?? error.message)}\n  ${hint}`;
}

/** Errors after which the same command can go on: no space, broken disk, access; a connection or a server that may come back. */
const RESUMABLE = new Set(["HC1001", "HC1002", "HC1003", "HC1005", "HC1604", "HC1613", "HC3310", "HC3317"]);

/**
 * Mistakes in what was asked for, beside those of HC40xx, HC42xx and HC43xx: references and settings of the hub; names, options and
 * settings of token rationales that cannot be, have no effect, or exclude each other. What is wrong with the data is a failure.
 */
const USAGE = new Set([
  ...["HC3556", "HC3557", "HC3558", "HC3559", "HC3562", "HC3563"],
  ...["HC3501", "HC3537", "HC3539", "HC4350", "HC4351", "HC4355", "HC5061", "HC5063", "HC5064", "HC5065", "HC5066"],
  ...["HC3601", "HC3603", "HC3631", "HC3632", "HC3633", "HC3634", "HC3636", "HC3637", "HC3638", "HC3639"],
  ...["HC1601", "HC1609", "HC1611"],
  ...["HC6010", "HC6020", "HC6033", "HC6042", "HC6043"],
  ...["HC6101", "HC6102", "HC6106", "HC6108", "HC6109"],
  ...["HC6200", "HC6201", "HC6202"],
  ...["HC6301", "HC6302", "HC6303", "HC6304", "HC6305", "HC6309"],
]);

/** The exit code an error ends the process with. @param stoppedBy - the signal that asked to stop, if one did */
export function exitCodeOf(error: Error, stoppedBy?: NodeJS.Signals): number {
  if (error.name === "Interrupted")
    return stoppedBy === "SIGINT" || stoppedBy === undefined ? EXIT.interrupted : EXIT.resumable;
  if (!(error instanceof HeartcutError)) return EXIT.failed;
  if (RESUMABLE.has(error.code)) return EXIT.resumable;
  return /^HC4[023]/.test(error.code) || USAGE.has(error.code) ? EXIT.usage : EXIT.failed;
}

/** Bytes for people: 3.4 MB. */
export function formatBytes(bytes: number): string {
  for (const [unit, size] of [
    ["GB", 1e9],
    ["MB", 1e6],
    ["kB", 1e3],
  ] as const) {
    if (bytes >= size) return `${(bytes / size).toFixed(bytes >= 100 * size ? 0 : 1)} ${unit}`;
  }
  return `${bytes} B`;
}

/** A number with its thousands parted. */
export function formatCount(value: number): string {
  return Math.round(value).toLocaleString("en-US");
}

/** Seconds for people: 12 s, 3:07 min, 2:05:00 h. */
export function formatSeconds(seconds: number): string {
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 60) return `${Math.round(seconds)} s`;
  const whole = Math.round(seconds);
  const two = (value: number) => String(value).padStart(2, "0");
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes}:${two(whole % 60)} min`;
  return `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${two(whole % 60)} h`;
}
