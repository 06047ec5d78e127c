import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { AttributionRow } from "../../src/attribute/record.ts";
import { evaluateRationales } from "../../src/evaluate/rationale_evaluation.ts";
import type { FaithfulnessRow, OverlapRow, PlausibilityRow } from "../../src/evaluate/rationale_record.ts";
import { Random } from "../../src/random.ts";
import type { RationaleRow, RationaleSource } from "../../src/rationale/record.ts";
import type { RationaleReportData, RationaleSet, RationaleStudent } from "../../src/report/rationale/record.ts";
import type { Prediction, Span, TaskExample } from "../../src/tasks/record.ts";
import type { FineTuneLine } from "../../src/train/record.ts";

/** What a generated run looks like. */
export interface RationaleFixtureOptions {
  seeds?: number[];
  /** How much more accurate the students of the teacher's tokens are than standard ones. */
  gain?: number;
  /** Adds the ablations and the students of other objectives. */
  more?: boolean;
}

const HASH = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
const EXAMPLES = 160;
const PLACES = ["harbour", "mountain hut", "library", "bakery", "train station", "botanical garden", "workshop"];
const PEOPLE = ["Ilsa", "the night watchman", "Tamsin", "my grandfather", "a tired courier"];
const ACTS: [string, string][] = [
  ["look for a map", "library"],
  ["wait for the ferry", "harbour"],
  ["buy warm bread", "bakery"],
  ["hide from a snow storm", "mountain hut"],
  ["change to the night express", "train station"],
  ["water the orchids", "botanical garden"],
  ["mend a broken chair", "workshop"],
];

