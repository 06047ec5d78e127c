import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { readJsonl } from "../../src/formats/jsonl.ts";
import { loadModel } from "../../src/models/load.ts";
import { type ProgressEvent, quietContext, type StageContext } from "../../src/progress.ts";
import { Random } from "../../src/random.ts";
import { DataPlan } from "../../src/train/plan.ts";
import type { MetricsLine } from "../../src/train/record.ts";
import { type TrainInput, trainModel } from "../../src/train/train.ts";
import { compileForChildren } from "../children.ts";
import { trainInput, writeToyInstances } from "./train_input.ts";

let folder = "";
let data = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "heartcut-train-"));
  data = join(folder, "data");
  await writeToyInstances(data, 40);
});

const weightsOf = async (output: string) => (await readFile(join(output, "model.safetensors"))).toString("hex");
/** Lines with a loss: nothing else is measured unless asked for. */
type LossLine = Exclude<MetricsLine, { type: "task" }>;

async function metricsOf(output: string): Promise<LossLine[]> {
  const lines: LossLine[] = [];
  for await (const { value } of readJsonl<LossLine>(join(output, "metrics.jsonl"))) lines.push(value);
  return lines;
}

/** A context that asks to stop once a step is done. */
function stopAfter(step: number): StageContext {
  const controller = new AbortController();
  const report = (event: ProgressEvent) => {
    if (event.type === "progress" && event.done >= step) controller.abort();
  };
  return { stage: "train", report, signal: controller.signal };
}
const train = (name: string, change: Partial<TrainInput> = {}, context = quietContext("train")) =>
  trainModel(trainInput(data, join(folder, name), change), context);

describe("training", () => {
  it("learns, measures itself, and leaves a model folder", async () => {
    const summary = await train("whole");
    const metrics = await metricsOf(join(folder, "whole"));
    const evals = metrics.filter((m) => m.type === "eval");
    expect(evals.map((m) => m.step)).toEqual([0, 8, 16, 24]);
    expect(evals[0]!.loss).toBeCloseTo(Math.log(32), 1);
    expect(evals.at(-1)!.loss).toBeLessThan(evals[0]!.loss - 0.3);
    expect(metrics.filter((m) => m.type === "train")).toHaveLength(24);
    expect(summary).toMatchObject({ steps: 24, seed: 3, parameters: 5040 });
    expect(summary.tokens).toBe(metrics.filter((m) => m.type === "train").at(-1)!.tokens);
    const model = await loadModel(join(folder, "whole"));
    expect(model.parameterCount).toBe(5040);
    await model.dispose();
    expect(await readdir(join(folder, "whole"))).not.toContain("checkpoints");
  });

  it("does not depend on the micro-batch", async () => {
    const losses = async (name: string) =>
      (await metricsOf(join(folder, name))).flatMap((m) => (m.type === "train" ? [m.loss] : []));
    for (const microBatch of [6, 4, 1]) await train(`micro${microBatch}`, { batch: { instances: 6, microBatch } });
    const whole = await losses("micro6");
    for (const name of ["micro4", "micro1"])
      for (const [i, loss] of (await losses(name)).entries()) expect(Math.abs(loss - whole[i]!)).toBeLessThan(2e-4);
  });

  it("resumes bit for bit from 20 random stops", async () => {
    const whole = await weightsOf(join(folder, "whole"));
    const metrics = await metricsOf(join(folder, "whole"));
    const random = new Random(1, "test/stops");
    for (let i = 0; i < 20; i++) {
      const output = join(folder, "stopped");
      await rm(output, { recursive: true, force: true });
      const step = 1 + random.below(23);
      await expect(train("stopped", {}, stopAfter(step))).rejects.toThrow(/HC0130/);
      await train("stopped");
      expect(await weightsOf(output), `stopped after step ${step}`).toBe(whole);
      expect(await metricsOf(output)).toEqual(metrics);
    }
  });

  it("ends with the same bytes after kill -9 at 10 random moments", async () => {
    const script = join(await compileForChildren("train"), "test/train/train_child.js");
    const run = async (output: string, killAfter?: number) => {
      const child = spawn(process.execPath, [script, data, output], { stdio: ["ignore", "ignore", "inherit"] });
      const exit = once(child, "exit");
      const timer = killAfter === undefined ? undefined : setTimeout(() => child.kill("SIGKILL"), killAfter);
      const [code] = (await exit) as [number | null];
      clearTimeout(timer);
      return code;
    };
    const started = performance.now();
    expect(await run(join(folder, "child"))).toBe(0);
    const duration = performance.now() - started;
    const whole = await weightsOf(join(folder, "child"));
    expect(whole).toBe(await weightsOf(join(folder, "whole")));
    const random = new Random(1, "test/kills");
    let killed = 0;
    for (let round = 0; killed < 10; round++) {
      const output = join(folder, `killed${round}`);
      for (let i = 0; i < 3 && killed < 10; i++)
        if ((await run(output, (0.3 + 0.7 * random.uniform()) * duration)) === null) killed++;
      expect(await run(output)).toBe(0);
      expect(await weightsOf(output)).toBe(whole);
      expect(await metricsOf(output)).toEqual(await metricsOf(join(folder, "whole")));
    }
  });

  it("recomputing activations changes memory, not the result", async () => {
    await train("recomputed", { recompute: true, steps: 4 });
    await train("kept", { steps: 4 });
    const [a, b] = [await metricsOf(join(folder, "recomputed")), await metricsOf(join(folder, "kept"))];
    for (const [i, line] of a.entries()) expect(Math.abs(line.loss - b[i]!.loss)).toBeLessThan(1e-5);
  });

  it("starts from a folder as well as from a config", async () => {
    await train("tuned", { model: { folder: join(folder, "whole") }, steps: 2 });
    const [first] = await metricsOf(join(folder, "tuned"));
    expect(first!.loss).toBeCloseTo((await metricsOf(join(folder, "whole"))).at(-1)!.loss, 5);
  });
});

