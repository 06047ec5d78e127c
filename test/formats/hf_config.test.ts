import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { type JsonValue, parseHfConfig, readHfConfig, writeHfConfig } from "../../src/formats/hf_config.ts";
import { temporaryFolder } from "./faults.ts";

const SHARED = join(import.meta.dirname, "../../../shared");
const parse = (json: JsonValue) => parseHfConfig(json, "config.json");

describe("older spellings", () => {
  test.each<[string, JsonValue, JsonValue]>([
    [
      "a base alone",
      { rope_theta: 1e6, rope_scaling: null },
      { rope_parameters: { rope_type: "default", rope_theta: 1e6 } },
    ],
    ["no base and no scaling", { rope_scaling: null }, { rope_parameters: { rope_type: "default" } }],
    [
      "linear scaling by type",
      { rope_theta: 1e4, rope_scaling: { type: "linear", factor: 2 } },
      { rope_parameters: { rope_type: "linear", factor: 2, rope_theta: 1e4 } },
    ],
    [
      "rope_type beside type",
      { rope_scaling: { type: "x", rope_type: "yarn", factor: 4 } },
      { rope_parameters: { rope_type: "yarn", factor: 4 } },
    ],
    [
      "part of the head rotated",
      { partial_rotary_factor: 0.5, rope_theta: 1e4 },
      { rope_parameters: { rope_type: "default", rope_theta: 1e4, partial_rotary_factor: 0.5 } },
    ],
    [
      "GPT-NeoX",
      { rotary_pct: 0.25, rotary_emb_base: 10000 },
      { rope_parameters: { rope_type: "default", rope_theta: 10000, partial_rotary_factor: 0.25 } },
    ],
    [
      "today's form",
      { rope_parameters: { rope_type: "default", rope_theta: 5 } },
      { rope_parameters: { rope_type: "default", rope_theta: 5 } },
    ],
    [
      "a set per kind of layer",
      { rope_parameters: { full_attention: { rope_type: "default" } } },
      { rope_parameters: { full_attention: { rope_type: "default" } } },
    ],
    ["no RoPE at all", { n_embd: 4 }, { n_embd: 4 }],
    ["torch_dtype", { torch_dtype: "bfloat16" }, { dtype: "bfloat16" }],
    ["torch_dtype with module", { torch_dtype: "torch.float16" }, { dtype: "float16" }],
    ["dtype beside torch_dtype", { dtype: "float32", torch_dtype: "float16" }, { dtype: "float32" }],
  ])("%s", (_what, json, expected) => {
    expect(parse(json)).toEqual(expected);
    expect(parse(parse(json))).toEqual(expected);
  });

  test("keys that ask for code are dropped, architectures and unknown keys stay", () => {
    const json = {
      architectures: ["EvilModel"],
      auto_map: { AutoModel: "evil.py--Model" },
      _attn_implementation_internal: "hub/kernel",
      _attn_implementation: "x",
      attn_implementation: "x",
      trust_remote_code: true,
      custom_pipelines: {},
      _name_or_path: "/home/x",
      my_key: 1,
    };
    expect(parse(json)).toEqual({ architectures: ["EvilModel"], my_key: 1 });
    const proto = parse(JSON.parse('{"__proto__":{"model_type":"x"},"a":1}'));
    expect(Object.keys(proto)).toEqual(["a"]);
    expect(proto.model_type).toBeUndefined();
  });

  test.each<[JsonValue]>([
    [[]],
    [null],
    ["x"],
    [{ model_type: 1 }],
    [{ rope_scaling: "linear" }],
    [{ rope_theta: "1e4" }],
    [{ rope_scaling: { type: 1 } }],
  ])("%j is refused", (json) => {
    expect(() => parse(json)).toThrow(expect.objectContaining({ code: "HC1021" }));
  });
});

