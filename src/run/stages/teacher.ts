import { join } from "node:path";
import { captureTeacher } from "../../capture/capture.ts";
import { generateInstances } from "../../capture/sequences.ts";
import { loadModel } from "../../models/load.ts";
import { lossMask } from "../../models/loss_mask.ts";
import { writeTokenMask } from "../../select/token_mask.ts";
import { describeModelFolder, fingerprintOf } from "../../teachers/fingerprint.ts";
import { loadTokenizer } from "../../tokenizers/tokenizer.ts";
import type { DistillationRecipe, Recipe } from "../recipe_schema.ts";
import { withTeacher } from "../score_with_teacher.ts";
import type { Stage } from "../stage.ts";
import { POOL, studentData } from "./data.ts";
import { modelFolder, type RunInputs, readsTokenizer, teacherName, teacherOf, tokenizerFolder } from "./run_inputs.ts";
import { backendSettings, modelReads } from "./scoring.ts";

/** Tokens that a store keeps at each position where the recipe does not say. */
export const STORED_TOP_K = 64;

/** Folder and stage of the teacher's outputs on a selection; undefined where the teacher reads along. */
export function storeFolder(selection: string, { from, topK = STORED_TOP_K }: DistillationRecipe): string | undefined {
  return from === "store" ? `capture/${selection}-top${topK}` : undefined;
}

/** Folder and stage of a token mask over the instances of a selection. */
export function maskFolder(mask: string, selection: string): string {
  return `masks/${mask}-${selection}`;
}

/** The stores of a recipe by folder: one for each selection and k, whatever students read it. */
export function storesOf({ students }: Pick<Recipe, "students">): Map<string, { selection: string; topK: number }> {
  return new Map(
    students.flatMap(({ selection, distill }) => {
      const folder = distill && storeFolder(selection, distill);
      return folder === undefined ? [] : [[folder, { selection, topK: distill!.topK ?? STORED_TOP_K }] as const];
    }),
  );
}

/** Captures the teacher on each selection that a student learns its outputs on: once for all students of that selection. */
export function captureStages(run: RunInputs): Stage[] {
  return [...storesOf(run.recipe)].map(([name, { selection, topK }]) => captureStage(run, name, selection, topK));
}

function captureStage(run: RunInputs, name: string, selection: string, topK: number): Stage {
  const { recipe, folder } = run;
  const { documentBarrier } = recipe.pack;
  const { batchTokens } = recipe.score;
  const data = studentData(run, selection);
  return {
    name,
    version: 1,
    settings: { topK, batchTokens, documentBarrier, device: recipe.device, ...backendSettings(run, "teacher") },
    reads: [data.stage, ...modelReads(run, "teacher"), ...readsTokenizer(run)],
    files: [...run.files.teacher, ...run.files.tokenizer],
    outputs: [name],
    run: async (context) => {
      const opened = {
        teacher: teacherOf(run, "teacher"),
        name: teacherName(run, "teacher"),
        tokenizer: tokenizerFolder(run),
        device: recipe.device,
        batchTokens,
      };
      return withTeacher(opened, context, async (teacher, tokenizer) => {
        const { positions, instances } = await captureTeacher(
          {
            teacher,
            tokenizer: tokenizer.fingerprint,
            instances: join(folder, data.folder),
            folder: join(folder, name),
            topK,
            batchTokens,
            ...(documentBarrier && { barrier: tokenizer.specials.eos }),
          },
          context,
        );
        return { flops: positions * (teacher.flopsPerToken?.(Math.round(positions / instances)) ?? 0) };
      });
    },
  };
}

/** Lets the teacher write text from beginnings of the pool: sequence-level distillation. Source: Kim & Rush 2016, arXiv:1606.07947. */
export function generateStages(run: RunInputs): Stage[] {
  const { recipe, folder } = run;
  return Object.entries(recipe.generate).map(([each, settings]) => {
    const { promptTokens, count, ...sampling } = settings;
    const name = studentData(run, each).stage;
    return {
      name,
      version: 1,
      settings: { generate: settings, seed: recipe.seed, device: recipe.device },
      reads: [POOL.stage, ...modelReads(run, "teacher"), ...readsTokenizer(run)],
      files: [...run.files.teacher, ...run.files.tokenizer],
      outputs: [name],
      run: async (context) => {
        const tokenizer = await loadTokenizer(tokenizerFolder(run));
        const source = modelFolder(run, "teacher")!;
        const model = await loadModel(source, { device: recipe.device });
        try {
          const { tokens } = await generateInstances(
            {
              ...sampling,
              model,
              teacher: {
                name: teacherName(run, "teacher")!,
                fingerprint: fingerprintOf([await describeModelFolder(source)]),
              },
              tokenizer,
              prompts: { instances: join(folder, POOL.folder), promptTokens, count },
              folder: join(folder, name),
              length: Math.min(recipe.pack.length + 1, model.description.config.maxPositions),
              // Instances are as full as packed ones.
              afterEos: "next",
              seed: recipe.seed,
            },
            context,
          );
          return { flops: tokens * model.flopsPerToken(recipe.pack.length) };
        } finally {
          await model.dispose();
        }
      },
    };
  });
}

/** Marks the tokens of selections that students are to learn, by the difference of each token's scores. */
export function maskStages(run: RunInputs): Stage[] {
  const { recipe, folder } = run;
  const wanted = new Map<string, { mask: string; selection: string }>();
  for (const { mask, selection } of recipe.students)
    if (mask !== undefined) wanted.set(maskFolder(mask, selection), { mask, selection });
  return [...wanted].map(([name, { mask, selection }]) => {
    const data = studentData(run, selection);
    const settings = recipe.masks[mask]!;
    return {
      name,
      version: 1,
      settings: { mask: settings, scored: recipe.score.mask },
      reads: ["score/teacher", "score/reference", data.stage, ...readsTokenizer(run)],
      files: run.files.tokenizer,
      outputs: [name],
      run: async (context) => {
        const { eos, pad } = (await loadTokenizer(tokenizerFolder(run))).specials;
        await writeTokenMask(
          {
            teacher: join(folder, "score/teacher"),
            reference: join(folder, "score/reference"),
            instances: join(folder, data.folder),
            selection: join(folder, "select", selection, "selection.parquet"),
            scored: (tokens) => lossMask(tokens, recipe.score.mask, { eosId: eos, padId: pad }),
            ...settings,
            folder: join(folder, name),
          },
          context,
        );
        return {};
      },
    };
  });
}
