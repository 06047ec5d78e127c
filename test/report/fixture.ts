import { computeSaved } from "../../src/evaluate/compute_saved.ts";
import type { Evaluation, HeldOutLoss, PairedComparison } from "../../src/evaluate/record.ts";
import { Random } from "../../src/random.ts";
import type { ReportData, ScoreColumns, SelectionRecord, StudentRecord } from "../../src/report/record.ts";
import type { Example } from "../../src/score/record.ts";
import type { ScoreStatistics, SelectionSummary } from "../../src/select/record.ts";
import type { MetricsLine, TrainingSummary } from "../../src/train/record.ts";
import { DOCUMENTS } from "./documents.ts";

/** What a generated run looks like. */
export interface FixtureOptions {
  seed?: number;
  instances?: number;
  seeds?: number[];
  sets?: string[];
  /** How much lower the difference-sampled students end, per set, in nats. */
  gains?: number[];
  /** Adds students of the whole corpus and of the lowest perplexity. */
  more?: boolean;
}

const SOURCES: [string, number, number][] = [
  // Name, share of the instances, mean difference score.
  ["stories", 0.2, 0.62],
  ["encyclopedia", 0.15, 0.74],
  ["letters", 0.09, 0.55],
  ["dialogues", 0.08, 0.51],
  ["howto", 0.08, 0.58],
  ["news", 0.06, 0.6],
  ["code", 0.09, 0.31],
  ["readme", 0.07, 0.44],
  ["typings", 0.05, 0.28],
  ["shuffled", 0.04, 0.12],
  ["ocr", 0.03, 0.2],
  ["spam", 0.02, -0.08],
  ["markup", 0.02, 0.16],
  ["boilerplate", 0.02, 0.03],
];
const HASH = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

/** A finished run with plausible figures; everything follows from the seed. */
export function finishedRun(options: FixtureOptions = {}): ReportData {
  const {
    seed = 7,
    instances = 6000,
    seeds = [1, 2, 3],
    sets = ["pool", "curated"],
    gains = [0.031, 0.064],
    more = false,
  } = options;
  const random = new Random(seed, "report/fixture");
  const scores = makeScores(random, instances);
  const groups = [
    { name: "difference", method: "difference" as const, offset: 0 },
    { name: "random", method: "random" as const, offset: 1 },
    ...(more
      ? [
          { name: "lowest-ppl", method: "lowest_perplexity" as const, offset: 1.6 },
          { name: "whole", method: "all" as const, offset: 0.8 },
        ]
      : []),
  ];
  const selections = groups.map(({ name, method }) => makeSelection(name, method, scores, random));
  const students = groups.flatMap(({ name, offset }) =>
    seeds.map((one): StudentRecord => {
      const finals = sets.map((set, i) => ({
        set,
        loss: 3.62 - 0.24 * i + offset * gains[i]! + 0.006 * random.normal(),
      }));
      return {
        name,
        seed: one,
        selection: name,
        folder: `students/${name}-seed${one}`,
        training: training(`${name}-seed${one}`, 530_432, 1_200_000, 3.5, one),
        metrics: curve(random, 4688, 256, 530_432 * 6, 3.5 + offset * 0.02, finals),
      };
    }),
  );
  return {
    run: {
      name: "miniplm-small",
      heartcutVersion: "0.1.0",
      recipe: RECIPE,
      seed: 42,
      environment: [
        { name: "node", value: "20.18.1" },
        { name: "onnxruntime", value: "1.30.0, cpu, 2 threads" },
        { name: "processor", value: "x86-64 with AVX-512" },
      ],
      provenance: [
        {
          role: "teacher",
          model: "llama-2.6M",
          parameters: 2_623_488,
          sentence: "Trained in this run on 2,000,000 tokens of curated text (quality = high).",
        },
        {
          role: "reference",
          model: "llama-0.2M",
          parameters: 231_168,
          sentence: "Trained in this run on 800,000 tokens drawn from the whole corpus.",
        },
      ],
      corpus: {
        documents: 8431,
        bytes: 4_112_345,
        sources: SOURCES.length,
        tokens: 1_543_210,
        instances,
        heldOutDocuments: 172,
      },
      stages: [
        stage("corpus", 3.2),
        stage("tokenizer", 4.1),
        stage("pack/pool", 2.2),
        stage("models/teacher", 148, 3.15e13),
        stage("models/reference", 12.4, 1.11e12),
        stage("score/teacher", 31, 8.1e12),
        stage("score/reference", 4, 7.14e11),
        stage("score/join", 0.4),
        ...groups.map(({ name }) => stage(`select/${name}`, 1.1)),
        ...students.map(({ folder }) => stage(folder, 44, 3.82e12)),
        stage("evaluate", 12, 2.2e11),
      ],
      students: students.map(({ name, seed: one, folder, selection }) => ({ name, seed: one, folder, selection })),
    },
    models: {
      teacher: {
        training: training("teacher", 2_623_488, 2_000_000, 2.91, 42),
        metrics: curve(random, 7812, 256, 2_623_488 * 6, 2.91, []),
      },
      reference: {
        training: training("reference", 231_168, 800_000, 3.94, 42),
        metrics: curve(random, 3125, 256, 231_168 * 6, 3.94, []),
      },
    },
    students,
    selections,
    scores,
    evaluation: evaluate(students, groups, sets, random),
    missing: [],
  };
}

