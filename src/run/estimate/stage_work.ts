import { type CausalDescription, forwardFlopsPerToken } from "../../models/architecture.ts";
import { lengthBucket } from "../../models/batch.ts";
import type { Amounts } from "../preflight/amounts.ts";
import type { Compute } from "../preflight/compute.ts";
import type { Amount } from "../preflight/corpus.ts";
import { HELD_OUT_ROWS } from "../preflight/memory.ts";
import { type Recipe, ROLES, type TrainingSettings } from "../recipe_schema.ts";
import { studentFolder } from "../stages/models.ts";
import { storesOf } from "../stages/teacher.ts";
import type { Kinds } from "./kinds.ts";

/** Arithmetic of one kind in a stage. */
export interface Part {
  /** Label of a kind. */
  readonly kind: string;
  /** Counted as stages do; null where that is not known before the run. */
  readonly flops: number | null;
  /** Places that are computed for each that counts: instances are padded to one length. */
  readonly padding: number;
  /** Takes time, and no stage records its FLOPs: held-out losses of a training. */
  readonly unrecorded?: boolean;
}

/** What a stage of a run takes. */
export interface StageWork {
  readonly stage: string;
  readonly parts: readonly Part[];
  /** Bytes of text or records that pass through it besides: passes over the corpus, in bytes of text. */
  readonly textBytes: number;
  /** Seconds that do not depend on any of these. */
  readonly fixedSeconds: number;
  /** Whether amounts of data decide it, and not its own settings. */
  readonly byData: boolean;
  /** Asked of a server: nothing is computed here. */
  readonly remote: { readonly requests: number | null; readonly tokens: number | null } | null;
}

type Models = ReadonlyMap<string, CausalDescription>;
type Student = Recipe["students"][number];

/** Instances of each set that curves are measured on, where the recipe does not say: as trainModel. */
const CURVE_INSTANCES = 128;
/** Statistics of one training against the others, in seconds: 1.8 s for 4 trainings, 15 to 21 s for 30. */
const COMPARISON_SECONDS = 0.5;

/** What a stage of text takes however little there is of it, in seconds. */
const STAGE_SECONDS = 0.4;
/** Share of a pass that it takes to read documents of which few are tokenized. */
const READING = 0.1;

/** Work whose amount only the run knows. */
const unknownWork = (kind: string): Part => ({ kind, flops: null, padding: 1 });

/** Everything that takes a run noticeable time, in the order of the plan; kinds of work are added to `kinds`. */
export function recipeWork(given: {
  readonly recipe: Recipe;
  readonly models: Models;
  readonly amounts: Amounts;
  readonly compute: Compute;
  /** Of the corpus, in bytes. */
  readonly textBytes: number;
  readonly kinds: Kinds;
}): StageWork[] {
  const { recipe, models, amounts, compute, textBytes, kinds } = given;
  return new RecipeWork(recipe, models, amounts, compute, textBytes, kinds).stages;
}

class RecipeWork {
  readonly stages: StageWork[] = [];
  private readonly fill: number;

  constructor(
    private readonly recipe: Recipe,
    private readonly models: Models,
    private readonly amounts: Amounts,
    private readonly compute: Compute,
    private readonly textBytes: number,
    private readonly kinds: Kinds,
  ) {
    this.fill = recipe.pack.length / Math.max(1, amounts.meanPositions(amounts.pool()));
    this.texts();
    for (const role of ROLES) this.roleTraining(role);
    for (const role of ROLES) this.reading(`score/${role}`, role, amounts.pool(recipe[role].tokenizer), this.fill);
    this.add("score/join", { fixedSeconds: STAGE_SECONDS });
    for (const name of Object.keys(recipe.select)) this.text(`select/${name}`);
    this.analyses();
    this.teacherOutputs();
    for (const student of recipe.students) for (const seed of student.seeds) this.studentTraining(student, seed);
    const trainings = recipe.students.flatMap(({ name, seeds }) => seeds.map((seed) => ({ name, seed })));
    const evaluated = [
      ...trainings.map(({ name, seed }) => ({ name, stage: `evaluate/${name}-seed${seed}` })),
      ...ROLES.map((role) => ({ name: role as string, stage: `evaluate/${role}` })),
    ];
    for (const { name, stage } of evaluated) this.reading(stage, name, this.allHeldOut(), 1);
    // How long questions are is known when they are read.
    if (recipe.evaluate.tasks !== undefined)
      for (const { name, stage } of evaluated)
        if (models.has(name))
          this.add(stage.replace(/^evaluate/, "tasks"), { parts: [unknownWork("zero-shot tasks")], byData: true });
    this.add("evaluate/evaluation", { fixedSeconds: COMPARISON_SECONDS * trainings.length });
    if (recipe.evaluate.scaling !== undefined)
      this.add("evaluate/scaling", { parts: [unknownWork("scaling laws")], byData: true });
    this.add("report", { fixedSeconds: STAGE_SECONDS });
  }

