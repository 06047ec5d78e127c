import type { DiskUse } from "../preflight/disk.ts";
import type { Finding } from "../preflight/finding.ts";
import type { StageMemory } from "../preflight/memory.ts";
import type { BreakEven } from "./break_even.ts";
import type { Rate } from "./kinds.ts";

/** Seconds, or money: the likeliest value and the interval it is expected in. */
export interface Range {
  readonly expected: number;
  readonly low: number;
  readonly high: number;
}

/** One stage of the run. */
export interface StageEstimate {
  readonly stage: string;
  /** Already finished in the run folder: takes no time. */
  readonly done: boolean;
  /** Null where the amount of its data, or the speed of its engine, is not known. */
  readonly seconds: Range | null;
  /** Arithmetic of models; null where it is not known. */
  readonly flops: number | null;
  /** Kind of work that most of its time is. */
  readonly kind: string | null;
}

/** What a server is asked. */
export interface RemoteEstimate {
  readonly stage: string;
  readonly requests: number | null;
  readonly tokens: number | null;
  /** At the price that was given for a million tokens. */
  readonly price: number | null;
}

/** What a recipe will take: plain data. Times and money are of what is not done yet; FLOPs of everything. */
export interface Estimate {
  readonly recipe: string;
  readonly machine: { readonly name: string; readonly source: string };
  readonly rates: readonly Rate[];
  readonly stages: readonly StageEstimate[];
  /** Sums of what is known; `open` names stages whose time is not. */
  readonly total: { readonly seconds: Range; readonly flops: number; readonly open: readonly string[] };
  readonly cost: (Range & { readonly perHour: number; readonly currency: string | null }) | null;
  readonly remote: readonly RemoteEstimate[];
  readonly memory: { readonly machine: number; readonly stages: readonly StageMemory[] };
  readonly disk: { readonly free: number; readonly uses: readonly DiskUse[] };
  readonly breakEven: readonly BreakEven[];
  /** What was taken for granted, in sentences. */
  readonly assumptions: readonly string[];
  /** Why measured times may be less certain than their intervals, in sentences. */
  readonly warnings: readonly string[];
  /** Memory and disk held against the machine's; worded as `heartcut check`. */
  readonly findings: readonly Finding[];
}