/** The same run stopped while its students were being trained. */
export function halfFinishedRun(): ReportData {
  const { evaluation: _, ...run } = finishedRun();
  const students = run.students.map(({ training: done, ...student }, i) => ({
    ...student,
    metrics: i < 2 ? student.metrics.slice(0, 240) : [],
    ...(i === 0 && done !== undefined ? { training: done } : {}),
  }));
  const selections = run.selections.map(({ name, summary, statistics, examples }, i) =>
    i === 0 && summary !== undefined && statistics !== undefined
      ? { name, summary, statistics, examples }
      : { name, examples: [] },
  );
  return {
    ...run,
    students,
    selections,
    missing: [
      { what: "selection random", path: "select/random/selection.json" },
      ...students
        .slice(1)
        .map(({ name, seed, folder }) => ({ what: `student ${name}, seed ${seed}`, path: `${folder}/training.json` })),
      { what: "held-out evaluation", path: "evaluate/evaluation.json" },
    ],
  };
}

function makeScores(random: Random, instances: number): ScoreColumns {
  const columns: ScoreColumns = {
    sources: SOURCES.map(([name]) => name),
    source: new Uint32Array(instances),
    nllTeacher: new Float32Array(instances),
    nllReference: new Float32Array(instances),
    difference: new Float32Array(instances),
  };
  for (let i = 0; i < instances; i++) {
    let draw = random.uniform() * SOURCES.reduce((sum, [, share]) => sum + share, 0);
    let source = 0;
    while (source < SOURCES.length - 1 && draw >= SOURCES[source]![1]) draw -= SOURCES[source++]![1];
    const tail = random.uniform() < 0.01 ? random.normal() * 1.2 : 0;
    const teacher = 2.4 + (0.8 - SOURCES[source]![2]) * 1.1 + 0.42 * Math.abs(random.normal()) + 0.25 * random.normal();
    columns.source[i] = source;
    columns.nllTeacher[i] = Math.max(0.2, teacher);
    columns.nllReference[i] = columns.nllTeacher[i]! + SOURCES[source]![2] + 0.16 * random.normal() + tail;
    columns.difference[i] = columns.nllReference[i]! - columns.nllTeacher[i]!;
  }
  return columns;
}

function makeSelection(
  name: string,
  method: SelectionSummary["method"],
  scores: ScoreColumns,
  random: Random,
): SelectionRecord {
  const n = scores.difference.length;
  const key =
    method === "difference"
      ? scores.difference
      : method === "lowest_perplexity"
        ? scores.nllTeacher.map((value) => -value)
        : Float32Array.from({ length: n }, () => random.uniform());
  const order = Array.from({ length: n }, (_, i) => i).sort((a, b) => key[b]! - key[a]!);
  const keep = method === "all" ? n : Math.floor(n / 2);
  const kept = new Uint8Array(n);
  for (const i of order.slice(0, keep)) kept[i] = 1;
  const mean = (part: number[]) =>
    part.length === 0 ? 0 : part.reduce((sum, i) => sum + scores.difference[i]!, 0) / part.length;
  const bySource = scores.sources.map((source, s) => {
    const all = order.filter((i) => scores.source[i] === s);
    const here = all.filter((i) => kept[i] === 1);
    return {
      source,
      kept: here.length,
      total: all.length,
      keptTokens: here.length * 255,
      totalTokens: all.length * 256,
      meanDifference: mean(all),
    };
  });
  const summary: SelectionSummary = {
    name,
    method,
    ...(method === "all" ? {} : { ratio: 0.5 }),
    ...(method === "random" || method === "all"
      ? {}
      : { threshold: { lastKept: key[order[keep - 1]!]!, firstDropped: key[order[keep]!]! } }),
    instances: { kept: keep, total: n },
    tokens: { kept: keep * 255, total: n * 256 },
    bySource,
    meanDifference: { kept: mean(order.slice(0, keep)), dropped: mean(order.slice(keep)), all: mean(order) },
    audit: [
      { name: "mean tokens of a kept instance", value: 255.12, note: "256 over all instances" },
      {
        name: "overlap with random",
        value: method === "random" ? 1 : 0.503,
        note: "share of the kept that the random baseline keeps too; 0.5 by chance",
      },
      {
        name: "rank correlation with teacher NLL",
        value: method === "difference" ? -0.412 : 0.004,
        note: "0: the score is more than low perplexity",
      },
    ],
  };
  if (method !== "difference") return { name, summary, examples: [] };
  const cut = [keep - 2, keep - 1, keep, keep + 1];
  const strata: [Example["stratum"], number[]][] = [
    ["top", [0, 1, 2, 3]],
    ["borderline", cut],
    ["bottom", [n - 1, n - 2, n - 3, n - 4]],
  ];
  const examples = strata.flatMap(([stratum, places]) =>
    places.map((place, i) => makeExample(order[place]!, stratum, i, name, kept, scores, random)),
  );
  return { name, summary, statistics: statisticsOf(scores), examples };
}

