import type { TopLogProbs } from "../../distill/record.ts";

/** What a server says about one prompt of n tokens, as read from its answer and not yet believed. */
export interface PromptLogProbs {
  /** Ids the server scored; undefined where it does not show them. */
  readonly ids: readonly unknown[] | undefined;
  /** Prompt tokens the server counted; undefined where it does not say. */
  readonly count: unknown;
  /** One value per prompt token; the first has none and is null. */
  readonly logProbs: readonly unknown[];
  /** Likeliest tokens by place, [id, log-probability] in any order; undefined where none were asked for or shown. */
  readonly top: readonly (readonly (readonly [unknown, unknown])[] | null)[] | undefined;
}

/** An answer, or a part of it, that cannot be right. */
export class RowFault extends Error {
  constructor(
    readonly field: string,
    readonly found: string,
    readonly expected: string,
  ) {
    super(`${field}: ${found}, expected ${expected}`);
  }
}

/** Log-probabilities in low precision may pass 0 by this much. */
const ROUNDING = 1e-3;
/** vLLM writes this for -Infinity, which JSON has not. */
const STAND_IN = -9999;

export interface RowQuestion {
  readonly ids: Int32Array;
  /** Likeliest tokens asked for; 0 for none. */
  readonly k: number;
  readonly vocabSize: number;
  /** False: an answer without ids is taken if its counts are right. */
  readonly checkIds: boolean;
}

/**
 * Checks everything in an answer that can be checked, and only then makes numbers of it.
 * @returns NLL, [n-1] in nats, and the k likeliest tokens where asked for   @throws RowFault naming the field
 */
export function checkedRow(row: PromptLogProbs, question: RowQuestion): { nll: Float32Array; top?: TopLogProbs } {
  const { ids, k, checkIds } = question;
  const n = ids.length;
  if (row.count !== undefined && row.count !== n)
    throw new RowFault("prompt tokens", String(row.count), `${n}, as many as were sent`);
  if (row.logProbs.length !== n) throw new RowFault("log-probabilities", `${row.logProbs.length} values`, `${n}`);
  if (row.ids === undefined) {
    if (checkIds) throw new RowFault("token ids", "none", "the ids that were scored");
    if (row.count === undefined) throw new RowFault("prompt tokens", "no count", `${n}`);
  } else {
    if (row.ids.length !== n) throw new RowFault("token ids", `${row.ids.length} ids`, `${n}`);
    for (let t = 0; t < n; t++)
      if (row.ids[t] !== ids[t]) throw new RowFault(`token ids, place ${t}`, String(row.ids[t]), `${ids[t]}`);
  }
  const nll = new Float32Array(Math.max(0, n - 1));
  for (let t = 1; t < n; t++) nll[t - 1] = -logProbOf(row.logProbs[t], `log-probabilities, place ${t}`);
  return k === 0 ? { nll } : { nll, top: checkedTop(row, question, nll) };
}

function checkedTop({ top }: PromptLogProbs, { ids, k, vocabSize }: RowQuestion, nll: Float32Array): TopLogProbs {
  const n = ids.length;
  if (top === undefined) throw new RowFault("likeliest tokens", "none", `${k} at each place`);
  if (top.length !== n) throw new RowFault("likeliest tokens", `${top.length} places`, `${n}`);
  const result = { ids: new Int32Array((n - 1) * k), logProbs: new Float32Array((n - 1) * k) };
  for (let t = 1; t < n; t++) {
    const field = `likeliest tokens, place ${t}`;
    const entries = new Map<number, number>();
    let mass = 0;
    for (const [id, value] of top[t] ?? []) {
      if (typeof id !== "number" || !Number.isInteger(id) || id < 0 || id >= vocabSize)
        throw new RowFault(field, `id ${String(id)}`, `0 … ${vocabSize - 1}`);
      if (entries.has(id)) throw new RowFault(field, `id ${id} twice`, "each id once");
      const logProb = logProbOf(value, field);
      entries.set(id, logProb);
      mass += Math.exp(logProb);
    }
    if (entries.size < k) throw new RowFault(field, `${entries.size} tokens`, `at least ${k}`);
    if (mass > 1.01) throw new RowFault(field, `probabilities that add up to ${mass.toFixed(3)}`, "at most 1");
    const best = [...entries].sort(([a, x], [b, y]) => y - x || a - b).slice(0, k);
    const label = entries.get(ids[t]!);
    const own = -nll[t - 1]!;
    if (label !== undefined ? Math.abs(label - own) > ROUNDING : own > best.at(-1)![1] + ROUNDING)
      throw new RowFault(field, `${label ?? "no value"} for the token itself`, `${own}, its log-probability`);
    for (const [i, [id, logProb]] of best.entries()) {
      result.ids[(t - 1) * k + i] = id;
      result.logProbs[(t - 1) * k + i] = logProb;
    }
  }
  return result;
}

function logProbOf(value: unknown, field: string): number {
  if (typeof value !== "number" || !Number.isFinite(value)) throw new RowFault(field, String(value), "a finite number");
  if (value > ROUNDING) throw new RowFault(field, String(value), "a log-probability, not above 0");
  if (value <= STAND_IN) throw new RowFault(field, String(value), "a log-probability; this stands for -Infinity");
  return value;
}