/** A finished run with plausible figures; everything follows from the options. */
export function finishedRationaleRun(options: RationaleFixtureOptions = {}): RationaleReportData {
  const { seeds = [1, 2, 3, 4, 5], gain = 0.07, more = false } = options;
  const random = new Random(11, "report/rationale-fixture");
  const scored = Array.from({ length: EXAMPLES }, (_, i) => scoredExample(i, random));
  const sets: [string, RationaleSource, boolean][] = [
    ["tokens", "saliency", true],
    ["random-words", "random", true],
    ["llm", "llm", false],
    ...(more
      ? ([
          ["shuffled", "shuffled", true],
          ["bottom", "bottom", true],
          ["stop-words", "stop_words", true],
          ["gold", "gold_answer", true],
        ] as [string, RationaleSource, boolean][])
      : []),
  ];
  const rationales = sets.map(([name, source, ranked]) => rationaleSet(name, source, ranked, scored, random));
  const casts: [string, string, string | undefined, number][] = [
    ["standard", "standard", undefined, 0.6],
    ["tokens", "multi_task", "tokens", 0.6 + gain],
    ["random-words", "multi_task", "random-words", 0.6 + gain * 0.2],
    ["llm", "multi_task", "llm", 0.6 + gain * 0.6],
    ...(more
      ? ([
          ["guided attention", "standard + attention guidance", "tokens", 0.6 + gain * 0.5],
          ["shuffled", "multi_task", "shuffled", 0.59],
          ["bottom", "multi_task", "bottom", 0.57],
          ["stop-words", "multi_task", "stop-words", 0.6],
          ["gold", "multi_task", "gold", 0.66],
        ] as [string, string, string, number][])
      : []),
  ];
  // One difficulty per example, common to all students, as on real tasks.
  const hardness = scored.map(() => random.uniform());
  const students = casts.flatMap(([name, method, rationale, accuracy]) =>
    seeds.map((seed): RationaleStudent => {
      const level = accuracy + 0.012 * random.normal();
      return {
        name,
        seed,
        folder: `students/${name}-seed${seed}`,
        method,
        ...(rationale === undefined ? {} : { rationale }),
        training: {
          parameters: 530_432,
          steps: 600,
          best: { step: 450 + 50 * (seed % 3), accuracy: level, loss: 0.8 },
          examples: 38_400,
          tokens: 1_800_000,
          flops: 5.7e12,
        },
        metrics: metricsOf(method, level, random),
        predictions: scored.map(({ example }, i) =>
          answer(example, 0.8 * hardness[i]! + 0.2 * random.uniform() < 0.1 + 0.8 * level, random),
        ),
      };
    }),
  );
  const teacher = scored.map(
    ({ example, row }): Prediction => ({
      id: example.id,
      prediction: row.prediction!,
      target: example.target,
      correct: row.correct!,
      valid: true,
    }),
  );
  const evaluation = evaluateRationales({
    task: { task: "errands", metric: "exact_match" },
    teacher,
    students: students.map((student) => ({
      student: student.name,
      method: student.method,
      rationale: student.rationale,
      seed: student.seed,
      predictions: student.predictions,
      bestStep: student.training!.best.step,
      validation: student.training!.best.accuracy,
    })),
    overlap: overlapRows(),
    faithfulness: faithfulnessRows(),
    plausibility: plausibilityRows(),
    seed: 3,
    resamples: 200,
  });
  return {
    run: {
      method: "rationale",
      name: "rationale-quickstart",
      heartcutVersion: "0.1.0",
      recipe: "name: rationale-quickstart\nseed: 42\ntask: { name: errands }\n",
      seed: 42,
      environment: [{ name: "node", value: "20.18.1" }],
      task: { name: "errands", description: "Multiple-choice questions on where somebody goes to do something." },
      provenance: [
        {
          role: "teacher",
          model: "t5-2.6M",
          parameters: 2_623_488,
          sentence: "Fine-tuned in this run on the training split.",
        },
        {
          role: "student",
          model: "t5-0.5M",
          parameters: 530_432,
          sentence: "Random weights at the start, the same for all students of a seed.",
        },
      ],
      stages: [
        stage("task", 0.8),
        stage("models/teacher", 61, 4.4e13),
        stage("attribute/gradient", 12, 3.1e12),
        ...sets.map(([name]) => stage(`rationales/${name}`, 0.4)),
        ...students.map(({ folder }) => stage(folder, 9, 5.7e12)),
        stage("evaluate/rationale_evaluation", 3),
      ],
      attributions: [{ name: "gradient" }],
      rationales: rationales.map(({ name, attribution }) => ({
        name,
        ...(attribution === undefined ? {} : { attribution }),
      })),
      students: students.map(({ name, seed, folder, method, rationale }) => ({
        name,
        seed,
        folder,
        method,
        ...(rationale === undefined ? {} : { rationale }),
      })),
    },
    task: {
      task: "errands",
      metric: "exact_match",
      fingerprint: HASH,
      settings: { seed: 42, validation_share: null, limit_train: 400, limit_validation: null, limit_test: null },
      splits: {
        train: { examples: 400, rationales: { llm: 400, humanText: 0, humanSpans: 0 }, sha256: HASH },
        validation: { examples: 200, rationales: { llm: 0, humanText: 0, humanSpans: 0 }, sha256: HASH },
        test: { examples: EXAMPLES, rationales: { llm: 0, humanText: 0, humanSpans: 90 }, sha256: HASH },
      },
      answerInInput: 1,
      sharedInputs: { trainValidation: 0, trainTest: 0, validationTest: 0 },
    },
    teacher: {
      training: {
        parameters: 2_623_488,
        steps: 900,
        best: { step: 800, accuracy: 0.86, loss: 0.4 },
        examples: 57_600,
        tokens: 2_700_000,
        flops: 4.4e13,
      },
      metrics: [],
    },
    students,
    attributions: [
      {
        name: "gradient",
        summary: {
          method: "gradient",
          settings: { scalar: "logit", norm: "l1", target: "gold", aggregate: "mean_gradient" },
          model: "models/teacher",
          splits: { test: { examples: EXAMPLES, tokens: 6400, truncatedExamples: 1, sha256: HASH } },
          accuracy: { test: 0.85 },
        },
        split: "test",
        scored,
      },
    ],
    rationales,
    evaluation,
    missing: [],
  };
}

