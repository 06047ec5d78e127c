import { cpus, loadavg, totalmem } from "node:os";
import { HeartcutError } from "../../errors.ts";
import { forwardFlopsPerToken } from "../../models/architecture.ts";
import type { StageContext } from "../../progress.ts";
import { type AnyRecipe, isRationaleRecipe } from "../any_recipe.ts";
import { inspectModels } from "../check_models.ts";
import { Amounts } from "../preflight/amounts.ts";
import { computeOf } from "../preflight/compute.ts";
import { measureCorpus } from "../preflight/corpus.ts";
import { diskFindings, diskUse } from "../preflight/disk.ts";
import { memoryFindings, memoryOf } from "../preflight/memory_stages.ts";
import { bringRecipe, localRecipe } from "../recipe_places.ts";
import type { Recipe } from "../recipe_schema.ts";
import { ASSUMED_WITHIN, assumedCorpus } from "./assumed_corpus.ts";
import { breakEvens } from "./break_even_of.ts";
import { measureRate } from "./calibrate.ts";
import { isFinished } from "./done_stages.ts";
import { describedRate, type Hardware } from "./hardware.ts";
import { requireInputs } from "./inputs_here.ts";
import { Kinds, type Rate } from "./kinds.ts";
import type { Estimate, StageEstimate } from "./record.ts";
import { recipeWork, type StageWork } from "./stage_work.ts";
import { scaled, stageSeconds, sumOf } from "./times.ts";
import { measurementWarnings } from "./warnings.ts";

/** How an estimate is made. */
export interface EstimateOptions {
  /** Run folder: stages that are finished in it take no time. It need not exist. */
  readonly folder: string;
  /** A machine that is described; this one is measured where left out. */
  readonly hardware?: Hardware | undefined;
  /** Batches of each kind of work that are timed on this machine. */
  readonly batches: number;
  readonly pricePerHour?: number | undefined;
  readonly pricePerMillionTokens?: number | undefined;
  /** Share of plain training's compute saved at equal loss; several are shown where left out. */
  readonly saving?: number | undefined;
  /** Takes the place of measureRate, in tests. */
  readonly measure?: typeof measureRate;
}

/**
 * What a recipe will take before it runs: time, FLOPs, memory, disk, money, and when the offline pass has paid for itself. Each kind
 * of work is timed over some batches with random weights and tokens. Nothing is written, no server is asked; of the corpus a sample
 * is read, as `heartcut check` does.
 * @throws HeartcutError HC4351 for a recipe of token rationales, HC4352 where this machine has too little memory to be measured, HC4353
 * for a price of tokens that no server is paid, HC4357 for inputs that are not here, HC40xx, HC11xx for models that cannot be made; Interrupted
 */
export async function estimateRecipe(
  given: AnyRecipe,
  options: EstimateOptions,
  context: StageContext,
): Promise<Estimate> {
  const { folder, hardware } = options;
  const local = localRecipe(estimable(given), await bringRecipe(given, { offline: true }, context));
  // Devices of this machine say nothing of another.
  const recipe: Recipe = hardware === undefined ? local : { ...local, device: "cpu" };
  await requireInputs(recipe);
  const { models, faults } = await inspectModels(recipe);
  if (faults[0] !== undefined) throw faults[0];
  requireServer(recipe, options);
  const measured = await measureCorpus(recipe, context);
  const assumed = assumedCorpus(recipe, measured, models);
  const corpus = assumed ?? measured!;
  const amounts = new Amounts(recipe, corpus);
  const compute = computeOf(recipe, models, amounts);
  const kinds = new Kinds();
  const works = recipeWork({ recipe, models, amounts, compute, textBytes: corpus.textBytes, kinds });
  const done = new Set<string>();
  for (const { stage } of works) if (await isFinished(folder, stage)) done.add(stage);

  const memory = memoryOf(recipe, models);
  const machine = hardware?.memoryBytes ?? totalmem();
  const uses = diskUse(recipe, models, amounts, compute);
  const disk = await diskFindings(uses, folder, hardware?.diskBytes);
  const findings = [...memory.faults, ...memoryFindings(recipe, memory.stages, machine), ...disk.findings];

  const open = works.filter(({ stage }) => !done.has(stage));
  if (hardware === undefined) requireRoom(memory.stages, machine, done);
  // Measuring is a load itself.
  const load = loadavg()[0]!;
  const rates = await ratesOf(open, kinds, recipe, options, context);
  const stages = works.map((work) => estimated(work, rates, assumed !== undefined, done.has(work.stage)));
  const seconds = sumOf(stages.flatMap((each) => (each.seconds === null ? [] : [each.seconds])));
  const perHour = options.pricePerHour ?? hardware?.pricePerHour;
  return {
    recipe: recipe.name,
    machine: hardware ?? thisMachine(),
    rates: [...rates.values()],
    stages,
    total: {
      seconds,
      flops: stages.reduce((sum, { flops }) => sum + (flops ?? 0), 0),
      open: stages.filter((each) => each.seconds === null).map(({ stage }) => stage),
    },
    cost:
      perHour === undefined
        ? null
        : { ...scaled(seconds, perHour / 3600), perHour, currency: hardware?.currency ?? null },
    remote: open.flatMap(({ stage, remote }) => {
      if (remote === null) return [];
      const price = options.pricePerMillionTokens;
      const known = price !== undefined && remote.tokens !== null;
      return [{ stage, ...remote, price: known ? (price * remote.tokens!) / 1e6 : null }];
    }),
    memory: { machine, stages: memory.stages },
    disk: { free: disk.free, uses },
    breakEven: breakEvens(recipe, models, compute, options.saving),
    assumptions: assumptionsOf(recipe, assumed !== undefined, hardware),
    warnings:
      hardware === undefined && rates.size > 0
        ? measurementWarnings({ batches: options.batches, load, cores: cpus().length })
        : [],
    findings,
  };
}

