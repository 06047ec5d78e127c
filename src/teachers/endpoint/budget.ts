import { HeartcutError } from "../../errors.ts";

/** Requests and tokens that may still be sent. Nothing is ever sent beyond it. */
export class Budget {
  private requests = 0;
  private tokens = 0;

  constructor(
    private readonly limits: { maxRequests?: number | undefined; maxTokens?: number | undefined },
    private readonly where: string,
  ) {}

  /** Refuses work that does not fit as a whole, so that none of it is paid for in vain. @throws HeartcutError HC3317, resumable */
  check(requests: number, tokens: number): void {
    const { maxRequests = Number.POSITIVE_INFINITY, maxTokens = Number.POSITIVE_INFINITY } = this.limits;
    if (this.requests + requests <= maxRequests && this.tokens + tokens <= maxTokens) return;
    const byRequests = this.requests + requests > maxRequests;
    throw new HeartcutError("HC3317", {
      what: "the budget of the teacher is used up",
      where: this.where,
      found: byRequests
        ? `${this.requests} requests sent, ${requests} more wanted`
        : `${this.tokens} tokens sent, ${tokens} more wanted`,
      expected: byRequests ? `at most ${maxRequests} (maxRequests)` : `at most ${maxTokens} (maxTokens)`,
      why: "everything finished so far is kept; a shard that was under way is asked for again",
      fix: "run the same command again to go on with a fresh budget, or raise it",
    });
  }

  /** Counts what is about to be sent. @throws HeartcutError HC3317 if it does not fit */
  spend(requests: number, tokens: number): void {
    this.check(requests, tokens);
    this.requests += requests;
    this.tokens += tokens;
  }
}
