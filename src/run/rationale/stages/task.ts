import { createHash } from "node:crypto";
import { join } from "node:path";
import { rationaleTaskTokenizer } from "../../../demo/rationale_task/tokenizer.ts";
import { makeRationaleTask } from "../../../demo/rationale_task.ts";
import { publishJson } from "../../../formats/publish.ts";
import { readExamples, readTaskSummary } from "../../../tasks/files.ts";
import { prepareTask, publishTask } from "../../../tasks/prepare.ts";
import { limited } from "../../../tasks/splits.ts";
import { trainByteLevelBpe } from "../../../tokenizers/train.ts";
import { localRecipe } from "../../recipe_places.ts";
import type { Json, Stage } from "../../stage.ts";
import { type RationaleInputs, taskFolder } from "../inputs.ts";

/** Special tokens of a tokenizer trained here: the end of a text, which comes first, and padding. */
const SPECIALS = ["</s>", "<pad>"];

/** The task as text: read from its files, or made here. */
export function taskStage(run: RationaleInputs): Stage {
  const { recipe, task, files } = run;
  const settings = localRecipe(recipe, run.places).task;
  if ("demo" in settings) return demoStage(run, "teacher");
  const { studentExamples: _fewer, ...rest } = settings;
  const { train, validation, test, limit } = rest;
  const folder = join(run.folder, "task");
  return {
    name: "task",
    version: 1,
    settings: { task: { ...rest, ...pathless(rest) } as unknown as Json, seed: recipe.seed },
    reads: [],
    files: files.task,
    outputs: ["task"],
    run: async (context) => {
      await prepareTask({ task, folder, train, validation, test, limit, seed: recipe.seed }, context);
      return {};
    },
  };
}

/** The same task with the students' own training examples, where they differ from the teacher's. */
export function studentTaskStages(run: RationaleInputs): Stage[] {
  const { recipe, task } = run;
  if ("demo" in recipe.task) return [demoStage(run, "train")];
  const { studentExamples } = recipe.task;
  if (studentExamples === undefined) return [];
  const name = taskFolder(run, "student");
  return [
    {
      name,
      version: 1,
      settings: { studentExamples, seed: recipe.seed },
      reads: ["task"],
      outputs: [name],
      run: async (context) => {
        const whole = join(run.folder, "task");
        const { fingerprint, settings } = await readTaskSummary(whole);
        const splits = {
          train: limited(await readExamples(whole, "train"), studentExamples, recipe.seed, "train"),
          validation: await readExamples(whole, "validation"),
          test: await readExamples(whole, "test"),
        };
        const fewer = { ...settings, student_examples: studentExamples };
        const folder = join(run.folder, name);
        await publishTask({ task, folder, splits, fingerprint: hash([fingerprint, fewer]), settings: fewer }, context);
        return {};
      },
    },
  ];
}

/** Makes the demonstration task with the training examples of the teacher, or of the students. */
function demoStage(run: RationaleInputs, part: "teacher" | "train"): Stage {
  const { recipe, task } = run;
  const { demo } = recipe.task as Extract<typeof recipe.task, { demo: object }>;
  const name = taskFolder(run, part === "teacher" ? "teacher" : "student");
  // What a part holds does not depend on the sizes of the others, but the students' must not repeat the teacher's.
  const settings = { seed: recipe.seed, ...demo };
  return {
    name,
    version: 1,
    settings: { demo, part, seed: recipe.seed },
    reads: [],
    outputs: [name],
    run: async (context) => {
      const { validation, test, [part]: train } = makeRationaleTask(settings);
      const fingerprint = hash([settings, part]);
      await publishTask(
        { task, folder: join(run.folder, name), splits: { train, validation, test }, fingerprint, settings },
        context,
      );
      return {};
    },
  };
}

const hash = (value: unknown) => createHash("sha256").update(JSON.stringify(value)).digest("hex");

/** Trains the tokenizer on inputs and answers of the training split, where none is brought along. */
export function tokenizerStages({ recipe, folder }: RationaleInputs): Stage[] {
  const { tokenizer } = recipe;
  if (tokenizer === undefined || "path" in tokenizer) return [];
  if ("demo" in tokenizer) return [demoTokenizerStage(folder)];
  const { vocabSize, minFrequency } = tokenizer.train;
  return [
    {
      name: "tokenizer",
      version: 1,
      settings: { tokenizer: tokenizer.train, limits: recipe.limits },
      reads: ["task"],
      outputs: ["tokenizer"],
      run: async (context) => {
        await trainByteLevelBpe(
          texts(join(folder, "task")),
          {
            vocabSize,
            minFrequency,
            modelMaxLength: recipe.limits.input,
            specialTokens: SPECIALS,
            padToken: "<pad>",
            folder: join(folder, "tokenizer"),
          },
          context,
        );
        return {};
      },
    },
  ];
}

/** Writes the demonstration task's word-level tokenizer. */
function demoTokenizerStage(folder: string): Stage {
  return {
    name: "tokenizer",
    version: 1,
    settings: { tokenizer: { demo: {} } },
    reads: [],
    outputs: ["tokenizer"],
    run: async () => {
      const { tokenizer, config } = rationaleTaskTokenizer();
      await publishJson(join(folder, "tokenizer", "tokenizer_config.json"), config);
      await publishJson(join(folder, "tokenizer", "tokenizer.json"), tokenizer);
      return {};
    },
  };
}

/** What models read and write, prefixes of the two tasks included. */
async function* texts(folder: string): AsyncGenerator<string> {
  for (const { input, target, rationales } of await readExamples(folder, "train")) {
    yield `predict: ${input}`;
    yield `explain: ${input}`;
    yield target;
    if (rationales.llm !== undefined) yield rationales.llm.text;
  }
}

/** Files count by their content, not by where they lie. */
function pathless(settings: object): Record<string, null> {
  return Object.fromEntries(
    ["train", "validation", "test"].flatMap((key) => (hasPaths(settings, key) ? [[key, null]] : [])),
  );
}

function hasPaths(settings: object, key: string): boolean {
  const value = (settings as Record<string, unknown>)[key];
  return typeof value === "string" || Array.isArray(value);
}
