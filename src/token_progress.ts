import type { StageContext } from "./progress.ts";

/** Tells how far work over tokens is; the speed counts only what this process did. */
export class TokenProgress {
  private done = 0;
  private own = 0;
  private readonly start = performance.now();

  constructor(
    private readonly total: number,
    private readonly context: StageContext,
  ) {}

  /** Tokens that nobody has to do: an earlier process did them, or a text ended before them. */
  skipped(tokens: number): void {
    this.done += tokens;
    this.report();
  }

  /** Tokens of a batch that came back. */
  made(tokens: number): void {
    this.done += tokens;
    this.own += tokens;
    this.report();
  }

  private report(): void {
    const tokensPerSecond = (1000 * this.own) / Math.max(1, performance.now() - this.start);
    const { stage } = this.context;
    const speed = this.own > 0 ? { tokensPerSecond } : {};
    this.context.report({ type: "progress", stage, done: this.done, total: this.total, unit: "tokens", ...speed });
  }
}
