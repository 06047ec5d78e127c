import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { packCorpus } from "../../src/corpus/pack.ts";
import { createModel, saveModel } from "../../src/models/load.ts";
import { quietContext } from "../../src/progress.ts";
import { parseAnyRecipe } from "../../src/run/any_recipe.ts";
import type { Finding } from "../../src/run/preflight/finding.ts";
import { type Preflight, preflight } from "../../src/run/preflight/preflight.ts";
import { copyTokenizer } from "../../src/tokenizers/files.ts";
import { loadTokenizer } from "../../src/tokenizers/tokenizer.ts";
import { trainByteLevelBpe } from "../../src/tokenizers/train.ts";
import { FakeServer } from "../teachers/fake_server.ts";
import { Truth } from "../teachers/truth.ts";

const LENGTH = 32;
const SHAPE =
  "model_type: llama, hidden_size: 8, intermediate_size: 16, num_hidden_layers: 1, num_attention_heads: 2, max_position_embeddings: 64";
const STUDENT = `{ name: s, selection: half, train: { model: { ${SHAPE} }, steps: 3, batch: { instances: 4 } } }`;
let folder = "";
const at = (name: string) => join(folder, name);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "heartcut-preflight-"));
  const line = (i: number) =>
    JSON.stringify({
      text: `The ${["river", "tower", "garden"][i % 3]} of day ${i} was ${i % 2 ? "quiet" : "loud"}. It had ${i * 7} stones.`,
      source: i % 2 ? "a" : "b",
    });
  await writeFile(at("corpus.jsonl"), Array.from({ length: 300 }, (_, i) => `${line(i)}\n`).join(""));
  await tokenizer("own", "the river of day was quiet and the tower of day was loud, it had stones");
  await model("teacher", "own", {});
  await model("reference", "own", {});
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function tokenizer(name: string, text: string, change: (json: Record<string, never>) => unknown = () => {}) {
  async function* texts() {
    for (let i = 0; i < 20; i++) yield text;
  }
  await trainByteLevelBpe(texts(), { vocabSize: 290, folder: at(name) }, quietContext());
  const file = join(at(name), "tokenizer.json");
  const json = JSON.parse(await readFile(file, "utf8"));
  change(json);
  await writeFile(file, JSON.stringify(json));
}

async function model(name: string, tokens: string | undefined, change: Record<string, unknown>) {
  const config = {
    model_type: "llama",
    vocab_size: 290,
    hidden_size: 8,
    intermediate_size: 16,
    num_hidden_layers: 1,
    num_attention_heads: 2,
    max_position_embeddings: 64,
    ...change,
  };
  const made = createModel(config, 1);
  await saveModel(made.description, made.weights, at(name));
  if (tokens !== undefined) await copyTokenizer(at(tokens), at(name));
}

interface Changes {
  teacher?: string;
  students?: string;
  more?: string;
  tokenizer?: string;
  corpus?: string;
}

const recipe = ({ teacher, students = STUDENT, more = "", tokenizer: tokens, corpus }: Changes) => `
name: checked
device: cpu
corpus: { path: ${corpus ?? at("corpus.jsonl")}, source: source }
tokenizer: ${tokens ?? `{ path: ${at("own")} }`}
pack: { length: ${LENGTH} }
teacher: ${teacher ?? `{ path: ${at("teacher")} }`}
reference: { path: ${at("reference")} }
select: { half: { method: difference }, random: { method: random } }
students: [${students}]
${more}
`;

const check = (changes: Changes = {}): Promise<Preflight> =>
  preflight(parseAnyRecipe("r.yaml", recipe(changes)), at("out"), quietContext("check"));
const faults = ({ findings }: Preflight) => findings.filter(({ level }) => level !== "ok");
const only = (result: Preflight): Finding => {
  expect(faults(result).map(({ code, what }) => `${code} ${what}`)).toHaveLength(1);
  return faults(result)[0]!;
};