/** The recipe, if it is one of Difference Sampling. @throws HeartcutError HC4351 for one of token rationales */
export function estimable(recipe: AnyRecipe): Recipe {
  if (!isRationaleRecipe(recipe)) return recipe;
  throw new HeartcutError("HC4351", {
    what: "recipes of token rationales cannot be estimated",
    where: recipe.name,
    found: "method: rationale",
    expected: "a recipe of Difference Sampling",
    why: "how long they take depends on early stopping and on the lengths of answers, which only the run knows",
    fix: "run it with fewer examples first; heartcut check looks at its models and files",
  });
}

function thisMachine() {
  const [first] = cpus();
  const name = `${first?.model.trim() ?? "unknown processor"}, ${cpus().length} logical cores`;
  return { name, source: "measured just now, with whatever else it was doing" };
}

/** A price for tokens has no effect where no server is asked. */
function requireServer({ teacher, reference }: Recipe, { pricePerMillionTokens }: EstimateOptions): void {
  if (pricePerMillionTokens === undefined || "endpoint" in teacher || "endpoint" in reference) return;
  throw new HeartcutError("HC4353", {
    what: "a price of tokens has no effect: no server is asked",
    where: "teacher, reference",
    fix: "leave --price-per-million-tokens out, or give teacher: { endpoint: … }",
  });
}

/** A measurement that swaps or is killed says nothing. */
function requireRoom(
  stages: readonly { stage: string; bytes: number }[],
  machine: number,
  done: ReadonlySet<string>,
): void {
  const gigabytes = (bytes: number) => `${(bytes / 1e9).toFixed(1)} GB`;
  const over = stages.find(({ stage, bytes }) => bytes > machine && !done.has(stage));
  if (over === undefined) return;
  throw new HeartcutError("HC4352", {
    what: "this recipe cannot be measured here: a stage needs more memory than the machine has",
    where: over.stage,
    found: gigabytes(over.bytes),
    expected: `at most ${gigabytes(machine)}`,
    fix: "describe the machine it is for with --hardware FILE (recipes/hardware/ has examples), or lower train.batch.microBatch",
  });
}

/** Rates of every kind of work that is not done yet, by label: measured, or as the machine is described. */
async function ratesOf(
  open: readonly StageWork[],
  kinds: Kinds,
  recipe: Recipe,
  { hardware, batches, measure = measureRate }: EstimateOptions,
  context: StageContext,
): Promise<Map<string, Rate>> {
  const rates = new Map<string, Rate>();
  for (const label of new Set(open.flatMap(({ parts }) => parts.map(({ kind }) => kind)))) {
    const kind = kinds.get(label);
    if (kind === undefined) continue;
    if (hardware === undefined) {
      rates.set(label, await measure(label, kind, { batches, device: recipe.device }, context));
      continue;
    }
    const passes = kind.work === "train" ? 3 : 1;
    const perPlace = passes * forwardFlopsPerToken(kind.model, kind.length);
    const rate = describedRate(hardware, label, kind.work, perPlace);
    if (rate !== undefined) rates.set(label, rate);
  }
  return rates;
}

function estimated(work: StageWork, rates: ReadonlyMap<string, Rate>, assumed: boolean, done: boolean): StageEstimate {
  const { stage, parts } = work;
  const recorded = parts.filter(({ unrecorded }) => !unrecorded);
  return {
    stage,
    done,
    seconds: done ? { expected: 0, low: 0, high: 0 } : stageSeconds(work, rates, assumed),
    flops: recorded.some(({ flops }) => flops === null) ? null : recorded.reduce((sum, { flops }) => sum + flops!, 0),
    kind: parts[0]?.kind ?? null,
  };
}

function assumptionsOf(recipe: Recipe, assumed: boolean, hardware: Hardware | undefined): string[] {
  const generates = Object.keys(recipe.generate).length > 0 || recipe.students.some(({ distill }) => distill?.onPolicy);
  return [
    ...(assumed
      ? [
          `the corpus is not tokenized yet: its tokens are assumed by the size of the vocabulary, ± ${100 * ASSUMED_WITHIN} %`,
        ]
      : []),
    ...(recipe.evaluate.tasks?.during === undefined
      ? []
      : ["the questions of tasks that are asked during training are not in its time"]),
    "text is not measured: tokenizing, packing and selecting may take half or twice the time",
    ...(generates ? ["texts that are written have full length: one that ends early takes less"] : []),
    ...(hardware === undefined
      ? ["the interval of a time is that between the slowest and the fastest tenth of the batches"]
      : [`times are ± ${Math.round(100 * hardware.spread)} %, as the machine is described`]),
  ];
}
