import type { HfConfigJson } from "../formats/hf_config.ts";

/**
 * Which positions count in an instance's NLL. "miniplm": all whose input token is neither EOS nor pad, so that EOS is a
 * target but nothing is asked of the model across a document border. "all": every position.
 */
export type LossMask = "miniplm" | "all";

/** One id that ends documents, or several (Llama 3). */
export type EosIds = number | readonly number[];

/** Ids that end documents or fill rows; absent ones exclude nothing. */
export interface MaskIds {
  eosId?: EosIds | undefined;
  padId?: number | undefined;
}

/** The ids that a model's config.json names. */
export function maskIdsOf({ eos_token_id: eos, pad_token_id: pad }: HfConfigJson): MaskIds {
  const eosIds = (Array.isArray(eos) ? eos : [eos]).filter((id) => typeof id === "number");
  return {
    ...(eosIds.length > 0 && { eosId: eosIds }),
    ...(typeof pad === "number" && { padId: pad }),
  };
}

/** Whether an id ends a document. */
export function endsDocument(id: number | undefined, eosId: EosIds | undefined): boolean {
  return typeof eosId === "object" ? eosId.includes(id!) : id === eosId;
}

/** Marks the scored positions of one instance.
 * @param tokens - int[n], the instance's ids
 * @returns uint8[n-1]: 1 where position t (input tokens[t], label tokens[t+1]) is scored   Source: MiniPLM, arXiv:2410.17215 */
export function lossMask(tokens: Int32Array, mask: LossMask, ids: MaskIds): Uint8Array {
  const scored = new Uint8Array(Math.max(0, tokens.length - 1));
  for (let t = 0; t < scored.length; t++) {
    const input = tokens[t];
    scored[t] = mask === "all" || (!endsDocument(input, ids.eosId) && input !== ids.padId) ? 1 : 0;
  }
  return scored;
}

/** NLL of one instance over its scored positions, in nats; mean is 0 where nothing is scored. */
export interface ReducedNll {
  tokens: number;
  sum: number;
  mean: number;
}

/** Sums and averages per-token NLLs over the scored positions, in doubles.
 * @param nll - float[n-1] in nats   @param scored - uint8[n-1] of lossMask */
export function reduceNll(nll: ArrayLike<number>, scored: Uint8Array): ReducedNll {
  let tokens = 0;
  let sum = 0;
  for (let t = 0; t < scored.length; t++) {
    if (scored[t] === 0) continue;
    tokens++;
    sum += nll[t]!;
  }
  return { tokens, sum, mean: tokens === 0 ? 0 : sum / tokens };
}
