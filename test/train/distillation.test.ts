import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { openInstances } from "../../src/corpus/instances.ts";
import { readJsonl } from "../../src/formats/jsonl.ts";
import { forwardFlopsPerToken } from "../../src/models/architecture.ts";
import { createModel, loadModel, saveModel } from "../../src/models/load.ts";
import { type ProgressEvent, quietContext, type StageContext } from "../../src/progress.ts";
import { meanPositionFlops, positionFlops } from "../../src/train/distillation/flops.ts";
import type { StoredTeacher, TeacherSide } from "../../src/train/distillation/objective.ts";
import { rewardsToGo } from "../../src/train/distillation/on_policy.ts";
import {
  checkDistillation,
  type Distillation,
  type DistillationSettings,
} from "../../src/train/distillation/settings.ts";
import { OnlineTeacher } from "../../src/train/distillation/teacher.ts";
import type { MetricsLine } from "../../src/train/record.ts";
import { type TrainInput, trainModel } from "../../src/train/train.ts";
import { Trainer } from "../../src/train/trainer.ts";
import { TOY_CONFIG, trainInput, writeToyInstances } from "./train_input.ts";

const STUDENT = TOY_CONFIG;
/** Another family, wider, deeper, with rows of padding in its vocabulary. */
const TEACHER = {
  ...STUDENT,
  model_type: "llama",
  vocab_size: 40,
  hidden_size: 24,
  num_hidden_layers: 4,
  num_attention_heads: 4,
  num_key_value_heads: 4,
  initializer_range: 0.5,
};
const VANILLA: DistillationSettings = { weight: 0.5, loss: "cross_entropy", temperature: 1 };
const ADAMW = { betas: [0.9, 0.98], epsilon: 1e-6, weightDecay: 0.01, decay: "all", clip: 1 } as const;

let folder = "";
let data = "";
let teacher = "";
let texts: Int32Array[] = [];
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "heartcut-distil-"));
  data = join(folder, "data");
  teacher = join(folder, "teacher");
  await writeToyInstances(data, 40);
  const model = createModel(TEACHER, 5, { device: "cpu" });
  await saveModel(model.description, model.weights, teacher);
  const reader = await openInstances(data);
  texts = Array.from({ length: 6 }, (_, i) => reader.read(i));
  reader.close();
});

const online = async (settings: DistillationSettings, where = teacher): Promise<TeacherSide> => ({
  online: await OnlineTeacher.load(
    where,
    { layerStates: settings.hidden !== undefined, attention: settings.attention !== undefined },
    "cpu",
  ),
});

async function trainerOf(settings: DistillationSettings, side: TeacherSide, change: { microBatch?: number } = {}) {
  const student = createModel(STUDENT, 3, { device: "cpu" });
  const microBatch = change.microBatch ?? 6;
  return new Trainer(student.description, student.weights, {
    length: 26,
    microBatch,
    accumulates: microBatch < 6,
    device: "cpu",
    recompute: false,
    lossNormalization: "instance",
    documentBarrier: false,
    adamw: { ...ADAMW, betas: [...ADAMW.betas] },
    distillation: { settings, teacher: side, seed: 7 },
  });
}

