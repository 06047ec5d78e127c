import { join } from "node:path";
import type { StageContext } from "../../progress.ts";
import { joinBitsPerByte } from "../../score/bits_per_byte.ts";
import { writeExamples } from "../../score/examples.ts";
import { joinScores } from "../../score/join.ts";
import type { Budget } from "../../select/difference_sampling.ts";
import { selectInstances } from "../../select/select.ts";
import { openTeacher } from "../../teachers/open.ts";
import type { TeacherSpec } from "../../teachers/spec.ts";
import { loadTokenizer } from "../../tokenizers/tokenizer.ts";
import { ROLES } from "../recipe_schema.ts";
import { scoreWithTeacher } from "../score_with_teacher.ts";
import type { Json, Stage, StageResult } from "../stage.ts";
import { acrossTokenizers, bytesOf, type Data, inTokens, POOL } from "./data.ts";
import {
  type Role,
  type RunInputs,
  readsTokenizer,
  teacherOf,
  teacherSettings,
  tokenizerFiles,
  tokenizerFolder,
} from "./run_inputs.ts";

/** What decides the scores of a given model on given instances. */
export function scoreSettings({ recipe }: RunInputs) {
  const { reduction: _reduction, ...score } = recipe.score;
  return { ...score, documentBarrier: recipe.pack.documentBarrier };
}

/** The teacher, or the reference, reads every instance of the pool once, in its own tokens. */
export function scoreStage(run: RunInputs, role: Role): Stage {
  const name = `score/${role}`;
  const { tokenizer } = run.recipe[role];
  const data = inTokens(POOL, tokenizer);
  return {
    name,
    version: 1,
    settings: { score: scoreSettings(run), device: run.recipe.device, ...backendSettings(run, role) },
    reads: [data.stage, ...modelReads(run, role), ...readsTokenizer(run, tokenizer)],
    files: [...run.files[role], ...tokenizerFiles(run, tokenizer)],
    outputs: [name],
    run: (context) => scoreData(run, teacherOf(run, role), tokenizer, data, name, context),
  };
}

/** What decides a backend's values beside its files, as settings of a stage. */
export function backendSettings(run: RunInputs, role: Role): Record<string, Json> {
  const settings = teacherSettings(run, role);
  return settings === null ? {} : { endpoint: settings };
}

/** Scores one folder of instances with one model, as the recipe says. @param folder - where the scores go, below the run folder */
export async function scoreData(
  run: RunInputs,
  teacher: TeacherSpec,
  tokenizer: string | undefined,
  data: Data,
  folder: string,
  context: StageContext,
): Promise<StageResult> {
  const { device } = run.recipe;
  const where = { instances: join(run.folder, data.folder), folder: join(run.folder, folder) };
  const settings = { ...scoreSettings(run), device, tokenizer: tokenizerFolder(run, tokenizer) };
  const { flops } = await scoreWithTeacher({ teacher, ...where, ...settings }, context);
  return { flops };
}

/** Both models' scores become one table with the difference of each instance. */
export function joinStage(run: RunInputs): Stage {
  const { folder, recipe } = run;
  const output = join(folder, "score/scores.parquet");
  const common = { name: "score/join", version: 1, outputs: ["score/scores.parquet"] };
  if (acrossTokenizers(run)) {
    const bytes = (role: Role) => bytesOf(inTokens(POOL, recipe[role].tokenizer));
    const scored = (role: Role) => ({
      scores: join(folder, `score/${role}`),
      bytes: join(folder, bytes(role).folder),
    });
    return {
      ...common,
      settings: { unit: "bits_per_byte" },
      outputs: [...common.outputs, "score/scores.json"],
      reads: [POOL.stage, ...ROLES.flatMap((role) => [`score/${role}`, bytes(role).stage])],
      run: async (context) => {
        const [teacher, reference] = [scored("teacher"), scored("reference")];
        const instances = join(folder, POOL.folder);
        await joinBitsPerByte({ teacher, reference, instances, onMismatch: "exclude", output }, context);
        return {};
      },
    };
  }
  return {
    ...common,
    settings: { reduction: recipe.score.reduction },
    reads: ["pack/pool", "score/teacher", "score/reference"],
    run: async (context) => {
      await joinScores(
        {
          teacherFolder: join(folder, "score/teacher"),
          referenceFolder: join(folder, "score/reference"),
          instancesFolder: join(folder, "pack/pool"),
          reduction: recipe.score.reduction,
          output,
        },
        context,
      );
      return {};
    },
  };
}