describe("a recipe without a fault", () => {
  it("is ready, and says the same each time", async () => {
    const before = await readdir(folder);
    const [first, second] = [await check(), await check()];
    expect(faults(first)).toEqual([]);
    expect(first.ok).toBe(true);
    // Nothing was written; what the machine has free may change in between.
    expect(await readdir(folder)).toEqual(before);
    const plain = (result: Preflight) =>
      JSON.parse(JSON.stringify({ ...result, disk: result.disk?.uses }).replace(/[\d.]+ GB that/g, "GB that"));
    expect(plain(second)).toEqual(plain(first));
    expect(Object.keys(first)).toEqual(["recipe", "method", "ok", "findings", "corpus", "compute", "memory", "disk"]);
    // JSON has no numbers that are none.
    expect(JSON.stringify(first.compute)).not.toContain("NaN");
  });

  it("knows what packing will make of a corpus that it has read whole", async () => {
    const packed = await packCorpus(
      {
        corpus: { path: at("corpus.jsonl"), source: "source" },
        filter: { split: "train", heldOutShare: 0.02, seed: 1 },
        tokenizer: await loadTokenizer(at("own")),
        folder: at("packed"),
        contextLength: LENGTH,
        seed: 1,
      },
      quietContext(),
    );
    await rm(at("packed"), { recursive: true });
    const { corpus } = await check();
    expect(corpus).toMatchObject({ files: 1, whole: true });
    expect(corpus?.pool).toEqual({
      instances: packed.instances,
      tokens: packed.tokens,
      positions: packed.tokens - packed.instances,
    });
  });
});

describe("tokenizers", () => {
  it("takes padding rows, and counts them", async () => {
    await model("padded", "own", { vocab_size: 320 });
    const result = await check({ teacher: `{ path: ${at("padded")} }` });
    expect(faults(result)).toEqual([]);
    expect(result.findings.map(({ what }) => what)).toContain(
      "the teacher has 320 embeddings for 290 ids: 30 padding rows, trimmed wherever distributions are compared",
    );
  });

  it("names ids that stand for other text, and what follows for students that learn distributions", async () => {
    await tokenizer("foreign", "zzz zzz qqq qqq other words give other pairs of letters");
    await model("stranger", "foreign", {});
    const students = `${STUDENT}, { name: kd, selection: half, distill: {}, train: { model: { ${SHAPE} }, steps: 1 } }`;
    const finding = only(await check({ teacher: `{ path: ${at("stranger")} }`, students }));
    expect(finding).toMatchObject({ level: "error", code: "HC4105", where: at("stranger") });
    expect(finding.found).toMatch(
      /pieces: \d+ of \d+ ids differ: id \d+ is ".+" to the teacher and ".+" to the recipe's tokenizer/,
    );
    expect(finding.found).toMatch(/merges/);
    expect(finding.why).toContain("kd cannot learn its distributions");
    expect(finding.fix).toContain("bits per byte");
  });

  it("compares such a teacher in bits per byte where it has a tokenizer of its own", async () => {
    const teacher = `{ path: ${at("stranger")}, tokenizer: theirs }`;
    const finding = only(await check({ teacher, more: `tokenizers: { theirs: { path: ${at("foreign")} } }` }));
    expect(finding).toMatchObject({ level: "warning", code: "HC4314", where: "teacher.tokenizer" });
  });

  it("tells a further tokenizer that is the recipe's own", async () => {
    const students = STUDENT.replace("selection: half", "selection: half, tokenizer: same");
    const finding = only(await check({ students, more: `tokenizers: { same: { path: ${at("own")} } }` }));
    expect(finding).toMatchObject({ level: "warning", code: "HC4315" });
  });

  const variants: [string, (json: never) => unknown, RegExp][] = [
    [
      "merges",
      (json: { model: { merges: unknown[] } }) => json.model.merges.reverse(),
      /merges: \d+ merges each; number 1 is ".+" to the teacher and ".+" to the recipe's/,
    ] as never,
    [
      "normalizer",
      (json: { normalizer: unknown }) => Object.assign(json, { normalizer: { type: "Lowercase" } }),
      /normalizer: \{"type":"Lowercase"\} to the teacher and none/,
    ] as never,
  ];
  for (const [part, change, found] of variants)
    it(`warns of other ${part} with equal ids`, async () => {
      await tokenizer(
        `other-${part}`,
        "the river of day was quiet and the tower of day was loud, it had stones",
        change as never,
      );
      await model(`with-${part}`, `other-${part}`, {});
      const finding = only(await check({ teacher: `{ path: ${at(`with-${part}`)} }` }));
      expect(finding).toMatchObject({ level: "warning", code: "HC4313" });
      expect(finding.found).toMatch(found);
    });

  it("names special tokens with another role, and takes further added tokens", async () => {
    await model("roles", "own", {});
    const own = await loadTokenizer(at("own"));
    const config = { eos_token: own.tokenOf(40), bos_token: null };
    await writeFile(join(at("roles"), "tokenizer_config.json"), JSON.stringify(config));
    expect(only(await check({ teacher: `{ path: ${at("roles")} }` })).found).toMatch(
      /special tokens: .*eos is ".+" \(40\) to the teacher/,
    );

    await model("added", "own", { vocab_size: 300 });
    const file = join(at("added"), "tokenizer.json");
    const json = JSON.parse(await readFile(file, "utf8"));
    json.added_tokens.push({ ...json.added_tokens[0], id: 290, content: "<|tool|>" });
    await writeFile(file, JSON.stringify(json));
    const result = await check({ teacher: `{ path: ${at("added")} }` });
    expect(faults(result)).toEqual([]);
    expect(result.findings.find(({ found }) => found?.startsWith("added tokens"))?.found).toContain("<|tool|>");
  });

  it("warns of a given model whose tokenizer is to be trained, and of one that brings none", async () => {
    const codes = faults(await check({ tokenizer: "{ train: { vocabSize: 280 } }" })).map(({ code }) => code);
    expect(codes).toEqual(["HC4312", "HC4312"]);
    await model("mute", undefined, {});
    expect(only(await check({ teacher: `{ path: ${at("mute")} }` })).code).toBe("HC4311");
  });
});

