import { type Dialect, list, optional } from "../dialect.ts";
import { RowFault } from "../row.ts";

/**
 * SGLang: its own /generate, which gives [log-probability, id, text] for each token of the prompt.
 * Source: SGLang docs, "Sampling Parameters" and native API; sglang/srt/managers/io_struct.py
 */
export const sglang: Dialect = {
  name: "sglang",
  path: "/generate",
  reserve: 1,
  showsIds: true,
  ask: (ids, k) => ({
    input_ids: ids,
    sampling_params: { max_new_tokens: 0, temperature: 0 },
    return_logprob: true,
    // From the first token on: the default gives the answer's tokens only.
    logprob_start_len: 0,
    top_logprobs_num: k,
    return_text_in_logprobs: false,
  }),
  read(answer) {
    const tokens = list(answer, "meta_info", "input_token_logprobs").map((entry) =>
      pair(entry, "input_token_logprobs"),
    );
    const top = optional(answer, "meta_info", "input_top_logprobs");
    return {
      ids: tokens.map(([id]) => id),
      count: optional(answer, "meta_info", "prompt_tokens"),
      logProbs: tokens.map(([, logProb]) => logProb),
      top: Array.isArray(top) ? top.map(topOf) : undefined,
    };
  },
  help: "SGLang gives them at /generate: let the address reach the server itself, not a gateway that hides that path",
};

/** [log-probability, id, …] as [id, log-probability]. */
function pair(entry: unknown, where: string): [unknown, unknown] {
  if (Array.isArray(entry) && entry.length >= 2) return [entry[1], entry[0]];
  throw new RowFault(`meta_info.${where}`, JSON.stringify(entry) ?? "nothing", "[log-probability, id, text]");
}

function topOf(place: unknown): [unknown, unknown][] | null {
  return Array.isArray(place) ? place.map((entry) => pair(entry, "input_top_logprobs")) : null;
}
