import type { Evaluation, HeldOutLoss, PairedComparison } from "../../src/evaluate/record.ts";
import { Random } from "../../src/random.ts";
import type { ReportData, StudentRecord } from "../../src/report/record.ts";
import type { StudentPlan } from "../../src/run/record.ts";
import { curve, finishedRun, training } from "./fixture.ts";

/** One student of a run of several kinds: what it is, and how far below its baseline it ends on each set. */
export interface StudentSpec {
  name: string;
  selection: string;
  plan: Partial<StudentPlan>;
  parameters?: number;
  /** FLOPs per token, of the plain 6 per parameter. */
  costs?: number;
  /** In nats per token, by set. */
  gains?: number[];
}

export interface StudentsOptions {
  seeds?: number[];
  /** Pairs of the same seeds get a comparison over seeds with this half width; by default clear of noise. */
  seedWidth?: number;
}

const SETS = ["pool", "curated"];
const TOKENS = 400_000;
const BYTES_PER_TOKEN = 3.1;
const SCORED = ["models/teacher", "models/reference", "score/teacher", "score/reference"];

/** Difference Sampling on students of several families, each against its twin, one pair of them with tokens of its own. */
export function familiesRun(gains: Record<string, number[]> = {}, options: StudentsOptions = {}): ReportData {
  const kinds: [string, string, Partial<StudentPlan>, number][] = [
    ["llama", "llama", {}, 282_000],
    ["gpt2", "gpt2", {}, 291_000],
    ["mamba", "mamba", {}, 240_000],
    ["small", "llama", { tokenizer: "small" }, 217_000],
  ];
  const specs = kinds.flatMap(([kind, family, plan, parameters]): StudentSpec[] => [
    {
      name: `${kind}-difference`,
      selection: "difference",
      plan: { family, ...plan, records: SCORED, baseline: `${kind}-random` },
      parameters,
      gains: gains[kind] ?? [0.03, 0.06],
    },
    { name: `${kind}-random`, selection: "random", plan: { family, ...plan }, parameters },
  ]);
  return studentsRun(specs, options);
}

/** Ways to learn from one teacher, all held to the FLOPs of plain pre-training. */
export function methodsRun(gains: Record<string, number[]> = {}, options: StudentsOptions = {}): ReportData {
  const way = (
    name: string,
    method: string,
    selection: string,
    plan: Partial<StudentPlan>,
    costs = 1,
  ): StudentSpec => ({
    name,
    selection,
    plan: { method, baseline: "plain", flopsOf: "plain", ...plan },
    costs,
    gains: gains[name] ?? [0, 0],
  });
  const along = { records: ["models/teacher"], readsAlong: true };
  return studentsRun(
    [
      { name: "plain", selection: "random", plan: {} },
      way("vanilla-kd", "vanilla KD", "random", along, 1.6),
      way("stored-kd", "stored top-32 KD", "random", { records: ["models/teacher", "capture/random-top32"] }),
      way("seqkd", "SeqKD", "teacher-text", { text: "teacher", records: ["models/teacher", "generate/teacher-text"] }),
      way("gkd", "GKD", "random", along, 2.5),
      way("miniplm", "LM", "difference", { records: SCORED }),
      way("miniplm-kd", "vanilla KD", "difference", { ...along, records: SCORED }, 1.6),
    ],
    options,
  );
}

/** A run with the given students on the selections "difference" and "random" of the usual fixture. */
export function studentsRun(
  specs: readonly StudentSpec[],
  { seeds = [1, 2], seedWidth = 0.01 }: StudentsOptions = {},
): ReportData {
  const base = finishedRun({ instances: 300, seeds: [1] });
  const random = new Random(11, "report/students");
  const students = specs.flatMap((spec) => seeds.map((seed) => studentOf(spec, seed, random)));
  const written = specs.some(({ plan }) => plan.text === "teacher");
  const made = (stage: string, flops: number) => ({ stage, seconds: 3, reused: false, files: [], flops });
  const records = new Set(specs.flatMap(({ plan }) => plan.records ?? []));
  const before = base.run.stages.filter(({ stage }) => !/^(students|evaluate)/.test(stage));
  const further = [...records].filter((name) => !before.some(({ stage }) => stage === name));
  return {
    ...base,
    run: {
      ...base.run,
      stages: [
        ...before,
        ...further.map((name) => made(name, 2e11)),
        ...students.map(({ folder, training: done }) => made(folder, done!.flops)),
        made("evaluate/teacher", 1e10),
      ],
      students: students.map(({ name, seed, folder, selection, plan }) => ({
        name,
        seed,
        folder,
        selection,
        plan: plan!,
      })),
    },
    students,
    ...(written && {
      texts: [
        {
          name: "teacher-text",
          summary: { promptTokens: 16, temperature: 1, instances: 700, tokens: 45_500, generatedTokens: 34_353 },
        },
      ],
    }),
    evaluation: evaluationOf(specs, seeds, seedWidth),
  };
}