describe("a step of distillation", () => {
  const settings: DistillationSettings = {
    ...VANILLA,
    hidden: { weight: 0.3, loss: "cosine" },
    attention: { weight: 0.2, loss: "kl" },
  };

  it("is made of its losses, whatever micro-batches it is computed in", async () => {
    const steps = [];
    for (const microBatch of [6, 4, 1]) {
      const trainer = await trainerOf(settings, await online(settings), { microBatch });
      steps.push(await trainer.step(texts, 1, 1e-3));
      await trainer.dispose();
    }
    const { loss, losses, gradNorm } = steps[0]!;
    const { lm, kd, hidden, attention } = { ...losses } as Record<string, number>;
    expect(loss).toBeCloseTo(0.5 * lm! + 0.5 * kd! + 0.3 * hidden! + 0.2 * attention!, 5);
    expect(losses.kd! - losses.teacher_entropy!).toBeCloseTo(losses.kl!, 4);
    expect(losses.kl!).toBeGreaterThan(0.1);
    for (const other of steps.slice(1)) {
      expect(other.gradNorm).toBeCloseTo(gradNorm, 4);
      for (const [name, value] of Object.entries(losses))
        expect(other.losses[name as keyof typeof losses]).toBeCloseTo(value, 4);
    }
  });

  it("goes down the gradient of that loss", async () => {
    // The loss after a step against the gradient says whether loss and gradient belong together.
    const side = await online(settings);
    const trainer = await trainerOf(settings, side);
    const first = await trainer.step(texts, 1, 0);
    const epsilon = 1e-3;
    for (const { spec, arrays } of trainer.tensors) {
      const at = Math.floor(arrays.parameter.length / 3);
      const before = arrays.parameter[at]!;
      const gradient = arrays.gradient[at]!;
      const losses: number[] = [];
      for (const sign of [1, -1]) {
        arrays.parameter[at] = before + sign * epsilon;
        // A learning rate of 0 leaves the weights as they are.
        losses.push((await trainer.step(texts, 1, 0)).loss);
      }
      arrays.parameter[at] = before;
      const numeric = (losses[0]! - losses[1]!) / (2 * epsilon);
      expect(Math.abs(numeric - gradient), spec.name).toBeLessThan(3e-3 * Math.max(1, first.gradNorm));
    }
    await trainer.dispose();
  }, 60_000);

  it("is at its end where the student is the teacher", async () => {
    const twin = join(folder, "twin");
    const model = createModel(STUDENT, 3, { device: "cpu" });
    await saveModel(model.description, model.weights, twin);
    const settings = { ...VANILLA, hidden: { weight: 1, loss: "mse" }, attention: { weight: 1, loss: "mse" } } as const;
    const trainer = await trainerOf(settings, await online(settings, twin));
    const { losses } = await trainer.step(texts, 1, 0);
    expect(Math.abs(losses.kl!)).toBeLessThan(1e-5);
    expect(losses.hidden!).toBeLessThan(1e-9);
    expect(losses.attention!).toBeLessThan(1e-9);
    await trainer.dispose();
  });

  it("learns the same from stored outputs of the whole vocabulary as from the teacher beside it", async () => {
    const source = await loadModel(teacher, { device: "cpu" });
    const stored: StoredTeacher = {
      k: 31,
      read: async (instance) => {
        const ids = texts[instance]!;
        const [logits] = await source.logits(ids.subarray(0, -1));
        const out = { ids: new Int32Array((ids.length - 1) * 31), logProbs: new Float32Array((ids.length - 1) * 31) };
        for (let t = 0; t + 1 < ids.length; t++) {
          // The common 32 columns, as the teacher beside the student is read.
          const row = Array.from(logits!.subarray(t * 40, t * 40 + 32));
          const top = Math.max(...row);
          const norm = top + Math.log(row.reduce((sum, x) => sum + Math.exp(x - top), 0));
          const order = row.map((_, id) => id).sort((a, b) => row[b]! - row[a]!);
          for (let k = 0; k < 31; k++) {
            out.ids[t * 31 + k] = order[k]!;
            out.logProbs[t * 31 + k] = row[order[k]!]! - norm;
          }
        }
        return out;
      },
      close: () => source.dispose(),
    };
    const a = await trainerOf(VANILLA, { stored }, { microBatch: 4 });
    const b = await trainerOf(VANILLA, await online(VANILLA), { microBatch: 4 });
    for (let step = 1; step <= 4; step++) {
      const [fromStore, beside] = [await a.step(texts, step, 1e-2), await b.step(texts, step, 1e-2)];
      expect(fromStore.losses.lm).toBeCloseTo(beside.losses.lm, 3);
      expect(fromStore.losses.kd).toBeCloseTo(beside.losses.kd!, 3);
    }
    await a.dispose();
    await b.dispose();
  });

  it("brings the student nearer to the teacher, most of all on the text it writes itself", async () => {
    for (const onPolicy of [undefined, { share: 1, promptTokens: 3, temperature: 1, policyGradient: true }]) {
      const settings: DistillationSettings = { ...VANILLA, weight: 1, loss: "reverse_kl", onPolicy };
      const trainer = await trainerOf(settings, await online(settings));
      const kls: number[] = [];
      for (let step = 1; step <= 60; step++) kls.push((await trainer.step(texts, step, 1e-2)).losses.kl!);
      const mean = (list: number[]) => list.reduce((a, b) => a + b, 0) / list.length;
      expect(mean(kls.slice(-10))).toBeLessThan(0.95 * mean(kls.slice(0, 5)));
      await trainer.dispose();
    }
  }, 60_000);
});

describe("the student's own text", () => {
  it("takes the place of a share of the sequences, and costs what is counted", async () => {
    const settings: DistillationSettings = {
      ...VANILLA,
      onPolicy: { share: 0.5, promptTokens: 4, temperature: 1, policyGradient: false },
    };
    const trainer = await trainerOf(settings, await online(settings), { microBatch: 4 });
    const read = await loadModel(teacher, { device: "cpu" });
    const [F, G] = [forwardFlopsPerToken(trainer.description, 26), forwardFlopsPerToken(read.description, 26)];
    let total = 0;
    let positions = 0;
    for (let step = 1; step <= 20; step++) {
      const taken = await trainer.step(texts, step, 0);
      total += taken.flops;
      positions += taken.tokens;
    }
    const expected = meanPositionFlops(positionFlops(trainer.description, 26, settings, read.description), settings);
    expect(expected).toBeCloseTo(3 * F + 0.5 * G + 0.5 * (F + 3 * F + G), 0);
    expect(total / positions / expected).toBeGreaterThan(0.85);
    expect(total / positions / expected).toBeLessThan(1.15);
    await trainer.dispose();
  });

  it("is rewarded by what comes after a token", () => {
    const rewards = rewardsToGo(Float32Array.of(1, 2, 3, 9), Float32Array.of(2, 4, 2, 9), Uint8Array.of(1, 1, 1, 0));
    // log p/q of the three tokens: 1, 2, -1.
    expect([...rewards]).toEqual([0.5, -1, 0, 0]);
  });
});