describe("models", () => {
  it("collects every size that is too small, and goes on", async () => {
    const short = `{ name: short, selection: half, train: { model: { ${SHAPE.replace("64", "16")} }, steps: 1 } }`;
    const few = `{ name: few, selection: half, train: { model: { ${SHAPE}, vocab_size: 100 }, steps: 1 } }`;
    const result = await check({ students: `${STUDENT}, ${short}, ${few}` });
    expect(faults(result).map(({ code, where }) => `${code} ${where}`)).toEqual([
      "HC4010 students (short): train.model.max_position_embeddings",
      "HC4010 students (few): train.model.vocab_size",
    ]);
    expect(result.ok).toBe(false);
    expect(result.compute?.students.map(({ name }) => name)).toContain("s");
  });

  it("finds what distillation cannot do with these models", async () => {
    const kd = (name: string, shape: string, distill: string) =>
      `{ name: ${name}, selection: half, distill: { ${distill} }, train: { model: { ${shape} }, steps: 1 } }`;
    const students = [
      kd(
        "state",
        "model_type: mamba, hidden_size: 8, num_hidden_layers: 1, state_size: 4",
        "attention: { weight: 1, loss: kl }",
      ),
      kd("writer", SHAPE.replace("64", String(LENGTH)), "onPolicy: { promptTokens: 4 }"),
      kd("many", SHAPE, "from: store, topK: 400"),
    ];
    const found = faults(await check({ students: students.join(", ") }));
    expect(found.map(({ code, where }) => `${code} ${where}`)).toEqual([
      "HC4302 students (state): distill.attention",
      "HC4010 students (writer): distill.onPolicy",
      "HC4301 students (many): distill.topK",
    ]);
  });

  it("reads the headers of given weights", async () => {
    await model("torn", "own", {});
    const config = JSON.parse(await readFile(join(at("torn"), "config.json"), "utf8"));
    await writeFile(join(at("torn"), "config.json"), JSON.stringify({ ...config, num_hidden_layers: 2 }));
    expect(only(await check({ teacher: `{ path: ${at("torn")} }` }))).toMatchObject({
      subject: "teachers",
      code: "HC1103",
    });
  });

  it("says where a corpus is missing", async () => {
    expect(only(await check({ corpus: at("nowhere.jsonl") }))).toMatchObject({ subject: "corpus", code: "HC2010" });
  });
});