/** Chooses the instances that students are trained on. */
export function selectStage(run: RunInputs, name: string): Stage {
  const { folder, recipe } = run;
  const settings = recipe.select[name]!;
  return {
    name: `select/${name}`,
    version: 1,
    settings: { select: settings, seed: recipe.seed },
    reads: ["pack/pool", "score/join", ...readsTokenizer(run)],
    files: run.files.tokenizer,
    outputs: [`select/${name}`],
    run: async (context) => {
      await selectInstances(
        {
          name,
          method: settings.method,
          budget: settings.method === "all" ? undefined : budgetOf(settings),
          perSource: settings.method === "all" ? undefined : settings.perSource,
          perplexityModel: "perplexityModel" in settings ? settings.perplexityModel : undefined,
          seed: recipe.seed,
          scores: join(folder, "score/scores.parquet"),
          instances: join(folder, "pack/pool"),
          tokenizer: await loadTokenizer(tokenizerFolder(run)),
          folder: join(folder, "select", name),
        },
        context,
      );
      return {};
    },
  };
}

/** Instances of a selection as text, with what both models make of each token. */
export function examplesStage(run: RunInputs, selection: string): Stage {
  const { folder, recipe } = run;
  const { examples } = recipe.report;
  const name = `examples/${selection}`;
  return {
    name,
    version: 1,
    settings: {
      report: { examples },
      mask: recipe.score.mask,
      documentBarrier: recipe.pack.documentBarrier,
      seed: recipe.seed,
      device: recipe.device,
      ...backendSettings(run, "teacher"),
      ...backendSettings(run, "reference"),
    } as Json,
    reads: [
      "pack/pool",
      "score/join",
      `select/${selection}`,
      ...modelReads(run, "teacher"),
      ...modelReads(run, "reference"),
      ...readsTokenizer(run),
    ],
    files: [...run.files.teacher, ...run.files.reference, ...run.files.tokenizer],
    outputs: [name],
    run: async (context) => {
      const tokenizer = await loadTokenizer(tokenizerFolder(run));
      const { device } = recipe;
      const open = (role: Role) => openTeacher(teacherOf(run, role), { device, tokenizer, stage: context });
      const teacher = await open("teacher");
      const reference = await open("reference");
      try {
        await writeExamples(
          {
            teacher,
            reference,
            tokenizer,
            instances: join(folder, "pack/pool"),
            scores: join(folder, "score/scores.parquet"),
            selection: { name: selection, file: join(folder, "select", selection, "selection.parquet") },
            output: join(folder, name, "examples.jsonl"),
            count: examples,
            mask: recipe.score.mask,
            ids: { eosId: tokenizer.specials.eos, padId: tokenizer.specials.pad },
            documentBarrier: recipe.pack.documentBarrier,
            seed: recipe.seed,
          },
          context,
        );
        return {};
      } finally {
        await teacher.dispose();
        await reference.dispose();
      }
    },
  };
}

/** The stage that trains the teacher or the reference, where the run has one. */
export function modelReads({ recipe }: RunInputs, role: Role): string[] {
  return "train" in recipe[role] ? [`models/${role}`] : [];
}

/** The one budget a recipe gives; the recipe's check has refused two. */
export function budgetOf({
  ratio,
  tokens,
  threshold,
}: {
  ratio?: number | undefined;
  tokens?: number | undefined;
  threshold?: number | undefined;
}): Budget | undefined {
  if (ratio !== undefined) return { ratio };
  if (tokens !== undefined) return { tokens };
  return threshold === undefined ? undefined : { threshold };
}