describe("a training with a teacher", () => {
  const distillation: Distillation = {
    ...VANILLA,
    teacher: { folder: "" },
    hidden: { weight: 0.1, loss: "mse" },
    onPolicy: { share: 0.4, promptTokens: 5, temperature: 1, policyGradient: false },
  };
  const change = (more: Partial<TrainInput> = {}): Partial<TrainInput> => ({
    distillation: { ...distillation, teacher: { folder: teacher } },
    ...more,
  });
  const train = (name: string, more: Partial<TrainInput> = {}, context: StageContext = quietContext("train")) =>
    trainModel(trainInput(data, join(folder, name), change(more)), context);
  const bytesOf = async (name: string) =>
    Promise.all(
      ["model.safetensors", "metrics.jsonl", "training.json"].map((file) => readFile(join(folder, name, file))),
    );

  it("logs every loss apart and resumes to the same bytes", async () => {
    await train("whole");
    const lines: MetricsLine[] = [];
    for await (const { value } of readJsonl<MetricsLine>(join(folder, "whole", "metrics.jsonl"))) lines.push(value);
    const steps = lines.filter((line) => line.type === "train");
    expect(Object.keys(steps[0]!.losses!)).toEqual(["lm", "kd", "teacher_entropy", "kl", "hidden"]);
    for (const stop of [3, 8, 17]) {
      await rm(join(folder, "stopped"), { recursive: true, force: true });
      const controller = new AbortController();
      const report = (event: ProgressEvent) => {
        if (event.type === "progress" && event.done >= stop) controller.abort();
      };
      await expect(train("stopped", {}, { stage: "train", report, signal: controller.signal })).rejects.toThrow(
        /HC0130/,
      );
      await train("stopped");
      expect(await bytesOf("stopped")).toEqual(await bytesOf("whole"));
    }
  }, 60_000);

  it("takes a length in FLOPs, the teacher's share included", async () => {
    const plain = await trainModel(trainInput(data, join(folder, "plain")), quietContext("train"));
    const { steps: _steps, ...rest } = trainInput(data, join(folder, "equal"), change());
    const equal = await trainModel({ ...rest, flops: plain.flops }, quietContext("train"));
    expect(equal.steps).toBeLessThan(24 / 2);
    expect(equal.flops / plain.flops).toBeGreaterThan(0.8);
    expect(equal.flops / plain.flops).toBeLessThan(1.25);
  });

  it("is another training under another teacher", async () => {
    const first = await train("same", { steps: 2 });
    const other = join(folder, "teacher2");
    const model = createModel(TEACHER, 6, { device: "cpu" });
    await saveModel(model.description, model.weights, other);
    const changed = { steps: 2, distillation: { ...distillation, teacher: { folder: other } } };
    await expect(train("same", changed)).rejects.toThrow("HC1053");
    expect((await train("apart", changed)).fingerprint).not.toBe(first.fingerprint);
  });

  it("refuses a teacher that does not know every id, and prompts that leave nothing to write", async () => {
    const small = join(folder, "small");
    const model = createModel({ ...TEACHER, vocab_size: 20 }, 6, { device: "cpu" });
    await saveModel(model.description, model.weights, small);
    await expect(train("few", { distillation: { ...VANILLA, teacher: { folder: small } } })).rejects.toThrow(
      /HC1305[\s\S]*teacher .*small[\s\S]*0 … 19/,
    );
    const onPolicy = { ...distillation.onPolicy!, promptTokens: 24 };
    await expect(
      train("long", { distillation: { ...distillation, teacher: { folder: teacher }, onPolicy } }),
    ).rejects.toThrow(/HC1310[\s\S]*promptTokens/);
  });

  it.each([
    ["a share above 1", { weight: 1.5 }, /HC1310.*share/s],
    ["a coefficient without effect", { coefficient: 0.5 }, /HC1310.*coefficient has no effect/s],
    ["matching with a store", { teacher: { store: "x", tokenizer: "t" } }, /HC1310.*hidden needs the teacher/s],
    [
      "rewards of another loss",
      { onPolicy: { ...distillation.onPolicy!, policyGradient: true } },
      /HC1310.*reverse KL/s,
    ],
    ["no share of own text", { onPolicy: { ...distillation.onPolicy!, share: 0 } }, /HC1310/],
  ])("refuses %s", (_name, bad, message) => {
    expect(() => checkDistillation({ ...distillation, ...bad } as Distillation)).toThrow(message);
  });
});