  /** Making, tokenizing and packing text. */
  private texts(): void {
    const { corpus, tokenizer, tokenizers, teacher, reference } = this.recipe;
    if ("demo" in corpus) this.text("corpus");
    if ("train" in tokenizer) this.text("tokenizer");
    for (const [name, source] of Object.entries(tokenizers)) if ("train" in source) this.text(`tokenizers/${name}`);
    this.text("pack/pool");
    for (const set of Object.keys(this.recipe.evaluate.sets)) this.text(`pack/heldout-${set}`, READING);
    for (const [role, source] of Object.entries({ teacher, reference }))
      if ("train" in source && (source.train.where !== undefined || source.train.maxTokens !== undefined))
        this.text(`pack/${role}`);
  }

  /** What analyses take depends on the text and its near-duplicates. */
  private analyses(): void {
    const { analyze, select } = this.recipe;
    if (analyze === undefined) return;
    const chosen = Object.entries(select).filter(([, { method }]) => method !== "all");
    for (const stage of ["near-duplicates", ...chosen.map(([name]) => `analyze/${name}`)])
      this.add(stage, { parts: [unknownWork("corpus analysis")], byData: true });
  }

  private roleTraining(role: (typeof ROLES)[number]): void {
    const [source, model] = [this.recipe[role], this.models.get(role)];
    if (!("train" in source) || model === undefined) return;
    const stage = `models/${role}`;
    const flops = this.compute.shared.find((work) => work.stage === stage)?.flops ?? null;
    const perStep =
      source.train.batch.instances *
      this.amounts.meanPositions(this.amounts.training(role)) *
      3 *
      forwardFlopsPerToken(model, this.recipe.pack.length);
    const steps = flops === null ? null : Math.max(1, Math.round(flops / perStep));
    this.training(stage, role, { model, train: source.train, flops, steps, byData: source.train.epochs !== undefined });
  }

  private studentTraining(student: Student, seed: number): void {
    const { name, train, distill } = student;
    const [model, work] = [this.models.get(name), this.compute.students.find((each) => each.name === name)];
    if (model === undefined || work === undefined) return;
    this.training(studentFolder(name, seed), name, {
      model,
      train,
      flops: work.flops,
      steps: work.steps,
      byData: train.epochs !== undefined,
      distill,
    });
  }

  /** Steps, and held-out losses on the way. */
  private training(
    stage: string,
    who: string,
    given: {
      model: CausalDescription;
      train: TrainingSettings;
      flops: number | null;
      steps: number | null;
      byData: boolean;
      distill?: Student["distill"];
    },
  ): void {
    const { model, train, flops, steps, distill } = given;
    const { pack, evaluate } = this.recipe;
    const { instances, microBatch = instances } = train.batch;
    const kind = this.kinds.add(`train ${who}`, {
      work: "train",
      model,
      length: pack.length,
      instances,
      microBatch: Math.min(microBatch, instances),
      recompute: train.recompute,
      documentBarrier: pack.documentBarrier,
      distill,
      teacher: distill?.from === "teacher" ? this.models.get("teacher") : undefined,
    });
    const curve = this.kinds.add(`held-out loss of ${who}`, {
      work: "score",
      model,
      length: pack.length,
      batchTokens: HELD_OUT_ROWS * lengthBucket(pack.length),
    });
    // Before the first step, every so many, and behind the last.
    const points = steps === null ? null : 1 + Math.ceil(steps / evaluate.every);
    const rows = Object.values(evaluate.sets).reduce((sum, { maxTokens }) => {
      const held = this.amounts.heldOut(maxTokens)?.instances ?? Number.POSITIVE_INFINITY;
      return sum + Math.min(held, evaluate.curveInstances ?? CURVE_INSTANCES);
    }, 0);
    const perRow = pack.length * forwardFlopsPerToken(model, pack.length);
    this.add(stage, {
      parts: [
        { kind, flops, padding: this.fill },
        { kind: curve, flops: points === null ? null : points * rows * perRow, padding: 1, unrecorded: true },
      ],
      byData: given.byData,
    });
  }

