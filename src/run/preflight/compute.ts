import { type CausalDescription, forwardFlopsPerToken } from "../../models/architecture.ts";
import { meanPositionFlops, positionFlops } from "../../train/distillation/flops.ts";
import { nearestSteps } from "../../train/plan.ts";
import { type Recipe, ROLES, type TrainingSettings } from "../recipe_schema.ts";
import type { Role } from "../stages/run_inputs.ts";
import { storeFolder, storesOf } from "../stages/teacher.ts";
import type { Amounts } from "./amounts.ts";
import type { Amount } from "./corpus.ts";
import { type Finding, fine, warning } from "./finding.ts";

/** Work that is done once for all students. FLOPs are null where they are known after packing only, or not at all. */
export interface SharedWork {
  readonly stage: string;
  readonly flops: number | null;
  /** Students that need it. */
  readonly students: readonly string[];
}

/** What one training of a student takes; null where it is known after packing only. */
export interface StudentWork {
  readonly name: string;
  readonly trainings: number;
  readonly parameters: number;
  /** For each label position of the data on average, a teacher that reads along and text of its own included. */
  readonly flopsPerPosition: number;
  readonly steps: number | null;
  readonly positions: number | null;
  readonly flops: number | null;
  /** Share of these FLOPs that a teacher beside it takes. */
  readonly besideShare: number;
  /** Its part of the work that is done once, where that is divided evenly among the trainings that need it. */
  readonly sharedFlops: number | null;
  /** Steps in which it would take as many FLOPs as the baseline; and those with both students' parts of the shared work. */
  readonly equalSteps: number | null;
  readonly equalStepsWithShared: number | null;
}

/** FLOPs of a recipe. */
export interface Compute {
  readonly shared: readonly SharedWork[];
  /** Student that `equalSteps` refer to. */
  readonly baseline: string;
  readonly students: readonly StudentWork[];
}

type Models = ReadonlyMap<string, CausalDescription>;
type Student = Recipe["students"][number];

/** Counts what teacher, reference and students will compute; students with a fault in their config are left out. */
export function computeOf(recipe: Recipe, models: Models, amounts: Amounts): Compute {
  const shared = sharedWork(recipe, models, amounts);
  const own = new Map<string, ReturnType<typeof trainingOf>>();
  const known = recipe.students.filter(({ name }) => models.has(name));
  const take = (student: Student) => own.set(student.name, trainingOf(student, models, amounts, recipe, own));
  // Those that are held to another's FLOPs come behind it, as in a run.
  for (const student of known.filter(({ train }) => train.flopsOf === undefined)) take(student);
  for (const student of known.filter(({ train }) => train.flopsOf !== undefined)) take(student);
  const baseline = recipe.evaluate.baseline ?? recipe.students[0]!.name;
  const base = own.get(baseline);
  const partOf = (name: string) => sharedPart(recipe, shared, name);
  const equal = (flops: number | null | undefined, perStep: number) =>
    flops === null || flops === undefined ? null : flops <= 0 ? 0 : nearestSteps(flops / perStep);
  const students = known.map(({ name, seeds }): StudentWork => {
    const { perStep, ...work } = own.get(name)!;
    const [mine, theirs] = [partOf(name), partOf(baseline)];
    const total = base?.flops == null || mine === null || theirs === null ? null : base.flops + theirs - mine;
    return {
      name,
      trainings: seeds.length,
      ...work,
      sharedFlops: mine,
      equalSteps: equal(base?.flops, perStep),
      equalStepsWithShared: equal(total, perStep),
    };
  });
  return { shared, baseline, students };
}

/** What the figures say beside themselves. */
export function computeFindings(recipe: Recipe, { shared, students, baseline }: Compute): Finding[] {
  const findings = [];
  const flops = shared.map((work) => work.flops);
  if (flops.every((each) => each !== null) && shared.length > 0) {
    const total = flops.reduce((sum, each) => sum + each!, 0);
    const trainings = students.reduce((sum, student) => sum + student.trainings, 0);
    findings.push(
      fine(
        "compute",
        `teacher and reference take ${scientific(total)} FLOPs once, for ${trainings} trainings of students`,
      ),
    );
  } else if (shared.length > 0)
    findings.push(fine("compute", "what teacher and reference take once is known after packing"));
  const byName = new Map(students.map((student) => [student.name, student]));
  for (const { name, flops: own, equalSteps } of students) {
    const given = recipe.students.find((student) => student.name === name)!;
    const against = given.baseline ?? recipe.evaluate.baseline;
    const base = byName.get(against ?? baseline);
    if (against === undefined || base === undefined || base.name === name || own === null || base.flops === null)
      continue;
    if (Math.abs(own / base.flops - 1) <= UNEQUAL) continue;
    findings.push(
      warning("compute", "HC4331", {
        what: `student ${name} is compared with ${base.name}, and takes ${(own / base.flops).toPrecision(3)} times its FLOPs`,
        where: `students (${name}): train`,
        found: `${scientific(own)} FLOPs`,
        expected: `about ${scientific(base.flops)}${base.name === baseline && equalSteps !== null ? `, reached in ${equalSteps} steps` : ""}`,
        fix: `set train.flopsOf: ${base.name}, if they are to be equal`,
      }),
    );
  }
  return findings;
}

