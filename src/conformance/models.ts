import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { readHfConfig } from "../formats/hf_config.ts";
import { openSafetensors } from "../formats/safetensors.ts";
import { describeModel, MODEL_TYPES } from "../models/architecture.ts";
import type { CausalLM } from "../models/causal_lm.ts";
import { conditionalGraph, pairInputs } from "../models/conditional.ts";
import { loadModel } from "../models/load.ts";
import { pairFeeds } from "../models/pairs.ts";
import { weightInputs } from "../models/weight_inputs.ts";
import type { CaseResult, GoldenFolders } from "./case.ts";
import { Comparison } from "./compare.ts";
import { ATTENTION, GRADIENTS, IGNORED, ints, leadingBlock, rowsOf, VALUES } from "./golden_values.ts";
import { seq2seqCase } from "./seq2seq.ts";

const HF_NLL = { atol: 1e-3, rtol: 0 };

const exists = (path: string) =>
  stat(path).then(
    () => true,
    () => false,
  );

/** Golden gradients go by transformers' module names, which are those of the files but for GPT-NeoX's head. */
const goldenName = (weight: string) => `grad.${weight === "embed_out.weight" ? "lm_head.weight" : weight}`;

/** One tiny random causal model: logits, token NLL, loss, every gradient, attention, greedy continuation. */
async function causalCase(name: string, folder: string): Promise<CaseResult> {
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
      comparison.close(`grad.${weight}`, gradient, await golden.readFloat32(goldenName(weight)), GRADIENTS);
  }
  const attends = model.description.architecture.memory.kind === "keys";
  for (const [b, row] of attends ? rowsOf(ids, B).entries() : []) {
    const n = rowsOf(mask, B)[b]!.reduce((a, x) => a + x, 0);
    for (const [layer, values] of (await selfAttentionOf(model, row.slice(0, n))).entries()) {
      const [, N, R, C] = golden.tensors.get(`attn.${layer}`)!.shape as [number, number, number, number];
      const own = (await golden.readFloat32(`attn.${layer}`)).subarray(b * N * R * C, (b + 1) * N * R * C);
      comparison.close(`attn.${layer}`, values, leadingBlock(own, [N, R, C], n, n), ATTENTION);
    }
  }
  const greedy = await model.generate(Int32Array.from(facts.greedy_prompt), { maxNewTokens: facts.greedy.length });
  comparison.equal("greedy", Array.from(greedy), facts.greedy);
  await golden.close();
  await model.dispose();
  return comparison.result();
}

/** Self-attention probabilities of one sequence, [N,n,n] per layer. */
async function selfAttentionOf(model: CausalLM, ids: Int32Array): Promise<Float32Array[]> {
  // A target of one id after the whole sequence adds no place of its own.
  const shape = { B: 1, S: ids.length, T: 1 };
  const executable = await model.executable("self_attention", shape, () => {
    const graph = conditionalGraph(model.description, weightInputs(model.description, "float32").get);
    const given = pairInputs(shape);
    const encoded = graph.encode(graph.embed(given.inputIds), given.inputMask, { attention: true });
    const layers = encoded.decode(given.previousIds).selfAttention;
    return Object.fromEntries(layers.map((p, i) => [String(i), p]));
  });
  const batch = model.padPairs([{ input: ids, target: ids.subarray(0, 1) }], shape);
  const out = await executable.run(model.feeds(pairFeeds(batch)));
  return Object.values(out).map((values) => (values as Float32Array).slice());
}

/** fixtures/models/*: those of a family that is built here. */
export async function* models({ fixtures }: GoldenFolders): AsyncGenerator<CaseResult> {
  const root = join(fixtures, "models");
  if (!(await exists(root))) return;
  for (const name of (await readdir(root)).sort()) {
    const folder = join(root, name);
    const json = await readHfConfig(folder);
    if (!MODEL_TYPES.includes(String(json.model_type))) continue;
    const run = describeModel(json, folder).kind === "causal" ? causalCase : seq2seqCase;
    yield await run(`models/${name}`, folder);
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
