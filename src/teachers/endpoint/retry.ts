import { setTimeout as sleep } from "node:timers/promises";

/** How often and how patiently something is tried again. */
export interface RetryPolicy {
  /** Tries after the first. */
  readonly retries: number;
  /** Longest wait before the first retry; it doubles each time, up to the cap. */
  readonly baseMs: number;
  readonly capMs: number;
}

/** A try that failed in a way that may pass. */
export class Passing extends Error {
  constructor(
    message: string,
    /** Least wait the other side asked for. */
    readonly waitMs = 0,
  ) {
    super(message);
  }
}

/** A server that asks for more than this is not waited for. */
export const LONGEST_WAIT_MS = 300_000;

/**
 * Tries until it works, waiting a random time below min(cap, base · 2^n) ("full jitter"), or longer where the other side asks for it:
 * many clients that failed together do not come back together.
 * @throws what `attempt` throws beside Passing; the last Passing when tries are used up or the wait asked for is too long
 *   Source: M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015
 */
export async function withRetries<T>(
  policy: RetryPolicy,
  signal: AbortSignal | undefined,
  attempt: () => Promise<T>,
): Promise<T> {
  for (let n = 0; ; n++) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof Passing) || n >= policy.retries || error.waitMs > LONGEST_WAIT_MS) throw error;
      // Not seeded: the waits of two processes must differ, and no record depends on them.
      const jitter = Math.random() * Math.min(policy.capMs, policy.baseMs * 2 ** n);
      await sleep(Math.max(jitter, error.waitMs), undefined, signal === undefined ? {} : { signal }).catch(() => {
        signal?.throwIfAborted();
      });
    }
  }
}

/** Milliseconds of a Retry-After header: seconds or a date; 0 for anything else. Source: RFC 9110, 10.2.3 */
export function retryAfterMs(header: string | undefined, now = Date.now()): number {
  if (header === undefined) return 0;
  if (/^\d+(\.\d+)?$/.test(header.trim())) return Number(header) * 1000;
  const date = Date.parse(header);
  return Number.isNaN(date) ? 0 : Math.max(0, date - now);
}
