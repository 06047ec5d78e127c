import { join } from "node:path";
import { readRationaleEvaluation } from "../../../evaluate/rationale_files.ts";
import type { RationaleEvaluation } from "../../../evaluate/rationale_record.ts";
import { readJsonFile } from "../../../formats/json_file.ts";
import { publishText } from "../../../formats/publish.ts";
import type { FineTuneSummary } from "../../../train/record.ts";
import { givenOrigin, hubName, publicRecipe } from "../../card_origins.ts";
import { type CardOrigin, type CardResult, type ModelCard, modelCard } from "../../model_card.ts";
import { referenceOf } from "../../recipe_places.ts";
import type { Stage } from "../../stage.ts";
import { studentFolder } from "../../stages/models.ts";
import { type RationaleInputs, teacherFolder } from "../inputs.ts";
import { studentLineage, teacherSentence } from "../lineage.ts";
import { EVALUATION, methodOf } from "./evaluation.ts";
import { fineTuningFacts, pipelineTagOf, startMetadata, taskOrigin, teacherFiles, teacherReads } from "./models.ts";

/** README.md of every student, once their answers are compared. */
export function cardsStage(run: RationaleInputs, students: readonly { name: string; seed: number }[]): Stage {
  const { folder } = run;
  return {
    name: "cards",
    version: 1,
    settings: {},
    reads: [
      ...students.map(({ name, seed }) => studentFolder(name, seed)),
      ...teacherReads(run),
      "evaluate/evaluation",
    ],
    files: [...run.files.task, ...teacherFiles(run)],
    outputs: students.map(({ name, seed }) => `${studentFolder(name, seed)}/README.md`),
    run: async () => {
      const evaluation = await readRationaleEvaluation(join(folder, EVALUATION));
      for (const { name, seed } of students) {
        const card = await studentCard(run, name, seed, evaluation);
        await publishText(join(folder, studentFolder(name, seed), "README.md"), modelCard(card));
      }
      return {};
    },
  };
}

async function studentCard(
  run: RationaleInputs,
  name: string,
  seed: number,
  evaluation: RationaleEvaluation,
): Promise<ModelCard> {
  const { recipe, folder } = run;
  const student = recipe.students.find((each) => each.name === name)!;
  const path = join(folder, studentFolder(name, seed), "training.json");
  const summary = (await readJsonFile(path, { wholeNumbers: "rounded" })) as unknown as FineTuneSummary;
  const start = await startMetadata(run, student.train);
  const teacher = "path" in recipe.teacher ? hubName(recipe.teacher.path) : undefined;
  return {
    lineage: studentLineage(recipe, name, seed),
    pipelineTag: pipelineTagOf(summary),
    metadata: { ...start, baseModel: start.baseModel ?? teacher, languages: "demo" in recipe.task ? ["en"] : [] },
    origins: [await teacherOrigin(run), taskOrigin(run)],
    losses: `Minimised was the cross-entropy of the target's tokens; objective: ${methodOf(student.objective).replaceAll("_", " ")}.`,
    facts: fineTuningFacts(summary),
    results: accuracyResults(evaluation, name, seed),
    recipe: publicRecipe(recipe),
  };
}

async function teacherOrigin(run: RationaleInputs): Promise<CardOrigin> {
  const { teacher } = run.recipe;
  if ("path" in teacher)
    return givenOrigin("teacher", referenceOf(run.places, teacher.path), teacherFiles(run), teacherFolder(run));
  return { role: "teacher", text: teacherSentence(run.recipe) };
}

/** Accuracy of a student on the test split, beside the teacher's. */
function accuracyResults(evaluation: RationaleEvaluation, name: string, seed: number): CardResult[] {
  const { task, students, teacher, testExamples } = evaluation;
  const one = students.find((each) => each.name === name)?.seeds.find((each) => each.seed === seed);
  if (one === undefined) return [];
  const { accuracy, interval } = one;
  return [
    {
      dataset: task,
      split: "test",
      metric: "accuracy",
      name: "accuracy",
      value: accuracy,
      standardError: Math.sqrt((accuracy * (1 - accuracy)) / testExamples),
      interval,
      sample: `${testExamples} examples`,
      beside: teacher === undefined ? [] : [{ model: "teacher", value: teacher.accuracy }],
    },
  ];
}