  /** A model reads instances once. */
  private reading(stage: string, name: string, data: Amount | undefined, padding: number): void {
    const role = ROLES.find((each) => each === name);
    const source = role === undefined ? undefined : this.recipe[role];
    if (source !== undefined && "endpoint" in source) {
      const remote = { requests: data?.instances ?? null, tokens: data?.tokens ?? null };
      this.add(stage, { remote, byData: true });
      return;
    }
    const model = this.models.get(name);
    if (model === undefined) {
      // A teacher of another engine (GGUF, ONNX): how fast it is cannot be told from here.
      this.add(stage, { parts: [{ kind: `score ${name}`, flops: null, padding }], byData: true });
      return;
    }
    const { pack, score } = this.recipe;
    const kind = this.kinds.add(`score ${name}`, {
      work: "score",
      model,
      length: pack.length,
      batchTokens: score.batchTokens,
    });
    const tokens = data === undefined ? null : data.tokens;
    const flops = tokens === null ? null : tokens * forwardFlopsPerToken(model, pack.length);
    // Documents of many lengths go together with those of their own.
    this.add(stage, { parts: [{ kind, flops, padding: pack.mode === "document" ? 1 : padding }], byData: true });
  }

  /** What else the teacher leaves: its likeliest tokens, and text of its own. */
  private teacherOutputs(): void {
    const { recipe, models, amounts } = this;
    const model = models.get("teacher");
    const flopsOf = (stage: string) => this.compute.shared.find((work) => work.stage === stage)?.flops ?? null;
    const { length } = recipe.pack;
    for (const [name, { promptTokens, temperature }] of Object.entries(recipe.generate)) {
      const stage = `generate/${name}`;
      if (model === undefined) continue;
      const kind = this.kinds.add(`generate ${name}`, { work: "generate", model, length, promptTokens, temperature });
      this.add(stage, { parts: [{ kind, flops: flopsOf(stage), padding: 1 }], byData: true });
    }
    for (const [stage, { selection, topK }] of storesOf(recipe)) {
      const data = amounts.selection(selection);
      if ("endpoint" in recipe.teacher) {
        const remote = { requests: data?.instances ?? null, tokens: data?.tokens ?? null };
        this.add(stage, { remote, byData: true });
        continue;
      }
      const { batchTokens } = recipe.score;
      const label = `capture top ${topK}`;
      const kind = model && this.kinds.add(label, { work: "capture", model, length, batchTokens, topK });
      this.add(stage, {
        parts: [{ kind: kind ?? label, flops: model ? flopsOf(stage) : null, padding: this.fill }],
        byData: true,
      });
    }
  }

  private allHeldOut(): Amount | undefined {
    const sets = Object.values(this.recipe.evaluate.sets).map(({ maxTokens }) => this.amounts.heldOut(maxTokens));
    if (sets.some((set) => set === undefined)) return undefined;
    const sum = (key: keyof Amount) => sets.reduce((all, set) => all + set![key], 0);
    return { instances: sum("instances"), tokens: sum("tokens"), positions: sum("positions") };
  }

  private text(stage: string, passes = 1): void {
    this.add(stage, { textBytes: passes * this.textBytes, fixedSeconds: STAGE_SECONDS, byData: true });
  }

  private add(stage: string, work: Partial<Omit<StageWork, "stage">>): void {
    this.stages.push({ stage, parts: [], textBytes: 0, fixedSeconds: 0, byData: false, remote: null, ...work });
  }
}