function studentOf(spec: StudentSpec, seed: number, random: Random): StudentRecord {
  const { name, selection, parameters = 282_000, costs = 1 } = spec;
  const plan: StudentPlan = {
    family: "llama",
    method: "LM",
    loss: "the plain language-modelling loss",
    text: "selection",
    records: [],
    readsAlong: false,
    ...spec.plan,
  };
  // A student that is held to another's FLOPs reads as much less as a token costs it more.
  const tokens = Math.round(TOKENS / costs);
  const done = { ...training(`${name}-seed${seed}`, parameters, tokens, 3.5, seed), flops: parameters * 6 * TOKENS };
  const finals = SETS.map((set, i) => ({ set, loss: finalLoss(spec, i) }));
  const lines = curve(random, 400, tokens / 400, parameters * 6 * costs, 3.5, finals);
  const distilled = plan.readsAlong || plan.method.startsWith("stored");
  const metrics = lines.map((line) =>
    line.type === "train" && distilled
      ? { ...line, losses: { lm: line.loss + 0.1, kd: line.loss - 0.1, teacher_entropy: 3, kl: line.loss - 3.1 } }
      : line,
  );
  return { name, seed, selection, folder: `students/${name}-seed${seed}`, plan, training: done, metrics };
}

const finalLoss = ({ gains = [] }: StudentSpec, set: number) => 3.6 - 0.2 * set - (gains[set] ?? 0);

function evaluationOf(specs: readonly StudentSpec[], seeds: readonly number[], seedWidth: number): Evaluation {
  const losses = SETS.flatMap((set, i) =>
    specs.flatMap((spec) =>
      seeds.map((seed): HeldOutLoss => {
        const loss = finalLoss(spec, i) + 0.001 * seed;
        const bits = loss / Math.LN2 / BYTES_PER_TOKEN;
        return {
          model: `${spec.name}-seed${seed}`,
          set,
          loss,
          interval: [loss - 0.05, loss + 0.05],
          instances: 120,
          tokens: 30_480,
          bySource: [{ source: "stories", loss, instances: 60 }],
          perInstance: [loss, loss],
          bitsPerByte: { loss: bits, interval: [bits - 0.02, bits + 0.02], bytes: 94_488 },
        };
      }),
    ),
  );
  // Without a baseline every two students are compared.
  const named = specs.some(({ plan }) => plan.baseline !== undefined);
  const against = (spec: StudentSpec, place: number) =>
    named ? specs.filter(({ name }) => name === spec.plan.baseline) : specs.slice(place + 1);
  const pairs = specs.flatMap((spec, place) => against(spec, place).map((baseline) => ({ spec, baseline })));
  const comparisons = SETS.flatMap((set, i) =>
    pairs.flatMap(({ spec, baseline }): PairedComparison[] => {
      const crossed = baseline.plan.tokenizer !== spec.plan.tokenizer;
      const difference = finalLoss(baseline, i) - finalLoss(spec, i);
      const pair = (a: string, b: string, width: number): PairedComparison => ({
        set,
        a,
        b,
        difference,
        interval: [difference - width, difference + width],
        aBetter: 0.7,
        ...(crossed && { unit: "bits_per_byte" }),
      });
      const single = seeds.map((seed) => pair(`${spec.name}-seed${seed}`, `${baseline.name}-seed${seed}`, 0.005));
      return seeds.length === 1 ? single : [pair(spec.name, baseline.name, seedWidth), ...single];
    }),
  );
  return { losses, comparisons, computeSaved: [] };
}
