import { join } from "node:path";
import { evaluateRun } from "../../evaluate/evaluate.ts";
import { writeReport } from "../../report/write.ts";
import type { TeacherSpec } from "../../teachers/spec.ts";
import { ROLES } from "../recipe_schema.ts";
import type { InputFile, Json, Stage, StageResult } from "../stage.ts";
import { bytesOf, heldOutData, inTokens } from "./data.ts";
import { studentFolder, studentOf } from "./models.ts";
import { type Role, type RunInputs, readsTokenizer, teacherOf, tokenizerFiles } from "./run_inputs.ts";
import { backendSettings, modelReads, scoreData, scoreSettings } from "./scoring.ts";

/** One student reads every held-out set, in its own tokens. */
export function heldOutStage(run: RunInputs, name: string, seed: number): Stage {
  const student = studentFolder(name, seed);
  return readHeldOut(run, {
    name: heldOutFolder(name, seed),
    teacher: { path: join(run.folder, student) },
    tokenizer: studentOf(run, name).tokenizer,
    reads: [student],
    files: [],
    settings: {},
  });
}

/** The teacher, or the reference, reads every held-out set: what the students' losses are seen beside. */
export function roleHeldOutStage(run: RunInputs, role: Role): Stage {
  return readHeldOut(run, {
    name: `evaluate/${role}`,
    teacher: teacherOf(run, role),
    tokenizer: run.recipe[role].tokenizer,
    reads: modelReads(run, role),
    files: run.files[role],
    settings: backendSettings(run, role),
  });
}

/** A model on the held-out sets. */
interface Reading {
  /** Of the stage, and its folder. */
  name: string;
  teacher: TeacherSpec;
  tokenizer: string | undefined;
  /** Stages and files that the model comes from. */
  reads: string[];
  files: readonly InputFile[];
  settings: Record<string, Json>;
}

function readHeldOut(run: RunInputs, { name, teacher, tokenizer, reads, files, settings }: Reading): Stage {
  const { recipe } = run;
  const sets = Object.keys(recipe.evaluate.sets).map((set) => ({ set, data: inTokens(heldOutData(set), tokenizer) }));
  return {
    name,
    version: 1,
    settings: { score: scoreSettings(run), device: recipe.device, ...settings },
    reads: [...reads, ...sets.map(({ data }) => data.stage), ...readsTokenizer(run, tokenizer)],
    files: [...files, ...tokenizerFiles(run, tokenizer)],
    outputs: [name],
    run: async (context): Promise<StageResult> => {
      let flops = 0;
      for (const { set, data } of sets)
        flops += (await scoreData(run, teacher, tokenizer, data, `${name}/${set}`, context)).flops ?? 0;
      return { flops };
    },
  };
}

/** Held-out losses of all models with intervals, and the students' comparison in pairs. */
export function evaluationStage(run: RunInputs, students: readonly { name: string; seed: number }[]): Stage {
  const { recipe, folder } = run;
  const { baseline, sets } = recipe.evaluate;
  const names = Object.keys(sets);
  const perSet = (path: (set: string) => string) =>
    Object.fromEntries(names.map((set) => [set, join(folder, path(set))]));
  const read = (tokenizer: string | undefined) => ({
    instances: perSet((set) => inTokens(heldOutData(set), tokenizer).folder),
    bytes: perSet((set) => bytesOf(inTokens(heldOutData(set), tokenizer)).folder),
  });
  const tokenizers = [
    ...recipe.students.map(({ tokenizer }) => tokenizer),
    ...ROLES.map((role) => recipe[role].tokenizer),
  ];
  const data = names.flatMap((set) =>
    [...new Set(tokenizers)].map((tokenizer) => inTokens(heldOutData(set), tokenizer)),
  );
  const baselines = Object.fromEntries(recipe.students.map((student) => [student.name, student.baseline]));
  return {
    name: "evaluate/evaluation",
    version: 3,
    settings: { evaluate: { ...(baseline !== undefined && { baseline }), baselines }, seed: recipe.seed },
    reads: [
      ...students.map(({ name, seed }) => heldOutFolder(name, seed)),
      ...ROLES.map((role) => `evaluate/${role}`),
      ...students.map(({ name, seed }) => studentFolder(name, seed)),
      ...data.flatMap((each) => [each.stage, bytesOf(each).stage]),
    ],
    outputs: ["evaluate/evaluation.json"],
    run: async (context) => {
      await evaluateRun(
        {
          students: students.map(({ name, seed }) => ({
            name,
            seed,
            scores: perSet((set) => `${heldOutFolder(name, seed)}/${set}`),
            ...read(studentOf(run, name).tokenizer),
            baseline: studentOf(run, name).baseline,
            metrics: join(folder, studentFolder(name, seed), "metrics.jsonl"),
          })),
          others: ROLES.map((role) => ({
            model: role,
            scores: perSet((set) => `evaluate/${role}/${set}`),
            ...read(recipe[role].tokenizer),
          })),
          sets: perSet((set) => heldOutData(set).folder),
          baseline,
          seed: recipe.seed,
          output: join(folder, "evaluate/evaluation.json"),
        },
        context,
      );
      return {};
    },
  };
}

/** The report over everything before it, which it reads from the run folder. */
export function reportStage({ folder }: { readonly folder: string }, reads: readonly string[]): Stage {
  return {
    name: "report",
    version: 1,
    settings: {},
    reads,
    outputs: ["report.html", "report.json"],
    run: async () => {
      await writeReport(folder);
      return {};
    },
  };
}

function heldOutFolder(name: string, seed: number): string {
  return `evaluate/${name}-seed${seed}`;
}
