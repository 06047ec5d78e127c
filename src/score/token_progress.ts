import type { StageContext } from "../progress.ts";

/** Tells how far scoring is; the speed counts only what was scored by this process. */
export class TokenProgress {
  private done = 0;
  private fresh = 0;
  private readonly start = performance.now();

  constructor(
    private readonly total: number,
    private readonly context: StageContext,
  ) {}

  /** Tokens of a shard that an earlier process scored. */
  reused(tokens: number): void {
    this.done += tokens;
    this.report();
  }

  /** Tokens of a batch that came back. */
  scored(tokens: number): void {
    this.done += tokens;
    this.fresh += tokens;
    this.report();
  }

  private report(): void {
    const tokensPerSecond = (1000 * this.fresh) / Math.max(1, performance.now() - this.start);
    const { stage } = this.context;
    const speed = this.fresh > 0 ? { tokensPerSecond } : {};
    this.context.report({ type: "progress", stage, done: this.done, total: this.total, unit: "tokens", ...speed });
  }
}