test("files over the limits or not strict JSON are refused by name", async () => {
  const folder = temporaryFolder();
  await expect(readHfConfig(folder)).rejects.toMatchObject({
    code: "HC1004",
    fault: { where: join(folder, "config.json") },
  });
  for (const [text, code] of [
    ["{", "HC1020"],
    ['{"a":1,"a":2}', "HC1020"],
    [`{"a":${"[".repeat(100)}`, "HC1020"],
    ['{"a":Infinity}', "HC1020"],
  ] as const) {
    writeFileSync(join(folder, "config.json"), text);
    await expect(readHfConfig(folder)).rejects.toMatchObject({ code });
  }
  writeFileSync(join(folder, "config.json"), Uint8Array.of(0x7b, 0xff, 0x7d));
  await expect(readHfConfig(folder)).rejects.toMatchObject({ code: "HC1020" });
  writeFileSync(join(folder, "config.json"), `{"a":"${"x".repeat(100)}"}`);
  await expect(readHfConfig(folder, { limits: { jsonBytes: 50 } })).rejects.toMatchObject({ code: "HC1006" });
});

test("a written config holds both spellings, with Python's floats, and reads back as it was", async () => {
  const folder = temporaryFolder();
  const config = {
    model_type: "llama",
    dtype: "float32",
    vocab_size: 8,
    rms_norm_eps: 1e-5,
    eos_token_id: [1, 2],
    pad_token_id: null,
    empty: [],
    none: {},
    rope_parameters: { rope_type: "llama3", factor: 8, rope_theta: 500000, original_max_position_embeddings: 8192 },
  };
  await writeHfConfig(folder, config);
  expect(await readHfConfig(folder)).toEqual(config);
  expect(readFileSync(join(folder, "config.json"), "utf8")).toBe(`{
  "dtype": "float32",
  "empty": [],
  "eos_token_id": [
    1,
    2
  ],
  "model_type": "llama",
  "none": {},
  "pad_token_id": null,
  "rms_norm_eps": 0.00001,
  "rope_parameters": {
    "factor": 8.0,
    "original_max_position_embeddings": 8192,
    "rope_theta": 500000.0,
    "rope_type": "llama3"
  },
  "rope_scaling": {
    "factor": 8.0,
    "original_max_position_embeddings": 8192,
    "rope_type": "llama3"
  },
  "rope_theta": 500000.0,
  "torch_dtype": "float32",
  "vocab_size": 8
}
`);
  await writeHfConfig(folder, { rope_parameters: { rope_type: "linear", factor: 2, rope_theta: 1e4 } });
  expect(JSON.parse(readFileSync(join(folder, "config.json"), "utf8")).rope_scaling).toEqual({
    type: "linear",
    factor: 2,
  });
  await expect(writeHfConfig(folder, { a: Number.POSITIVE_INFINITY })).rejects.toMatchObject({ code: "HC1021" });
});

const samples = ["fixtures/models", "data/weights"].flatMap((kind) => {
  const folder = join(SHARED, kind);
  return existsSync(folder)
    ? readdirSync(folder)
        .map((name) => join(folder, name))
        .filter((path) => existsSync(join(path, "config.json")))
    : [];
});
const legacy = join(SHARED, "data/tokenizers/model_configs");

test.skipIf(samples.length === 0)(
  `real configs survive a round trip${samples.length === 0 ? " (skipped: no shared fixtures)" : ""}`,
  async () => {
    const folder = temporaryFolder();
    for (const path of samples) {
      const config = await readHfConfig(path);
      await writeHfConfig(folder, config);
      expect(await readHfConfig(folder)).toEqual(config);
    }
  },
);

test.skipIf(!existsSync(legacy))(
  `legacy configs come out in today's spelling${existsSync(legacy) ? "" : " (skipped: no shared fixtures)"}`,
  () => {
    const rope: Record<string, unknown> = {};
    for (const name of readdirSync(legacy)) {
      const config = parseHfConfig(JSON.parse(readFileSync(join(legacy, name), "utf8")), name);
      for (const key of ["rope_theta", "rope_scaling", "torch_dtype", "_name_or_path"])
        expect(config[key]).toBeUndefined();
      rope[name.replace(".config.json", "")] = [config.rope_parameters, config.dtype];
    }
    expect(rope).toMatchObject({
      "Qwen1.5-1.8B": [{ rope_type: "default", rope_theta: 1e6 }, "bfloat16"],
      "gpt2-base": [undefined, undefined],
      "llama2-7b-hf": [{ rope_type: "default" }, "float16"],
    });
  },
);
