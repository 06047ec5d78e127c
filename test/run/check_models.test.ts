import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createModel, saveModel } from "../../src/models/load.ts";
import { quietContext } from "../../src/progress.ts";
import { checkModels } from "../../src/run/check_models.ts";
import { parseRecipe } from "../../src/run/recipe.ts";
import { copyTokenizer } from "../../src/tokenizers/files.ts";
import { trainByteLevelBpe } from "../../src/tokenizers/train.ts";

const STUDENT = `{ model_type: llama, hidden_size: 8, intermediate_size: 8, num_hidden_layers: 1, num_attention_heads: 1 }`;
let folder = "";
let tokenizer = "";

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "heartcut-check-"));
  tokenizer = join(folder, "tokenizer");
  async function* texts() {
    yield "a tokenizer of bytes and a few pairs of them";
  }
  await trainByteLevelBpe(texts(), { vocabSize: 260, folder: tokenizer }, quietContext());
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function teacher(name: string, change: Record<string, number>): Promise<string> {
  const config = {
    model_type: "llama",
    vocab_size: 320,
    hidden_size: 8,
    intermediate_size: 8,
    num_hidden_layers: 1,
    num_attention_heads: 1,
    max_position_embeddings: 64,
    ...change,
  };
  const model = createModel(config, 1);
  await saveModel(model.description, model.weights, join(folder, name));
  return join(folder, name);
}

const check = (path: string) =>
  checkModels(
    parseRecipe(
      "r.yaml",
      `
name: r
device: cpu
corpus: { path: nowhere.jsonl }
tokenizer: { path: ${tokenizer} }
pack: { length: 64 }
teacher: { path: ${path} }
reference: { path: ${path} }
select: { all: { method: all } }
students: [{ name: s, selection: all, train: { model: ${STUDENT}, steps: 1 } }]
`,
    ),
  );

it("takes a given model whose vocabulary is padded", async () => {
  await check(await teacher("padded", {}));
});
it("refuses a given model whose context is shorter than an instance", async () => {
  await expect(check(await teacher("short", { max_position_embeddings: 63 }))).rejects.toThrow(
    /HC4010[\s\S]*teacher's context[\s\S]*63[\s\S]*at least 64/,
  );
});
it("names the key that a config has for its context", async () => {
  const model = createModel(
    { model_type: "gpt2", vocab_size: 320, n_embd: 8, n_layer: 1, n_head: 1, n_positions: 32 },
    1,
  );
  await saveModel(model.description, model.weights, join(folder, "gpt2"));
  await expect(check(join(folder, "gpt2"))).rejects.toThrow(/HC4010[\s\S]*gpt2: n_positions/);
});
it("refuses a given model with fewer embeddings than the tokenizer has tokens, naming both", async () => {
  await expect(check(await teacher("few", { vocab_size: 258 }))).rejects.toThrow(
    /HC4010[\s\S]*260 tokens and the teacher 258 embeddings/,
  );
});
it("refuses a given model that brings another tokenizer", async () => {
  const path = await teacher("other", {});
  async function* texts() {
    yield "zzz zzz zzz qqq qqq qqq other words give other pairs";
  }
  const other = join(folder, "other-tokenizer");
  await trainByteLevelBpe(texts(), { vocabSize: 260, folder: other }, quietContext());
  await copyTokenizer(other, path);
  await expect(check(path)).rejects.toThrow(/HC4105/);
});