describe("a finished training", () => {
  it("is returned at once, unless it is another one or its weights are damaged", async () => {
    const first = await train("done", { steps: 3 });
    const before = await weightsOf(join(folder, "done"));
    const steps = async (change: Partial<TrainInput> = {}) => {
      let done = 0;
      const context: StageContext = { ...quietContext("train"), report: (e) => e.type === "progress" && done++ };
      expect(await train("done", { steps: 3, ...change }, context)).toMatchObject({ steps: first.steps });
      return done;
    };
    expect(await steps()).toBe(0);
    await expect(steps({ seed: 4 })).rejects.toThrow(/HC1053[\s\S]*seed: 3\n[\s\S]*seed: 4\n/);
    await expect(steps({ evalEvery: 2 })).rejects.toThrow(/HC1053[\s\S]*its record does not hold/);
    await writeFile(join(folder, "done", "model.safetensors"), "damaged");
    expect(await steps()).toBe(3);
    expect(await weightsOf(join(folder, "done"))).toBe(before);
    expect(JSON.parse(await readFile(join(folder, "done", "training.json"), "utf8"))).not.toHaveProperty("seconds");
  });
});

describe("a budget of tokens", () => {
  it("gives every seed the same number of steps, and counts what the metrics count", async () => {
    const sizes = { length: 7, size: (i: number) => 10 + 13 * i };
    const steps = [1, 2, 3, 4, 5].map((seed) => new DataPlan(sizes, 2, seed, { tokens: 1000 }).totalSteps);
    // 48 label positions an instance on average, two instances a step.
    expect(steps).toEqual(Array(5).fill(Math.ceil(1000 / (2 * 48))));
    const summary = await train("budget", { steps: undefined, tokens: 500, evalEvery: 100 });
    expect(Math.abs(summary.tokens - 500)).toBeLessThan(150);
    expect(() => new DataPlan({ length: 3, size: () => 1 }, 2, 1, { tokens: 5 })).toThrow(/HC1302/);
  });
});

describe("several ids that end documents", () => {
  const config = (eos_token_id: number | number[] | null) => ({
    config: { ...(trainInput("", "").model as { config: Record<string, number> }).config, eos_token_id },
  });
  it("are all left out of the loss and all keep documents apart", async () => {
    const lossOf = async (name: string, eos: number | number[], documentBarrier: boolean) =>
      (await train(name, { steps: 1, model: config(eos), documentBarrier })).finalLoss;
    const open = await lossOf("eos-one", 2, false);
    expect(await lossOf("eos-list", [2], false)).toBe(open);
    expect(await lossOf("eos-two", [2, 5], false)).not.toBe(open);
    expect(await lossOf("eos-barred", [2, 5], true)).not.toBe(await lossOf("eos-barred-one", 2, true));
    await expect(train("eos-none", { model: config(null), documentBarrier: true })).rejects.toThrow(/HC1307/);
  });
  it("hold in the held-out curve too", async () => {
    const evalOf = async (name: string, documentBarrier: boolean) => {
      await train(name, { steps: 8, documentBarrier });
      return (await metricsOf(join(folder, name))).filter((m) => m.type === "eval").at(-1)!.loss;
    };
    expect(await evalOf("curve-barred", true)).not.toBe(await evalOf("curve-open", false));
  });
});

describe("bad input", () => {
  it("says so when the loss is no longer a number, and keeps the checkpoint", async () => {
    await expect(
      train("diverged", { optimizer: { learningRate: 1e30, minLearningRate: 0, warmupSteps: 8 } }),
    ).rejects.toThrow(/HC1306.*learningRate/s);
  });
  it("refuses data with ids beyond the vocabulary before the first step", async () => {
    const config = { ...(trainInput("", "").model as { config: Record<string, number> }).config, vocab_size: 20 };
    await expect(train("small", { model: { config } })).rejects.toThrow(/HC1305.*0 … 19/s);
  });
  it("refuses a checkpoint of another training", async () => {
    await expect(train("other", {}, stopAfter(5))).rejects.toThrow(/HC0130/);
    await expect(train("other", { seed: 4 })).rejects.toThrow(/HC1304/);
  });
  it("passes over a damaged checkpoint for the one before", async () => {
    await expect(train("damaged", {}, stopAfter(10))).rejects.toThrow(/HC0130/);
    const checkpoints = join(folder, "damaged", "checkpoints");
    const newest = (await readdir(checkpoints)).sort().at(-1)!;
    const path = join(checkpoints, newest, "tensors.safetensors");
    const bytes = await readFile(path);
    bytes[bytes.length - 9]! ^= 1;
    await writeFile(path, bytes);
    await train("damaged");
    expect(await weightsOf(join(folder, "damaged"))).toBe(await weightsOf(join(folder, "whole")));
  });
  it("wants one length of training", async () => {
    await expect(train("long", { epochs: 2 })).rejects.toThrow(/HC1303.*steps 24, epochs 2/s);
    await expect(train("short", { steps: 0 })).rejects.toThrow(/HC1303/);
  });
});