/** Differences up to this share are rounding to whole steps. */
const UNEQUAL = 0.05;

const scientific = (n: number) => n.toExponential(2).replace("e+", "e");

/** Length and cost of one training of a student. */
function trainingOf(
  { name, selection, tokenizer, train, distill }: Student,
  models: Models,
  amounts: Amounts,
  { pack }: Recipe,
  others: ReadonlyMap<string, { flops: number | null }>,
) {
  const model = models.get(name)!;
  const teacher = distill?.from === "teacher" ? models.get("teacher") : undefined;
  const cost = positionFlops(model, pack.length, distill, teacher);
  const perPosition = meanPositionFlops(cost, distill);
  const alone = meanPositionFlops(positionFlops(model, pack.length, distill), distill);
  const { flopsOf, ...settings } = train;
  const budget = flopsOf === undefined ? train.flops : others.get(flopsOf)?.flops;
  const length = lengthOf(
    { ...settings, flops: budget ?? undefined },
    perPosition,
    amounts.selection(selection, tokenizer),
    amounts,
  );
  return {
    parameters: model.parameterCount,
    flopsPerPosition: perPosition,
    besideShare: 1 - alone / perPosition,
    perStep: perPosition * length.perStep,
    steps: length.steps,
    positions: length.steps === null ? null : Math.round(length.steps * length.perStep),
    flops: length.steps === null ? null : length.steps * length.perStep * perPosition,
  };
}

/** Steps of a training and label positions of each. */
function lengthOf(train: TrainingSettings, perPosition: number, data: Amount | undefined, amounts: Amounts) {
  const perStep = train.batch.instances * amounts.meanPositions(data);
  if (train.flops !== undefined) return { perStep, steps: nearestSteps(train.flops / (perPosition * perStep)) };
  const positions =
    train.tokens ?? (train.epochs === undefined || data === undefined ? undefined : train.epochs * data.positions);
  const steps = train.steps ?? (positions === undefined ? null : Math.ceil(positions / perStep));
  return { perStep, steps };
}

/** Training of teacher and reference, scoring, capture and writing, as the run plans them. */
function sharedWork(recipe: Recipe, models: Models, amounts: Amounts): SharedWork[] {
  const { pack, students } = recipe;
  const work: SharedWork[] = [];
  const add = (
    stage: string,
    role: Role,
    times: number,
    positions: number | undefined | null,
    users: (student: Student) => boolean,
  ) => {
    const model = models.get(role);
    const flops =
      model === undefined || positions == null ? null : times * positions * forwardFlopsPerToken(model, pack.length);
    work.push({ stage, flops, students: students.filter(users).map(({ name }) => name) });
  };
  for (const role of ROLES) {
    const source = recipe[role];
    if ("train" in source) {
      const data = amounts.training(role);
      const model = models.get(role);
      const perPosition = model === undefined ? Number.NaN : 3 * forwardFlopsPerToken(model, pack.length);
      const { steps, perStep } = lengthOf(source.train, perPosition, data, amounts);
      add(`models/${role}`, role, 3, steps === null ? null : steps * perStep, (student) =>
        needs(recipe, student, role),
      );
    }
  }
  for (const role of ROLES)
    add(`score/${role}`, role, 1, amounts.pool(recipe[role].tokenizer)?.tokens, (student) =>
      ranksBy(recipe, student, role),
    );
  for (const name of Object.keys(recipe.generate))
    add(`generate/${name}`, "teacher", 1, amounts.selection(name)?.tokens, ({ selection }) => selection === name);
  for (const [stage, { selection }] of storesOf(recipe))
    add(stage, "teacher", 1, amounts.selection(selection)?.positions, (student) => storeOf(student) === stage);
  return work;
}

const storeOf = ({ selection, distill }: Student) => distill && storeFolder(selection, distill);

/** Whether a student's data is chosen, or its tokens are masked, by the scores of a role. */
function ranksBy({ select }: Recipe, { selection, mask }: Student, role: Role): boolean {
  const settings = select[selection];
  if (mask !== undefined || settings?.method === "difference") return true;
  return settings !== undefined && "perplexityModel" in settings && settings.perplexityModel === role;
}

/** Whether a student owes anything to a role: a ranking, text, or what is learned of its distributions. */
function needs(recipe: Recipe, student: Student, role: Role): boolean {
  const taught = student.distill !== undefined || student.selection in recipe.generate;
  return ranksBy(recipe, student, role) || (role === "teacher" && taught);
}

/** A training's part of what is done once. */
function sharedPart({ students }: Recipe, shared: readonly SharedWork[], name: string): number | null {
  const trainings = new Map(students.map((student) => [student.name, student.seeds.length]));
  let total = 0;
  for (const { flops, students: users } of shared) {
    if (!users.includes(name)) continue;
    if (flops === null) return null;
    total += flops / users.reduce((sum, user) => sum + trainings.get(user)!, 0);
  }
  return total;
}