function makeExample(
  instance: number,
  stratum: Example["stratum"],
  turn: number,
  selection: string,
  kept: Uint8Array,
  scores: ScoreColumns,
  random: Random,
): Example {
  const texts = DOCUMENTS[stratum];
  const pieces = texts[turn % texts.length]!.match(/\s?[A-Za-z]{1,6}|\s?[0-9]+|[\s\S]/gu)!;
  const teacher = pieces.map((_, i) => (i === 0 ? null : Math.abs(random.normal()) * 2.4));
  const shift = scores.difference[instance]!;
  const reference = teacher.map((value) =>
    value === null ? null : Math.max(0, value + shift + (stratum === "bottom" ? 0.6 : 1) * random.normal()),
  );
  return {
    instance,
    source: scores.sources[scores.source[instance]!]!,
    first_document: `corpus.jsonl:${instance * 3}`,
    stratum,
    selection,
    kept: kept[instance] === 1,
    difference: shift,
    nll_teacher: scores.nllTeacher[instance]!,
    nll_reference: scores.nllReference[instance]!,
    pieces,
    token_nll_teacher: teacher,
    token_nll_reference: reference,
  };
}

function statisticsOf(scores: ScoreColumns): ScoreStatistics {
  const sorted = [...scores.difference].sort((a, b) => a - b);
  const n = sorted.length;
  const mean = sorted.reduce((sum, value) => sum + value, 0) / n;
  const [min, max] = [sorted[0]!, sorted[n - 1]!];
  const bins = 50;
  const counts = new Array<number>(bins).fill(0);
  for (const value of sorted) counts[Math.min(bins - 1, Math.floor(((value - min) / (max - min)) * bins))]!++;
  let sum = 0;
  return {
    score: "difference",
    count: n,
    min,
    max,
    mean,
    std: Math.sqrt(sorted.reduce((total, value) => total + (value - mean) ** 2, 0) / n),
    quantiles: Object.fromEntries(
      ["0.01", "0.1", "0.25", "0.5", "0.75", "0.9", "0.99"].map((q) => [q, sorted[Math.floor(Number(q) * (n - 1))]!]),
    ),
    histogram: {
      edges: Array.from({ length: bins + 1 }, (_, i) => min + ((max - min) * i) / bins),
      counts,
      density: counts.map((c) => (c * bins) / (n * (max - min))),
      cumulative: counts.map((c) => {
        sum += c;
        return sum / n;
      }),
    },
    correlation: 0.934,
  };
}

export function curve(
  random: Random,
  steps: number,
  tokensPerStep: number,
  flopsPerToken: number,
  end: number,
  finals: { set: string; loss: number }[],
): MetricsLine[] {
  const lines: MetricsLine[] = [];
  const loss = (step: number, final: number) =>
    final + (7.62 - final) * Math.exp(-9 * (step / steps) ** 0.42) + 0.05 * (1 - step / steps);
  for (let step = 10; step <= steps; step += Math.ceil(steps / 400)) {
    const tokens = step * tokensPerStep;
    const at = { step, tokens, flops: tokens * flopsPerToken };
    lines.push({
      type: "train",
      ...at,
      loss: loss(step, end) + 0.09 * random.normal(),
      learning_rate: 1e-3,
      grad_norm: 0.8,
    });
  }
  for (const { set, loss: final } of finals)
    for (let i = 0; i <= 24; i++) {
      const step = Math.round((steps * i) / 24);
      const at = { step, tokens: step * tokensPerStep, flops: step * tokensPerStep * flopsPerToken };
      lines.push({ type: "eval", ...at, set, loss: i === 24 ? final : loss(step, final) + 0.004 * random.normal() });
    }
  return lines.sort((a, b) => a.step - b.step);
}

