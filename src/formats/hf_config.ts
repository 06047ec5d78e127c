import { join } from "node:path";
import { HeartcutError } from "../errors.ts";
import type { FileSystemOptions } from "./file_system.ts";
import { readJsonFile } from "./json_file.ts";
import type { Limits } from "./limits.ts";
import { type Published, publishText } from "./publish.ts";
import type { JsonValue } from "./strict_json.ts";

export type { JsonValue } from "./strict_json.ts";

/** A config.json in today's spelling (transformers 5): plain data under the names the file uses. */
export type HfConfigJson = Record<string, JsonValue>;

type JsonObject = { [key: string]: JsonValue };

/**
 * Keys by which a config.json asks for code, for a kernel or for a remote: dropped, since a file never decides what runs.
 * CVE-2026-4372 came in through `_attn_implementation_internal`, remote code through `auto_map`.
 */
const IGNORED =
  /^(auto_map|custom_pipelines|trust_remote_code|_name_or_path|_commit_hash|_?attn_implementation.*|_?experts_implementation.*)$/;

/** Keys that Python reads as float: transformers before 5 refuses `8` where `8.0` is meant. */
const FLOATS = new Set([
  "rope_theta",
  "rotary_emb_base",
  "factor",
  "low_freq_factor",
  "high_freq_factor",
  "attention_factor",
  "beta_fast",
  "beta_slow",
  "mscale",
  "mscale_all_dim",
  "short_factor",
  "long_factor",
  "partial_rotary_factor",
  "rotary_pct",
  "rms_norm_eps",
  "layer_norm_eps",
  "layer_norm_epsilon",
  "initializer_factor",
  "initializer_range",
  "attention_dropout",
  "classifier_dropout",
  "dropout_rate",
  "hidden_dropout",
  "time_step_scale",
  "time_step_min",
  "time_step_max",
  "time_step_floor",
]);

/** Reads FOLDER/config.json. @throws HeartcutError HC1004, HC1006, HC1020 (not JSON), HC1021 (not a config) */
export async function readHfConfig(folder: string, options: { limits?: Partial<Limits> } = {}): Promise<HfConfigJson> {
  const path = join(folder, "config.json");
  return parseHfConfig(await readJsonFile(path, options), path);
}

/**
 * Brings a config.json of any age into today's spelling, and leaves out what asks for code:
 * `torch_dtype` becomes `dtype`; `rope_theta`, `rope_scaling` (with `type` or `rope_type`), `partial_rotary_factor`, `rotary_pct` and
 * `rotary_emb_base` become `rope_parameters`. What the file does not say is not made up: defaults are the architecture's business.
 * @param where - the file, for errors   @throws HeartcutError HC1021
 */
export function parseHfConfig(json: JsonValue, where: string): HfConfigJson {
  if (!isObject(json)) throw fault(where, "the file holds no JSON object", "a JSON object");
  const config: HfConfigJson = {};
  for (const [key, value] of Object.entries(json)) {
    if (key !== "__proto__" && !IGNORED.test(key)) config[key] = value;
  }
  if (config.model_type !== undefined && typeof config.model_type !== "string")
    throw fault(where, `model_type is ${JSON.stringify(config.model_type)}`, "a string");
  const dtype = config.dtype ?? config.torch_dtype;
  delete config.torch_dtype;
  if (dtype !== undefined) config.dtype = typeof dtype === "string" ? dtype.replace(/^torch\./, "") : dtype;
  const rope = ropeParameters(config, where);
  for (const key of ["rope_theta", "rope_scaling", "partial_rotary_factor", "rotary_pct", "rotary_emb_base"])
    delete config[key];
  if (rope !== undefined) config.rope_parameters = rope;
  return config;
}

/**
 * Publishes FOLDER/config.json so that transformers 4 and 5 both open it: today's spelling, and beside it the older keys where they
 * can say the same. Keys are sorted and numbers spelled as Python spells them.
 */