describe("servers", () => {
  let truth: Truth;
  let server: FakeServer | undefined;
  beforeAll(async () => {
    truth = await Truth.open();
  });
  afterAll(async () => {
    await server?.stop();
    await truth.model.dispose();
  });
  const asked = async (speech: "vllm" | "openai" | "llama-server", extra = "", more: Changes = {}) => {
    await server?.stop();
    server = await FakeServer.start(truth, speech, { contextLength: 30 });
    return check({ teacher: `{ endpoint: { url: "${server.url}", vocabSize: ${truth.vocabSize}${extra} } }`, ...more });
  };

  it("tells one that is down", async () => {
    const finding = only(await check({ teacher: `{ endpoint: { url: "http://127.0.0.1:9", vocabSize: 512 } }` }));
    expect(finding).toMatchObject({ level: "error", subject: "teachers", code: "HC3310" });
  });

  it("asks for two tokens only, and says what the server can do", async () => {
    const result = await asked("vllm", ", maxRequests: 5");
    expect(server!.scored).toBe(1);
    expect(result.findings.find(({ what }) => what.startsWith("the teacher answers"))).toMatchObject({
      where: `${server!.url} (vllm: stories)`,
      found: expect.stringContaining("top-k"),
    });
    // 30 places less the one that is kept for an answer; instances have 33 tokens.
    expect(faults(result).map(({ code }) => code)).toEqual(["HC3303", "HC4321"]);
  });

  it("tells one that gives no prompt log-probabilities, and one without likeliest tokens where a store wants them", async () => {
    expect(only(await asked("llama-server")).code).toBe("HC3316");
    const students = `{ name: kd, selection: half, distill: { from: store, topK: 4 }, train: { model: { ${SHAPE} }, steps: 1 } }`;
    const found = faults(await asked("openai", ", checkIds: false", { students }));
    expect(found.map(({ code }) => code)).toContain("HC3401");
  });
});

it("warns of a reference that has not been downloaded, and checks the rest", async () => {
  const before = process.env.HF_HUB_CACHE;
  process.env.HF_HUB_CACHE = at("empty-cache");
  try {
    const result = await check({ teacher: "{ path: hf://owner/name }" });
    expect(only(result)).toMatchObject({ level: "warning", code: "HC4323", where: "hf://owner/name" });
    expect(result.ok).toBe(true);
    expect(result.corpus?.pool?.instances).toBeGreaterThan(0);
    const short = STUDENT.replace("64", "16");
    const found = faults(await check({ tokenizer: "{ path: hf://owner/name }", students: short }));
    expect(found.map(({ code }) => code)).toEqual(["HC4323"]);
  } finally {
    if (before === undefined) delete process.env.HF_HUB_CACHE;
    else process.env.HF_HUB_CACHE = before;
  }
});

it("says of a teacher that is not there, or that lacks ids, nothing else", async () => {
  const gone = faults(await check({ teacher: `{ path: ${at("gone")} }` }));
  expect(gone.map(({ what }) => what).join()).not.toContain("brings no tokenizer");
  await tokenizer("fewer", "the river of day was quiet and the tower of day was loud, it had stones", (json) => {
    const { model: bpe } = json as unknown as { model: { vocab: Record<string, number>; merges: unknown[] } };
    for (const [piece, id] of Object.entries(bpe.vocab)) if (id >= 280) delete bpe.vocab[piece];
    bpe.merges = bpe.merges.slice(0, -10);
  });
  await model("small", "fewer", { vocab_size: 280 });
  const found = only(await check({ teacher: `{ path: ${at("small")} }` }));
  expect(found).toMatchObject({ level: "error", code: "HC4010" });
});

it("checks the models, tokenizers and files of token rationales", async () => {
  const text = `
method: rationale
name: words
device: cpu
task: { name: commonsense_qa, train: ${at("gone.jsonl")}, validation: { share: 0.1 }, test: ${at("corpus.jsonl")} }
teacher: { path: ${at("teacher")} }
students: [{ name: s, train: { from: ${at("stranger")}, steps: 1 } }]
`;
  const result = await preflight(parseAnyRecipe("r.yaml", text), at("out"), quietContext("check"));
  expect(only(result)).toMatchObject({ subject: "corpus", code: "HC1004", where: at("gone.jsonl") });
  expect(result.findings.map(({ what }) => what).join()).toContain("rationales pass as text");
});
