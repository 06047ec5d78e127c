import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { readHfConfig } from "../formats/hf_config.ts";
import { openSafetensors, type SafetensorsReader } from "../formats/safetensors.ts";
import { MODEL_TYPES } from "../models/architecture.ts";
import type { CausalLM } from "../models/causal_lm.ts";
import { loadModel } from "../models/load.ts";
import type { CaseResult, GoldenFolders } from "./case.ts";
import { Comparison } from "./compare.ts";

const VALUES = { atol: 1e-4, rtol: 1e-4 };
const GRADIENTS = { atol: 1e-5, rtol: 1e-3 };
const HF_NLL = { atol: 1e-3, rtol: 0 };
const IGNORED = -100;

const exists = (path: string) =>
  stat(path).then(
    () => true,
    () => false,
  );

async function ints(reader: SafetensorsReader, name: string): Promise<Int32Array> {
  const raw = await reader.readTyped(name);
  return Int32Array.from(raw as ArrayLike<number | bigint> as ArrayLike<number>, Number);
}

const rowsOf = (flat: Int32Array, B: number): Int32Array[] => {
  const T = flat.length / B;
  return Array.from({ length: B }, (_, i) => flat.slice(i * T, (i + 1) * T));
};

/** One tiny random model: logits, token NLL, loss, every gradient, greedy continuation. */
async function modelCase(name: string, folder: string): Promise<CaseResult> {
  const comparison = new Comparison(name);
  const model = await loadModel(folder, { device: "cpu" });
  const golden = await openSafetensors(join(folder, "expected.safetensors"));
  const facts = JSON.parse(await readFile(join(folder, "expected.json"), "utf8")) as {
    loss: number;
    greedy_prompt: number[];
    greedy: number[];
  };
  const [B, T] = golden.tensors.get("input_ids")!.shape as [number, number];
  const ids = await ints(golden, "input_ids");
  const labels = await ints(golden, "labels");
  const mask = await ints(golden, "attention_mask");

  const logits = await model.logits(rowsOf(ids, B), rowsOf(mask, B));
  comparison.close(
    "logits",
    logits.flatMap((row) => Array.from(row)),
    await golden.readFloat32("logits"),
    VALUES,
  );

  // Position t predicts label t+1; the last column has no target.
  const targets = new Int32Array(B * T);
  const counted = new Float32Array(B * T);
  for (let b = 0; b < B; b++)
    for (let t = 0; t + 1 < T; t++) {
      const label = labels[b * T + t + 1]!;
      if (label === IGNORED) continue;
      targets[b * T + t] = label;
      counted[b * T + t] = 1;
    }
  const total = counted.reduce((a, x) => a + x, 0);
  const batch = { B, T, ids, targets, lossWeights: counted.map((x) => x / total) };
  const wantNll = await golden.readFloat32("token_nll");
  for (const recompute of [false, true]) {
    const got = await model.lossAndGradients(batch, { recompute });
    const nll = Array.from({ length: B * (T - 1) }, (_, i) => {
      const at = Math.floor(i / (T - 1)) * T + (i % (T - 1));
      return got.nll[at]! * counted[at]!;
    });
    comparison.close("token_nll", nll, wantNll, VALUES);
    comparison.close("loss", [got.loss], [facts.loss], VALUES);
    for (const [weight, gradient] of got.gradients)
      comparison.close(`grad.${weight}`, gradient, await golden.readFloat32(`grad.${weight}`), GRADIENTS);
  }
  const greedy = await model.generate(Int32Array.from(facts.greedy_prompt), { maxNewTokens: facts.greedy.length });
  comparison.equal("greedy", Array.from(greedy), facts.greedy);
  await golden.close();
  await model.dispose();
  return comparison.result();
}

/** fixtures/models/*: those of a family that is built here. */
export async function* models({ fixtures }: GoldenFolders): AsyncGenerator<CaseResult> {
  const root = join(fixtures, "models");
  if (!(await exists(root))) return;
  for (const name of (await readdir(root)).sort()) {
    const type = String((await readHfConfig(join(root, name))).model_type);
    if (MODEL_TYPES.includes(type)) yield await modelCase(`models/${name}`, join(root, name));
  }
}

/** A real model: per-token NLL and greedy ids as transformers gave them. */
async function weightsCase(name: string, folder: string): Promise<CaseResult> {
  const comparison = new Comparison(name);
  const model: CausalLM = await loadModel(folder, { device: "cpu" });
  const want = JSON.parse(await readFile(join(folder, "expected.json"), "utf8")) as {
    input_ids: number[];
    nll: number[];
    greedy_bos: number[];
    greedy_prompt: number[];
  };
  const ids = Int32Array.from(want.input_ids);
  const [nll] = await model.tokenNll([ids]);
  comparison.close("nll", nll!, want.nll, HF_NLL);
  const bos = Number(model.description.json.bos_token_id ?? 1);
  const continued = async (prompt: Int32Array, count: number) =>
    Array.from(await model.generate(prompt, { maxNewTokens: count }));
  comparison.equal("greedy_bos", await continued(Int32Array.of(bos), want.greedy_bos.length), want.greedy_bos);
  comparison.equal("greedy_prompt", await continued(ids.slice(0, 16), want.greedy_prompt.length), want.greedy_prompt);
  await model.dispose();
  return comparison.result();
}

/** weights/*-hf with an expected.json, under the fixtures and under the data. */
export async function* realWeights({ fixtures, data }: GoldenFolders): AsyncGenerator<CaseResult> {
  for (const root of [join(fixtures, "weights"), join(data, "weights")]) {
    if (!(await exists(root))) continue;
    for (const name of (await readdir(root)).sort())
      if (name.endsWith("-hf") && (await exists(join(root, name, "expected.json"))))
        yield await weightsCase(`weights/${name}`, join(root, name));
  }
}
