import { join } from "node:path";
import { studentModel } from "../../evaluate/evaluate.ts";
import type { Evaluation, HeldOutLoss } from "../../evaluate/record.ts";
import { readJsonFile } from "../../formats/json_file.ts";
import { publishText } from "../../formats/publish.ts";
import { RECORD_BYTES } from "../../report/run_folder.ts";
import type { SelectionSummary } from "../../select/record.ts";
import type { TrainingSummary } from "../../train/record.ts";
import { hubName, publicRecipe } from "../card_origins.ts";
import { studentLineage } from "../lineage.ts";
import { type CardResult, type ModelCard, modelCard } from "../model_card.ts";
import { ROLES } from "../recipe_schema.ts";
import type { Stage } from "../stage.ts";
import { corpusMetadata, lossSentence, studentFolder, trainingFacts } from "./models.ts";
import { corpusOrigin, modelOrigin, selectionOrigin, tokenizerOrigin } from "./origins.ts";
import { type RunInputs, readsTokenizer } from "./run_inputs.ts";

/** README.md of every student, once it is known how good they are. */
export function cardsStage(run: RunInputs, students: readonly { name: string; seed: number }[]): Stage {
  const { recipe, folder } = run;
  return {
    name: "cards",
    version: 1,
    settings: {},
    reads: [
      ...students.map(({ name, seed }) => studentFolder(name, seed)),
      ...Object.keys(recipe.select).map((name) => `select/${name}`),
      "evaluate/evaluation",
      ...readsTokenizer(run),
      ...("demo" in recipe.corpus ? ["corpus"] : []),
    ],
    files: [...run.files.corpus, ...run.files.tokenizer, ...ROLES.flatMap((role) => run.files[role])],
    outputs: students.map(({ name, seed }) => `${studentFolder(name, seed)}/README.md`),
    run: async () => {
      const evaluation = await read<Evaluation>(join(folder, "evaluate/evaluation.json"));
      for (const { name, seed } of students) {
        const card = await studentCard(run, name, seed, evaluation);
        await publishText(join(folder, studentFolder(name, seed), "README.md"), modelCard(card));
      }
      return {};
    },
  };
}

async function studentCard(run: RunInputs, name: string, seed: number, evaluation: Evaluation): Promise<ModelCard> {
  const { recipe, folder } = run;
  const student = recipe.students.find((each) => each.name === name)!;
  const summary = await read<TrainingSummary>(join(folder, studentFolder(name, seed), "training.json"));
  const selection = await read<SelectionSummary>(join(folder, "select", student.selection, "selection.json"));
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
      selectionOrigin(student.selection, selection),
      await tokenizerOrigin(run),
    ],
    losses: lossSentence(student.train),
    facts: trainingFacts(summary),
    results: heldOutResults(evaluation, studentModel(name, seed)),
    recipe: publicRecipe(recipe),
  };
}

/** Held-out losses of a model beside those of the teacher and the reference. */
function heldOutResults({ losses }: Evaluation, model: string): CardResult[] {
  return losses
    .filter((loss) => loss.model === model)
    .map((loss) => ({
      dataset: loss.set,
      split: "held out",
      metric: "loss" as const,
      name: "loss, nats per token",
      value: loss.loss,
      standardError: standardError(loss),
      interval: loss.interval,
      sample: `${loss.instances} instances, ${loss.tokens} tokens`,
      beside: ROLES.flatMap((role) => {
        const other = losses.find((each) => each.set === loss.set && each.model === role);
        return other === undefined ? [] : [{ model: role, value: other.loss }];
      }),
    }));
}

/** Of a mean over instances: their sample standard deviation over the root of their number. */
function standardError({ perInstance, loss }: HeldOutLoss): number {
  const n = perInstance.length;
  return n < 2 ? 0 : Math.sqrt(perInstance.reduce((sum, each) => sum + (each - loss) ** 2, 0) / (n - 1) / n);
}

async function read<T>(path: string): Promise<T> {
  return (await readJsonFile(path, { wholeNumbers: "rounded", limits: { jsonBytes: RECORD_BYTES } })) as unknown as T;
}