export async function writeHfConfig(
  folder: string,
  config: HfConfigJson,
  options: FileSystemOptions = {},
): Promise<Published> {
  const path = join(folder, "config.json");
  const both = withLegacyKeys(parseHfConfig(config, path));
  return publishText(path, `${encode("", both, "\n")}\n`, options);
}

function ropeParameters(config: HfConfigJson, where: string): JsonObject | undefined {
  const scaling = config.rope_parameters ?? config.rope_scaling ?? undefined;
  if (scaling !== undefined && !isObject(scaling))
    throw fault(where, `the RoPE parameters are ${JSON.stringify(scaling)}`, "an object or null");
  // One set of parameters per kind of layer (gemma 3): already today's form.
  if (scaling !== undefined && Object.values(scaling).some(isObject)) return scaling;
  const theta = config.rope_theta ?? config.rotary_emb_base ?? scaling?.rope_theta;
  const partial = config.partial_rotary_factor ?? config.rotary_pct ?? scaling?.partial_rotary_factor;
  const asked = scaling !== undefined || theta !== undefined || partial !== undefined || "rope_scaling" in config;
  if (!asked) return undefined;
  const { type, rope_type = type ?? "default", ...rest } = scaling ?? {};
  if (typeof rope_type !== "string") throw fault(where, `rope_type is ${JSON.stringify(rope_type)}`, "a string");
  if (theta !== undefined && typeof theta !== "number")
    throw fault(where, `rope_theta is ${JSON.stringify(theta)}`, "a number");
  return {
    ...rest,
    ...(partial === undefined ? {} : { partial_rotary_factor: partial }),
    ...(theta === undefined ? {} : { rope_theta: theta }),
    rope_type,
  };
}

/** transformers 4 reads the base and the scaling from keys of their own; "linear" and "dynamic" are from before `rope_type`. */
function withLegacyKeys(config: HfConfigJson): HfConfigJson {
  const result: HfConfigJson = { ...config };
  if (config.dtype !== undefined) result.torch_dtype = config.dtype;
  const rope = config.rope_parameters;
  if (!isObject(rope) || Object.values(rope).some(isObject)) return result;
  const { rope_theta, rope_type, partial_rotary_factor, ...rest } = rope;
  const isNeoX = config.model_type === "gpt_neox";
  if (rope_theta !== undefined) result[isNeoX ? "rotary_emb_base" : "rope_theta"] = rope_theta;
  if (partial_rotary_factor !== undefined)
    result[isNeoX ? "rotary_pct" : "partial_rotary_factor"] = partial_rotary_factor;
  if (rope_type === "default") result.rope_scaling = null;
  else
    result.rope_scaling =
      rope_type === "linear" || rope_type === "dynamic"
        ? { ...rest, type: rope_type }
        : { ...rest, rope_type: rope_type! };
  return result;
}

function encode(key: string, value: JsonValue, newline: string): string {
  if (typeof value === "number") return encodeNumber(key, value);
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  const inner = `${newline}  `;
  const [open, close] = Array.isArray(value) ? "[]" : "{}";
  const parts = Array.isArray(value)
    ? value.map((item) => encode(key, item, inner))
    : Object.keys(value)
        .sort()
        .map((name) => `${JSON.stringify(name)}: ${encode(name, value[name]!, inner)}`);
  return parts.length === 0 ? `${open}${close}` : `${open}${inner}${parts.join(`,${inner}`)}${newline}${close}`;
}

function encodeNumber(key: string, value: number): string {
  if (!Number.isFinite(value)) throw fault("config.json", `${key} is ${value}`, "a finite number: JSON has no other");
  return Number.isInteger(value) && FLOATS.has(key) ? value.toFixed(1) : JSON.stringify(value);
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}

function fault(where: string, found: string, expected: string): HeartcutError {
  return new HeartcutError("HC1021", {
    what: "config.json is not the configuration of a model",
    where,
    found,
    expected,
    fix: "use the config.json that belongs to the weights",
  });
}
