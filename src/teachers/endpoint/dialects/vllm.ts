import { type Dialect, field, list, optional } from "../dialect.ts";

/**
 * vLLM (0.10.2 on): /v1/completions with its own `prompt_logprobs`, which gives at each place the token itself and the k likeliest,
 * by id, and with `return_token_ids`, which shows what was scored.
 * Source: vllm/entrypoints/openai/completion/protocol.py
 */
export const vllm: Dialect = {
  name: "vllm",
  path: "/v1/completions",
  reserve: 1,
  showsIds: true,
  ask: (ids, k, model) => ({
    model,
    prompt: ids,
    max_tokens: 1,
    temperature: 0,
    prompt_logprobs: k,
    return_token_ids: true,
  }),
  read(answer) {
    const ids = list(answer, "choices", 0, "prompt_token_ids");
    const top = list(answer, "choices", 0, "prompt_logprobs").map(entriesOf);
    return {
      ids,
      count: field(answer, "usage", "prompt_tokens"),
      logProbs: top.map((entries, t) => entries?.find(([id]) => id === ids[t])?.[1] ?? null),
      top,
    };
  },
  help: "use vLLM 0.10.2 or newer with its default --logprobs-mode raw_logprobs, and --max-logprobs of at least k",
};

function entriesOf(place: unknown): [number, unknown][] | null {
  if (typeof place !== "object" || place === null) return null;
  return Object.entries(place).map(([id, value]) => [Number(id), optional(value, "logprob")]);
}