function evaluate(students: StudentRecord[], groups: { name: string }[], sets: string[], random: Random): Evaluation {
  const losses: HeldOutLoss[] = [];
  for (const set of sets) {
    const shape = Array.from({ length: 120 }, () => 0.5 * random.normal());
    for (const { name, seed, metrics } of students) {
      const loss = metrics.flatMap((line) => (line.type === "eval" && line.set === set ? [line] : [])).at(-1)!.loss;
      const noise = shape.map((value) => value + 0.06 * random.normal());
      const mean = noise.reduce((sum, value) => sum + value, 0) / noise.length;
      losses.push({
        model: `${name}-seed${seed}`,
        set,
        loss,
        interval: [loss - 0.089, loss + 0.091],
        instances: 120,
        tokens: 30_480,
        bySource: SOURCES.map(([source, , difference], i) => ({
          source,
          loss: loss + 0.4 * (0.5 - difference) + 0.01 * random.normal(),
          instances: 8 + i,
        })),
        perInstance: noise.map((value) => loss + value - mean),
      });
    }
  }
  const comparisons: PairedComparison[] = [];
  const find = (set: string, model: string) => losses.find((loss) => loss.set === set && loss.model === model)!;
  const curves = (name: string) => ({
    name,
    curves: students.filter((student) => student.name === name).map((student) => student.metrics),
  });
  const saved: Evaluation["computeSaved"] = [];
  for (const set of sets)
    for (const { name } of groups.filter((group) => group.name !== "random")) {
      comparisons.push(...compared(set, name, [...new Set(students.map((student) => student.seed))], find));
      saved.push(computeSaved(curves(name), curves("random"), set));
    }
  return { losses, comparisons, computeSaved: saved };
}

/** Critical values of Student's t, two-sided 95 %, by degrees of freedom. */
const T95: Record<number, number> = { 1: 12.706, 2: 4.303 };

/** Each pair of seeds, and before them the comparison over seeds with its t interval where there are several. */
function compared(
  set: string,
  name: string,
  seeds: number[],
  find: (set: string, model: string) => HeldOutLoss,
): PairedComparison[] {
  const pairs = seeds.map((seed): PairedComparison => {
    const [a, b] = [find(set, `${name}-seed${seed}`), find(set, `random-seed${seed}`)];
    const difference = b.loss - a.loss;
    const aBetter = a.perInstance.filter((value, i) => value < b.perInstance[i]!).length / a.perInstance.length;
    return { set, a: a.model, b: b.model, difference, interval: [difference - 0.015, difference + 0.0155], aBetter };
  });
  if (pairs.length === 1) return pairs;
  const mean = pairs.reduce((sum, pair) => sum + pair.difference, 0) / pairs.length;
  const variance = pairs.reduce((sum, pair) => sum + (pair.difference - mean) ** 2, 0) / (pairs.length - 1);
  const half = T95[pairs.length - 1]! * Math.sqrt(variance / pairs.length);
  return [{ ...pairs[0]!, a: name, b: "random", difference: mean, interval: [mean - half, mean + half] }, ...pairs];
}

export function training(
  model: string,
  parameters: number,
  tokens: number,
  finalLoss: number,
  seed: number,
): TrainingSummary {
  return {
    model,
    parameters,
    nonEmbeddingParameters: Math.round(parameters * 0.62),
    steps: Math.round(tokens / 256),
    tokens,
    flops: parameters * 6 * tokens,
    data: `pack/${model.replace(/-seed\d+$/, "")}`,
    seed,
    finalLoss,
    fingerprint: "0".repeat(64),
    weights: [{ name: "model.safetensors", bytes: 4 * parameters, sha256: "0".repeat(64) }],
  };
}

function stage(name: string, seconds: number, flops?: number) {
  return {
    stage: name,
    seconds,
    reused: name === "corpus",
    files: [{ name: `${name}/data.bin`, bytes: 3_086_420, sha256: HASH }],
    ...(flops === undefined ? {} : { flops }),
  };
}

const RECIPE = `name: miniplm-small
seed: 42
corpus: { path: corpus.jsonl, source: source, tags: [quality], heldOutShare: 0.02 }
tokenizer: { train: { vocabSize: 2048 } }
pack: { length: 256, mode: packed }
teacher: { train: { where: { quality: [high] }, tokens: 2_000_000 } }
reference: { train: { tokens: 800_000 } }
select:
  difference: { method: difference, ratio: 0.5 }
  random: { method: random, ratio: 0.5 }
students:
  - { name: difference, selection: difference, seeds: [1, 2, 3] }
  - { name: random, selection: random, seeds: [1, 2, 3] }
`;