/** The same run stopped while its students were being trained. */
export function halfFinishedRationaleRun(): RationaleReportData {
  const { evaluation: _, ...run } = finishedRationaleRun({ seeds: [1, 2] });
  const students = run.students.map(({ training, ...student }, i) => ({
    ...student,
    ...(i === 0 && training !== undefined ? { training } : {}),
    metrics: i < 2 ? student.metrics.slice(0, 9) : [],
    predictions: i === 0 ? student.predictions : [],
  }));
  return {
    ...run,
    students,
    rationales: run.rationales.map((set, i) =>
      i === 0
        ? set
        : { name: set.name, ...(set.attribution === undefined ? {} : { attribution: set.attribution }), rows: [] },
    ),
    missing: [
      ...run.rationales
        .slice(1)
        .map(({ name }) => ({ what: `rationales ${name}`, path: `rationales/${name}/rationales.json` })),
      ...students.slice(1).flatMap(({ name, seed, folder }) => [
        { what: `student ${name}, seed ${seed}`, path: `${folder}/training.json` },
        { what: `answers of ${name}, seed ${seed}`, path: `${folder}/predictions.jsonl` },
      ]),
      { what: "evaluation", path: "evaluate/rationale_evaluation.json" },
    ],
  };
}

/** Writes the records of a run as the stages lay them out. */
export async function writeRationaleRunFolder(data: RationaleReportData, folder: string): Promise<void> {
  const put = async (path: string, content: string) => {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), content);
  };
  const json = (path: string, value: unknown) => (value === undefined ? undefined : put(path, JSON.stringify(value)));
  const lines = (path: string, values: readonly unknown[]) =>
    values.length === 0 ? undefined : put(path, values.map((value) => `${JSON.stringify(value)}\n`).join(""));
  await json("run.json", data.run);
  await json("task/task.json", data.task);
  await json("task-students/task.json", data.studentTask);
  for (const { name, summary, split, scored } of data.attributions) {
    await json(`attribute/${name}/attribution.json`, summary);
    await lines(
      `attribute/${name}/${split}.jsonl`,
      scored.map(({ row }) => row),
    );
    await lines(
      `task/${split}.jsonl`,
      scored.map(({ example }) => example),
    );
  }
  for (const { name, summary, split, rows } of data.rationales) {
    await json(`rationales/${name}/rationales.json`, summary);
    await lines(`rationales/${name}/${split}.jsonl`, rows);
  }
  for (const [path, model] of [
    ["models/teacher", data.teacher ?? { metrics: [] }] as const,
    ...data.students.map((student) => [student.folder, student] as const),
  ]) {
    await json(`${path}/training.json`, model.training);
    await lines(`${path}/metrics.jsonl`, model.metrics);
  }
  for (const { folder: path, predictions } of data.students) await lines(`${path}/predictions.jsonl`, predictions);
  await json("evaluate/rationale_evaluation.json", data.evaluation);
}

type Scored = RationaleReportData["attributions"][number]["scored"][number];

