import { type Dialect, field, list, optional } from "../dialect.ts";

const TOKEN_ID = /^token_id:(\d+)$/;

/**
 * The legacy completions of OpenAI: `echo` with `logprobs` scores the prompt. Tokens come as text; ids only from servers that
 * add `token_ids` or write tokens as `token_id:N`.
 * Source: OpenAI API reference, "Completions" (legacy); as lm-evaluation-harness's local-completions asks
 */
export const openai: Dialect = {
  name: "openai",
  path: "/v1/completions",
  reserve: 0,
  showsIds: false,
  // Some servers take logprobs 0 for none at all.
  ask: (ids, k, model) => ({ model, prompt: ids, max_tokens: 0, temperature: 0, echo: true, logprobs: Math.max(1, k) }),
  read(answer) {
    const values = list(answer, "choices", 0, "logprobs", "token_logprobs");
    const count = field(answer, "usage", "prompt_tokens");
    // A server that cannot generate nothing puts its token behind the prompt's.
    const generated = optional(answer, "usage", "completion_tokens");
    const n = values.length - (typeof generated === "number" ? generated : 0);
    return {
      ids: idsOf(answer)?.slice(0, n),
      count,
      logProbs: values.slice(0, n),
      top: topOf(optional(answer, "choices", 0, "logprobs", "top_logprobs"))?.slice(0, n),
    };
  },
  help: "the server must score prompts: echo with logprobs in /v1/completions (not chat completions)",
};

function idsOf(answer: unknown): unknown[] | undefined {
  const ids = optional(answer, "choices", 0, "logprobs", "token_ids");
  if (Array.isArray(ids)) return ids;
  const tokens = optional(answer, "choices", 0, "logprobs", "tokens");
  if (!Array.isArray(tokens) || !tokens.every(isTokenId)) return undefined;
  return tokens.map(idOf);
}

/** Only places whose tokens are written as ids: text may stand for several. */
function topOf(places: unknown): ([number, unknown][] | null)[] | undefined {
  if (!Array.isArray(places)) return undefined;
  const known = places.every(
    (place) => place === null || (typeof place === "object" && Object.keys(place).every(isTokenId)),
  );
  if (!known) return undefined;
  return places.map(
    (place: object | null) => place && Object.entries(place).map(([token, value]) => [idOf(token), value]),
  );
}

const isTokenId = (token: unknown) => typeof token === "string" && TOKEN_ID.test(token);
const idOf = (token: string) => Number(TOKEN_ID.exec(token)![1]);
