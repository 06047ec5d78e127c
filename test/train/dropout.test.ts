import { expect, it } from "vitest";
import { parseHfConfig } from "../../src/formats/hf_config.ts";
import { ancestors, input } from "../../src/graph/value.ts";
import { describeModel } from "../../src/models/architecture.ts";
import { DropoutMasks } from "../../src/models/dropout.ts";
import { initialWeights } from "../../src/models/weights.ts";
import { Random } from "../../src/random.ts";
import { Executable } from "../../src/runtime/executable.ts";
import { objectiveGraph } from "../../src/train/objective/graph.ts";
import { checkGradients } from "../graph/check.ts";

const CONFIG = { model_type: "t5", vocab_size: 12, d_model: 8, d_kv: 4, d_ff: 12, num_layers: 2, num_heads: 2 };

it("drops the stated share, keeps the mean, and is a function of the stream", async () => {
  const masks = new DropoutMasks(0.25);
  const x = input("x", "float32", [100, 100]);
  const executable = await Executable.compile({ y: masks.apply(x, "here") });
  const ones = new Float32Array(10_000).fill(1);
  const run = async (step: number) =>
    ((await executable.run({ x: ones, ...masks.feeds(new Random(1, `step-${step}`)) })).y as Float32Array).slice();
  const [first, again, other] = [await run(1), await run(1), await run(2)];
  expect(again).toEqual(first);
  expect(other).not.toEqual(first);
  const kept = first.filter((y) => y !== 0);
  expect(new Set(kept)).toEqual(new Set([Math.fround(4 / 3)]));
  // Five standard deviations of 10,000 draws.
  expect(Math.abs(kept.length / 10_000 - 0.75)).toBeLessThan(5 * Math.sqrt((0.25 * 0.75) / 10_000));
  await executable.dispose();
});

it("is nothing at rate 0", () => {
  const masks = new DropoutMasks(0);
  const x = input("x", "float32", [3]);
  expect(masks.apply(x, "here")).toBe(x);
  expect(masks.feeds(new Random(1, "none"))).toEqual({});
});

it("has gradients that agree with central differences, and one mask per place where layers are recomputed", async () => {
  const description = describeModel(parseHfConfig(CONFIG, "test"), "test");
  const weights = initialWeights(description, 2);
  const losses: number[] = [];
  for (const recompute of [false, true]) {
    const masks = new DropoutMasks(0.2);
    const shape = { B: 2, S: 4, T: 3 };
    const options = { dtype: "float64", recompute, dropout: masks.apply } as const;
    const { loss } = objectiveGraph(description, shape, [], options);
    const feeds: Record<string, Float64Array<ArrayBuffer> | Int32Array<ArrayBuffer>> = {
      input_ids: Int32Array.of(3, 4, 5, 4, 0, 0, 7, 8),
      input_mask: Int32Array.of(1, 1, 1, 1, 0, 0, 1, 1),
      previous_ids: Int32Array.of(0, 4, 5, 0, 6, 2),
      targets: Int32Array.of(4, 5, 1, 6, 2, 1),
      target_weights: Float64Array.of(0.3, 0.2, 0.1, 0.2, 0.2, 0),
      ...(masks.feeds(new Random(1, "test")) as Record<string, Int32Array<ArrayBuffer>>),
    };
    // 2 embeddings, 2 finals; 2 encoder layers of 2 sub-layers, 2 decoder layers of 3; an inner state in each of the 4.
    expect(Object.keys(feeds).filter((name) => name.startsWith("dropout."))).toHaveLength(2 + 2 + 2 * 2 + 2 * 3 + 4);
    for (const [name, data] of weights) feeds[name] = Float64Array.from(data);
    const executable = await Executable.compile({ loss: loss! });
    losses.push(Number((await executable.run(feeds)).loss![0]));
    await executable.dispose();
    const wrt = ancestors([loss!]).filter((v) => v.origin.kind === "input" && weights.has(v.origin.name));
    await checkGradients("dropout", loss!, wrt, feeds, new Random(1, "test/dropout"), { stride: 13 });
  }
  expect(losses[1]).toBeCloseTo(losses[0]!, 12);
}, 60_000);

it("keeps one in 256 where a rate would round up to all", () => {
  const masks = new DropoutMasks(0.999);
  const x = input("x", "float32", [4096]);
  masks.apply(x, "site");
  const mask = Object.values(masks.feeds(new Random(1, "test/dropout")))[0] as Uint8Array;
  const kept = mask.reduce((sum, bit) => sum + bit, 0);
  expect(kept).toBeGreaterThan(4);
  expect(kept).toBeLessThan(40);
});