function scoredExample(i: number, random: Random): Scored {
  const [act, target] = ACTS[i % ACTS.length]!;
  const others = PLACES.filter((place) => place !== target);
  const first = random.below(others.length);
  const choices = [others[first]!, others[(first + 2) % others.length]!, others[(first + 4) % others.length]!];
  choices.splice(random.below(4), 0, target);
  const question = `Where would ${random.pick(PEOPLE)} go ${i % 3 === 0 ? "before dawn " : ""}to ${act}${i % 4 === 1 ? ", although it had been raining for days and nobody else was on the road" : ""}?`;
  const head = "\nAnswer Choices:";
  let input = question + head;
  const places: Span[] = [];
  choices.forEach((choice, at) => {
    input += `\n(${"abcd"[at]!}) `;
    places.push([input.length, input.length + choice.length]);
    input += choice;
  });
  const gold = places[choices.indexOf(target)]!;
  const key: Span = [question.indexOf(act), question.indexOf(act) + act.length];
  const spans: Span[] = [...input.matchAll(/[A-Za-z]{1,6}|[^\sA-Za-z]/g)].map((m) => [m.index, m.index + m[0].length]);
  const inside = ([a, b]: Span, [c, d]: Span) => a < d && b > c;
  const scores = spans.map(
    (span) => Math.abs(random.normal()) * (inside(span, gold) ? 3.2 : inside(span, key) ? 2 : 0.5),
  );
  spans.push([input.length, input.length]);
  scores.push(1.1);
  const correct = random.uniform() < 0.85;
  const human = key[0] < 0 ? [] : [key];
  return {
    example: {
      id: `errand-${i}`,
      input,
      target,
      choices,
      spans: {
        scaffolding: [[question.length, question.length + head.length]],
        choices: places,
        question: [0, question.length],
      },
      rationales: {
        llm: { text: `People ${act} at a ${target}.`, answer: target },
        ...(i % 2 === 0 ? { human: { spans: human } } : {}),
      },
    },
    row: {
      id: `errand-${i}`,
      target,
      prediction: correct ? target : choices.find((choice) => choice !== target)!,
      correct,
      ids: spans.map((_, at) => 100 + at),
      spans,
      scores,
      truncated: i === 0 ? 3 : 0,
    } satisfies AttributionRow,
  };
}

function rationaleSet(
  name: string,
  source: RationaleSource,
  ranked: boolean,
  scored: readonly Scored[],
  random: Random,
): RationaleSet {
  const rows = scored.flatMap(({ example, row }, i): RationaleRow[] => {
    if (i % 17 === 5) return [];
    if (!ranked) return [{ id: row.id, text: example.rationales.llm!.text, units: [] }];
    const words = [...example.input.matchAll(/[A-Za-z]+/g)].map((m) => {
      const span: Span = [m.index, m.index + m[0].length];
      const own = row.spans.flatMap(([a, b], at) => (a < span[1] && b > span[0] ? [row.scores[at]!] : []));
      return { text: m[0], span, score: Math.max(...own) };
    });
    const order =
      source === "saliency" ? words.sort((a, b) => b.score - a.score) : words.sort(() => random.uniform() - 0.5);
    const units = order.slice(0, 5).sort((a, b) => a.span[0] - b.span[0]);
    return [{ id: row.id, text: units.map((unit) => unit.text).join(" "), units: source === "shuffled" ? [] : units }];
  });
  return {
    name,
    ...(ranked ? { attribution: "gradient" } : {}),
    summary: {
      source,
      settings: ranked ? { k: 5, unit: "word", merge: "max", order: "input", stopWords: false } : {},
      splits: {
        train: {
          examples: 400,
          rationales: 377,
          dropped: { empty: 3, teacher_wrong: 20 },
          unitsPerRationale: 4.93,
          textEqualsUnits: 1,
          sha256: HASH,
        },
        test: {
          examples: EXAMPLES,
          rationales: rows.length,
          dropped: { missing: EXAMPLES - rows.length },
          unitsPerRationale: 5,
          textEqualsUnits: 0.97,
          sha256: HASH,
        },
      },
    },
    split: "test",
    rows,
  };
}

function answer(example: TaskExample, correct: boolean, random: Random): Prediction {
  const wrong = example.choices!.find((choice) => choice !== example.target)!;
  const valid = correct || random.uniform() < 0.95;
  const prediction = correct ? example.target : valid ? wrong : "the the";
  return { id: example.id, prediction, target: example.target, correct, valid };
}

function metricsOf(method: string, level: number, random: Random): FineTuneLine[] {
  const lines: FineTuneLine[] = [];
  const written = method !== "standard" && !method.includes("attention");
  for (let step = 5; step <= 600; step += 5) {
    const fall = Math.exp(-step / 120);
    const label = 0.35 + 2.4 * fall + 0.04 * Math.abs(random.normal());
    const rationale = 1.1 + 3 * fall + 0.05 * Math.abs(random.normal());
    const attention = 0.9 + 1.2 * fall + 0.02 * Math.abs(random.normal());
    lines.push({
      type: "train",
      step,
      examples: step * 64,
      tokens: step * 3000,
      flops: step * 9.5e9,
      loss: written ? label + rationale : label,
      losses: { label, ...(written ? { rationale } : {}), ...(method.includes("attention") ? { attention } : {}) },
      learning_rate: 1e-3,
      grad_norm: 0.7,
    });
    if (step % 50 === 0)
      lines.push({
        type: "eval",
        step,
        split: "validation",
        accuracy: Math.max(0.25, level - 0.38 * Math.exp(-step / 130) + 0.006 * random.normal()),
        loss: label + 0.1,
      });
  }
  return lines;
}

