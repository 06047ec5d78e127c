import { setTimeout as sleep } from "node:timers/promises";
import type { HeartcutError } from "../errors.ts";
import { Interrupted } from "../errors.ts";
import type { StageContext } from "../progress.ts";
import type { HubSettings } from "./settings.ts";

/** An attempt that failed for a reason that may pass. */
export class Transient extends Error {
  constructor(
    /** What is thrown when no attempt is left. */
    readonly fault: HeartcutError,
    /** Pause that the server asked for, in milliseconds. */
    readonly pauseMs?: number,
  ) {
    super(fault.fault.what);
  }
}

/**
 * Makes attempts until one succeeds: after a Transient failure with a doubling pause of full jitter, or the pause the server asks
 * for. @param progressed - tells whether the last attempt got further than those before it: the count then starts anew
 * @throws the fault of the last Transient; whatever else `attempt` throws; Interrupted on the signal
 */
export async function withRetries<T>(
  { attempts, pauseMs, longestPauseMs }: HubSettings,
  context: StageContext,
  attempt: () => Promise<T>,
  progressed: () => boolean = () => false,
): Promise<T> {
  for (let n = 1; ; n++) {
    if (context.signal.aborted) throw new Interrupted(context.stage);
    try {
      return await attempt();
    } catch (error) {
      if (context.signal.aborted) throw new Interrupted(context.stage);
      if (!(error instanceof Transient)) throw error;
      if (progressed()) n = 1;
      const pause = error.pauseMs ?? Math.min(longestPauseMs, pauseMs * 2 ** (n - 1)) * (0.5 + Math.random() / 2);
      if (n >= attempts || pause > longestPauseMs) throw error.fault;
      const { what, found } = error.fault.fault;
      const message = `${what}${found === undefined ? "" : ` (${found})`}; trying again in ${(pause / 1000).toFixed(1)} s`;
      context.report({ type: "warning", stage: context.stage, message });
      await sleep(pause, undefined, { signal: context.signal }).catch(() => {});
    }
  }
}

/** Pause in milliseconds that a server asks for: Retry-After as seconds or date, or the hub's own RateLimit header. */
export function requestedPause(headers: Headers, now: number): number | undefined {
  const after = headers.get("retry-after");
  if (after !== null) {
    const ms = /^[0-9]+$/.test(after) ? Number(after) * 1000 : Date.parse(after) - now;
    if (Number.isFinite(ms)) return Math.max(0, ms);
  }
  const limit = /r=0\b.*\bt=([0-9]+)/.exec(headers.get("ratelimit") ?? "");
  return limit === null ? undefined : Number(limit[1]) * 1000;
}
