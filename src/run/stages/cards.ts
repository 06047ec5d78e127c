import { join } from "node:path";
import { readSequencesSummary } from "../../capture/sequences_files.ts";
import { studentModel } from "../../evaluate/evaluate.ts";
import type { Evaluation, HeldOutLoss } from "../../evaluate/record.ts";
import { type ModelTasks, mainMetricOf } from "../../evaluate/tasks/record.ts";
import { readModelTasks } from "../../evaluate/tasks/results_files.ts";
import { readJsonFile } from "../../formats/json_file.ts";
import { publishText } from "../../formats/publish.ts";
import { RECORD_BYTES } from "../../report/run_folder.ts";
import type { SelectionSummary } from "../../select/record.ts";
import type { TrainingSummary } from "../../train/record.ts";
import { hubName, publicRecipe } from "../card_origins.ts";
import { studentLineage } from "../lineage.ts";
import { type CardOrigin, type CardResult, type ModelCard, modelCard } from "../model_card.ts";
import { type Recipe, ROLES } from "../recipe_schema.ts";
import type { Stage } from "../stage.ts";
import { lossInWords } from "../student_plan.ts";
import { studentData } from "./data.ts";
import { corpusMetadata, lossSentence, studentFolder, studentOf, trainingFacts } from "./models.ts";
import {
  corpusOrigin,
  maskOrigin,
  modelOrigin,
  selectionOrigin,
  teacherTextOrigin,
  tokenizerOrigin,
} from "./origins.ts";
import { type Role, type RunInputs, readsTokenizer, tokenizerFiles } from "./run_inputs.ts";
import { rolesAsked, tasksFolder } from "./tasks.ts";

/** README.md of every student, once it is known how good they are. */
export function cardsStage(run: RunInputs, students: readonly { name: string; seed: number }[]): Stage {
  const { recipe, folder } = run;
  const data = recipe.students.map(({ selection }) => studentData(run, selection).stage);
  const tokenizers = [...new Set([undefined, ...recipe.students.map(({ tokenizer }) => tokenizer)])];
  return {
    name: "cards",
    version: 2,
    settings: {},
    reads: [
      ...students.map(({ name, seed }) => studentFolder(name, seed)),
      ...new Set(data),
      "evaluate/evaluation",
      ...taskAnswers(run, students),
      ...tokenizers.flatMap((name) => readsTokenizer(run, name)),
      ...("demo" in recipe.corpus ? ["corpus"] : []),
    ],
    files: [
      ...run.files.corpus,
      ...tokenizers.flatMap((name) => tokenizerFiles(run, name)),
      ...ROLES.flatMap((role) => run.files[role]),
    ],
    outputs: students.map(({ name, seed }) => `${studentFolder(name, seed)}/README.md`),
    run: async () => {
      const evaluation = await read<Evaluation>(join(folder, "evaluate/evaluation.json"));
      const roles = await roleTasks(run);
      for (const { name, seed } of students) {
        const card = await studentCard(run, name, seed, evaluation, roles);
        await publishText(join(folder, studentFolder(name, seed), "README.md"), modelCard(card));
      }
      return {};
    },
  };
}

async function studentCard(
  run: RunInputs,
  name: string,
  seed: number,
  evaluation: Evaluation,
  roles: readonly ModelTasks[],
): Promise<ModelCard> {
  const { recipe, folder } = run;
  const student = studentOf(run, name);
  const summary = await read<TrainingSummary>(join(folder, studentFolder(name, seed), "training.json"));
  return {
    lineage: studentLineage(recipe, name, seed),
    pipelineTag: "text-generation",
    metadata: {
      ...corpusMetadata(recipe),
      baseModel: "path" in recipe.teacher ? hubName(recipe.teacher.path) : undefined,
    },
    origins: [
      await modelOrigin(run, "teacher"),
      await modelOrigin(run, "reference"),
      await corpusOrigin(run),
      await textOrigin(run, student),
      ...(student.mask === undefined ? [] : [maskOrigin(student.mask, recipe.masks[student.mask]!)]),
      await tokenizerOrigin(run, student.tokenizer),
    ],
    losses: studentLoss(student),
    facts: trainingFacts(summary),
    results: [
      ...heldOutResults(
        evaluation,
        studentModel(name, seed),
        ROLES.filter((role) => recipe[role].tokenizer === student.tokenizer),
      ),
      ...(recipe.evaluate.tasks === undefined ? [] : await taskResults(run, studentModel(name, seed), roles)),
    ],
    recipe: publicRecipe(recipe),
  };
}

/** Stages whose answers to tasks the cards tell of. */
function taskAnswers(run: RunInputs, students: readonly { name: string; seed: number }[]): string[] {
  if (run.recipe.evaluate.tasks === undefined) return [];
  return [...students.map(({ name, seed }) => studentModel(name, seed)), ...rolesAsked(run)].map(tasksFolder);
}