function overlapRows(): OverlapRow[] {
  const rows: [OverlapRow["metric"], number, number, number][] = [
    ["token_precision", 0.31, 0.084, 0.46],
    ["any_hit", 0.83, 0.38, 0.94],
    ["full_cover", 0.52, 0.11, 0.6],
  ];
  return rows.flatMap(([metric, value, random, anyChoice]) =>
    (["tokens", "random-words"] as const).map((name): OverlapRow => {
      const own = name === "tokens" ? value : random + 0.01;
      return {
        name,
        k: 5,
        metric,
        rule: "stretch",
        value: own,
        interval: [own - 0.04, own + 0.041],
        random,
        randomInterval: [random - 0.01, random + 0.011],
        anyChoice: name === "tokens" ? anyChoice : random * 2,
        examples: 151,
        leftOut: 9,
      };
    }),
  );
}

function faithfulnessRows(): FaithfulnessRow[] {
  const shares = [0.01, 0.05, 0.1, 0.2, 0.5];
  return (["gradient", "attention"] as const).flatMap((name, i) =>
    (["logp_token_mean", "p_token_mean"] as const).map((view, v): FaithfulnessRow => {
      const scale = (i === 0 ? 1 : 0.55) * (v === 0 ? 1 : 0.3);
      return {
        name,
        view,
        aopcComprehensiveness: 1.42 * scale,
        aopcComprehensivenessInterval: [1.25 * scale, 1.61 * scale],
        aopcSufficiency: 0.9 / (1 + scale),
        aopcSufficiencyInterval: [0.8 / (1 + scale), 1 / (1 + scale)],
        aopcComprehensivenessDistinct: 1.4 * scale,
        aopcSufficiencyDistinct: 0.9 / (1 + scale),
        bins: shares.map((share) => ({
          share,
          comprehensiveness: 2.4 * scale * share ** 0.4,
          sufficiency: (1.6 * (1 - share ** 0.5)) / (1 + scale),
        })),
        random: {
          aopcComprehensiveness: 0.48 * (v === 0 ? 1 : 0.3),
          aopcComprehensivenessInterval: [0.4 * (v === 0 ? 1 : 0.3), 0.55 * (v === 0 ? 1 : 0.3)],
          aopcSufficiency: 0.98,
          aopcSufficiencyInterval: [0.91, 1.05],
          rankings: 5,
        },
        examples: 160,
        leftOut: 0,
      };
    }),
  );
}

function plausibilityRows(): PlausibilityRow[] {
  return [
    {
      name: "gradient",
      k: "marked",
      tokenPrecision: 0.41,
      tokenRecall: 0.41,
      tokenF1: 0.41,
      tokenIou: 0.27,
      iouF1: 0.22,
      averagePrecision: 0.49,
      auprcTrapezoid: 0.5,
      rocAuc: 0.71,
      interval: { tokenF1: [0.37, 0.45], iouF1: [0.18, 0.27], averagePrecision: [0.45, 0.53] },
      random: { tokenF1: 0.2, iouF1: 0.05, averagePrecision: 0.26 },
      examples: 72,
      leftOut: 6,
      unmarked: 2,
    },
  ];
}

function stage(name: string, seconds: number, flops?: number) {
  return {
    stage: name,
    seconds,
    reused: name === "task",
    files: [{ name: `${name}/data.jsonl`, bytes: 3_086_420, sha256: HASH }],
    ...(flops === undefined ? {} : { flops }),
  };
}
