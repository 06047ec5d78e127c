import { printable } from "../errors.ts";
import type { ProgressEvent } from "../progress.ts";
import { formatBytes, formatCount, formatSeconds, type Output, painter } from "./terminal.ts";

/** live: one line that is redrawn; plain: a line now and then, for logs; quiet: nothing. */
export type ProgressMode = "live" | "plain" | "quiet";

const REDRAW_MS = 100;
const PLAIN_EVERY_MS = 10_000;
const BAR_WIDTH = 16;

interface Sources {
  now(): number;
  rss(): number;
  env: NodeJS.ProcessEnv;
}

const SYSTEM: Sources = { now: () => performance.now(), rss: () => process.memoryUsage.rss(), env: process.env };

/** Draws progress events on a stream, and repeats the warnings at the end. */
export class ProgressView {
  private readonly paint: ReturnType<typeof painter>;
  private readonly warnings: string[] = [];
  private stage: { name: string; from: number; at: number; ended?: boolean } | undefined;
  /** Stages whose end is told by an event of its own. */
  private readonly announced = new Set<string>();
  private lastLine = Number.NEGATIVE_INFINITY;
  private live = false;

  constructor(
    private readonly output: Output,
    private readonly mode: ProgressMode,
    private readonly sources: Sources = SYSTEM,
  ) {
    this.paint = painter(output, sources.env);
  }

  show(event: ProgressEvent): void {
    if (this.mode === "quiet") return;
    switch (event.type) {
      case "warning":
        this.showWarning(printable(`${event.stage}: ${event.message}`));
        break;
      case "stage":
        this.showStage(event);
        break;
      case "progress":
        this.showProgress(event);
    }
  }

  /** A line of its own, above the live one. Text from elsewhere must have gone through `printable`. */
  line(text: string): void {
    this.clear();
    this.output.write(`${text}\n`);
  }

  /** Removes the live line and repeats the warnings. */
  end(): void {
    this.clear();
    if (this.mode === "quiet" || this.warnings.length === 0) return;
    const distinct = [...new Set(this.warnings)];
    this.line(this.paint("yellow", `${distinct.length} ${distinct.length === 1 ? "warning" : "warnings"}:`));
    for (const warning of distinct) this.line(`  ${warning}`);
  }

  private showWarning(text: string): void {
    this.warnings.push(text);
    this.line(`${this.paint("yellow", "warning")} ${text}`);
  }

  private showStage({ stage: name, status, seconds }: Extract<ProgressEvent, { type: "stage" }>): void {
    const stage = printable(name);
    if (status === "start") {
      this.announced.add(name);
      this.stage = undefined;
      this.lastLine = this.sources.now();
      if (this.mode === "plain") this.line(`${stage}: started`);
      else this.draw(`${this.paint("cyan", stage)}  …`);
      return;
    }
    const time = seconds === undefined ? "" : `  ${formatSeconds(seconds)}`;
    this.line(
      status === "done"
        ? `${this.paint("green", "done  ")} ${stage}${time}`
        : `${this.paint("dim", "reused")} ${stage}`,
    );
  }

  private showProgress(event: Extract<ProgressEvent, { type: "progress" }>): void {
    const now = this.sources.now();
    if (this.stage?.name !== event.stage) this.stage = { name: event.stage, from: event.done, at: now };
    const last = event.done >= event.total;
    if (!last && now - this.lastLine < (this.mode === "live" ? REDRAW_MS : PLAIN_EVERY_MS)) return;
    if (last && this.mode === "plain") {
      // Work outside of a run ends without a word of its own: its last line says that all is done.
      if (event.total === 0 || this.announced.has(event.stage) || this.stage.ended === true) return;
      this.stage.ended = true;
    }
    this.lastLine = now;
    const share = event.total > 0 ? Math.min(1, event.done / event.total) : 0;
    const stage = printable(event.stage);
    const parts = [`${formatCount(event.done)} of ${formatCount(event.total)} ${printable(event.unit)}`];
    if (event.tokensPerSecond !== undefined) parts.push(`${formatCount(event.tokensPerSecond)} tokens/s`);
    for (const [name, value] of Object.entries(event.values ?? {}))
      parts.push(`${printable(name)} ${value.toPrecision(4)}`);
    const rate = (event.done - this.stage.from) / (now - this.stage.at);
    if (rate > 0 && !last) parts.push(`${formatSeconds((event.total - event.done) / rate / 1000)} left`);
    parts.push(formatBytes(this.sources.rss()));
    const percent = `${Math.floor(100 * share)} %`;
    if (this.mode === "plain") {
      this.line(`${stage}: ${percent}, ${parts.join(", ")}`);
      return;
    }
    const full = Math.round(BAR_WIDTH * share);
    const bar = `${"━".repeat(full)}${this.paint("dim", "─".repeat(BAR_WIDTH - full))}`;
    this.draw(`${this.paint("cyan", stage)}  ${bar} ${percent.padStart(5)}  ${parts.join("  ")}`);
  }

  private draw(text: string): void {
    this.output.write(`\r\u001b[2K${fitted(text, (this.output.columns || 80) - 1)}`);
    this.live = true;
  }

  private clear(): void {
    if (this.live) this.output.write("\r\u001b[2K");
    this.live = false;
  }
}

/** Cuts a line to a width in columns, not counting colour codes. */
function fitted(text: string, width: number): string {
  let columns = 0;
  let result = "";
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the escape character starts a colour code
  for (const part of text.split(/(\u001b\[[0-9;]*m)/)) {
    if (part.startsWith("\u001b[")) {
      result += part;
      continue;
    }
    const visible = [...part].slice(0, Math.max(0, width - columns));
    columns += visible.length;
    result += visible.join("");
  }
  return result;
}
