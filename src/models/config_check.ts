import type * as z from "zod";
import { HeartcutError } from "../errors.ts";
import type { HfConfigJson, JsonValue } from "../formats/hf_config.ts";

/** Refuses a key with what was found and what is expected. @throws HeartcutError HC1101 */
export type Refuse = (key: string, found: string, expected: string) => never;

/** Refusals of one config. @param where - the file, for errors */
export function refusing(modelType: string, where: string): Refuse {
  return (key, found, expected) => {
    throw new HeartcutError("HC1101", {
      what: `config of a ${modelType} model cannot be used`,
      where: `${where}: ${key}`,
      found,
      expected,
    });
  };
}

/** Reads the keys of a schema; others are kept but not read. @throws HeartcutError HC1101 naming the key that cannot be used */
export function parseKeys<S extends z.ZodType>(
  schema: S,
  json: HfConfigJson,
  modelType: string,
  where: string,
): z.infer<S> {
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  throw new HeartcutError("HC1101", {
    what: `config of a ${modelType} model cannot be used`,
    where: `${where}: ${issue.path.join(".") || "(top level)"}`,
    found: issue.message,
    fix: "correct the key, or use a model whose features are supported (see docs/method.md, models)",
  });
}

/** Keys of relatives of our causal models that change what is computed, with the value at which they do not. */
export const NEUTRAL: Readonly<Record<string, JsonValue>> = {
  embedding_multiplier: 1,
  residual_multiplier: 1,
  logits_scaling: 1,
  logit_scale: 1,
  attn_logit_softcapping: 0,
  final_logit_softcapping: 0,
  clip_qkv: 0,
  attention_chunk_size: 0,
  num_local_experts: 0,
  num_experts: 0,
  parallel_attn: false,
  alibi: false,
  is_encoder_decoder: false,
  use_bidirectional_attention: false,
  is_causal: true,
};

/** Refuses a config that sets a key otherwise than at its neutral value: it was made for other code. Null says nothing. */
export function requireNeutral(
  json: HfConfigJson,
  neutralValues: Readonly<Record<string, JsonValue>>,
  modelType: string,
  refuse: Refuse,
): void {
  for (const [key, neutral] of Object.entries(neutralValues)) {
    const value = json[key] ?? neutral;
    const same = typeof value === "number" && typeof neutral === "number" ? isClose(value, neutral) : value === neutral;
    if (!same) refuse(key, JSON.stringify(value), `${neutral}, or no such key: a ${modelType} model has no other`);
  }
}

/** Configs round such factors to a few digits. */
function isClose(a: number, b: number): boolean {
  return Math.abs(a - b) <= 1e-6 * Math.max(1, Math.abs(b));
}