/** What teacher and reference did on the tasks: the same for every card. */
async function roleTasks(run: RunInputs): Promise<ModelTasks[]> {
  if (run.recipe.evaluate.tasks === undefined) return [];
  return Promise.all(
    rolesAsked(run).map(async (role) => ({
      model: role,
      tasks: (await readModelTasks(join(run.folder, tasksFolder(role)))).tasks,
    })),
  );
}

/** Shares of right answers of a student beside those of teacher and reference; a task of which only a part was asked has no result. */
async function taskResults(run: RunInputs, model: string, roles: readonly ModelTasks[]): Promise<CardResult[]> {
  const { tasks } = await readModelTasks(join(run.folder, tasksFolder(model)));
  return tasks.flatMap((outcome): CardResult[] => {
    const { task, main, items, of, fewshot } = outcome;
    const metric = mainMetricOf(outcome);
    if (items < of || metric.stderr === null || !main.startsWith("acc")) return [];
    const { value, stderr } = metric;
    return [
      {
        dataset: task,
        split: "as asked",
        metric: "accuracy",
        name: `${main}, ${fewshot === 0 ? "zero-shot" : `${fewshot} worked examples`}`,
        value,
        standardError: stderr,
        interval: [value - 1.96 * stderr, value + 1.96 * stderr],
        sample: `${items} questions`,
        beside: roles.flatMap(({ model, tasks }) => {
          const other = tasks.find((each) => each.task === task);
          return other === undefined ? [] : [{ model, value: mainMetricOf(other).value }];
        }),
      },
    ];
  });
}

type Student = Recipe["students"][number];

/** What it was trained on: kept of the corpus, or written by the teacher. */
async function textOrigin({ recipe, folder }: RunInputs, { selection }: Student): Promise<CardOrigin> {
  if (selection in recipe.generate)
    return teacherTextOrigin(selection, await readSequencesSummary(join(folder, "generate", selection)));
  return selectionOrigin(selection, await read<SelectionSummary>(join(folder, "select", selection, "selection.json")));
}

/** What a student minimised: the plain loss, or what else. */
function studentLoss(student: Student): string {
  if (student.distill === undefined && student.mask === undefined) return lossSentence(student.train);
  const { lossNormalization } = student.train;
  return `Minimised was ${lossInWords(student)}. Every token ${lossNormalization === "token" ? "of a batch weighs the same" : "weighs the same within its instance, and every instance of a batch the same"}.`;
}

/**
 * Held-out losses of a model beside those of the teacher and the reference.
 * @param sameTokens - which of them read the same tokens: nats per token compare with no others
 */
function heldOutResults({ losses }: Evaluation, model: string, sameTokens: readonly Role[]): CardResult[] {
  return losses
    .filter((loss) => loss.model === model)
    .flatMap((loss) => {
      const roles = ROLES.flatMap((role) => {
        const other = losses.find((each) => each.set === loss.set && each.model === role);
        return other === undefined ? [] : [{ model: role, other }];
      });
      const common = { dataset: loss.set, split: "held out", metric: "loss" as const };
      const { bitsPerByte } = loss;
      return [
        {
          ...common,
          name: "loss, nats per token",
          value: loss.loss,
          standardError: standardError(loss),
          interval: loss.interval,
          sample: `${loss.instances} instances, ${loss.tokens} tokens`,
          beside: roles.flatMap(({ model, other }) =>
            sameTokens.includes(model) ? [{ model, value: other.loss }] : [],
          ),
        },
        ...(bitsPerByte === undefined
          ? []
          : [
              {
                ...common,
                name: "bits per byte",
                value: bitsPerByte.loss,
                standardError: standardErrorOf(bitsPerByte.interval),
                interval: bitsPerByte.interval,
                sample: `${loss.instances} instances, ${bitsPerByte.bytes} bytes`,
                beside: roles.flatMap(({ model, other }) =>
                  other.bitsPerByte === undefined ? [] : [{ model, value: other.bitsPerByte.loss }],
                ),
              },
            ]),
      ];
    });
}

/** Of a ratio of sums, from its 95 % bootstrap interval: 1.96 standard errors on each side. */
function standardErrorOf([low, high]: readonly [number, number]): number {
  return (high - low) / (2 * 1.96);
}

/** Of a mean over instances: their sample standard deviation over the root of their number. */
function standardError({ perInstance, loss }: HeldOutLoss): number {
  const n = perInstance.length;
  return n < 2 ? 0 : Math.sqrt(perInstance.reduce((sum, each) => sum + (each - loss) ** 2, 0) / (n - 1) / n);
}

async function read<T>(path: string): Promise<T> {
  return (await readJsonFile(path, { wholeNumbers: "rounded", limits: { jsonBytes: RECORD_BYTES } })) as unknown as T;
}
