import { join } from "node:path";
import { importAttributions } from "../../../attribute/import.ts";
import type { MethodOptions } from "../../../attribute/method.ts";
import { readHfConfig } from "../../../formats/hf_config.ts";
import { describeModel } from "../../../models/architecture.ts";
import type { StageContext } from "../../../progress.ts";
import { makeRationales } from "../../../rationale/rationales.ts";
import { SPLITS, type Split } from "../../../tasks/record.ts";
import { loadTokenizer } from "../../../tokenizers/tokenizer.ts";
import { localRecipe } from "../../recipe_places.ts";
import type { Json, Stage } from "../../stage.ts";
import { type RationaleInputs, taskFolder, teacherFolder } from "../inputs.ts";
import { ATTRIBUTION_KEYS, attributionOf, optionsWithout, outputsAttribution, RATIONALE_KEYS } from "../recipe.ts";
import { attributeWithModel } from "../with_models.ts";
import { judgeOf, teacherFiles, teacherReads } from "./models.ts";

/** The teacher reads every example once: what its answer depends on. */
export function attributionStage(run: RationaleInputs, name: string): Stage {
  const { recipe, files } = run;
  const { file: _files, ...settings } = recipe.attribute[name]!;
  const stage = `attribute/${name}`;
  const task = taskFolder(run, "student");
  return {
    name: stage,
    version: 1,
    settings: {
      attribute: settings as unknown as Json,
      // The outputs are the same for all attributions of the gold answers: one keeps them.
      ...(outputsAttribution(recipe) === name && { outputs: recipe.outputs as unknown as Json }),
      limits: recipe.limits,
      device: recipe.device,
      seed: recipe.seed,
      metric: run.task.metric,
    },
    reads: [task, ...teacherReads(run)],
    files: [...teacherFiles(run), ...files.attributions[name]!],
    outputs: [stage],
    run: async (context) => {
      await attribute(run, name, context);
      return {};
    },
  };
}

async function attribute(run: RationaleInputs, name: string, context: StageContext): Promise<void> {
  const { recipe, places, folder } = run;
  const given = localRecipe(recipe, places).attribute[name]!;
  const teacher = teacherFolder(run);
  const task = join(folder, taskFolder(run, "student"));
  const output = join(folder, "attribute", name);
  if (given.method === "imported") {
    const { kind } = describeModel(await readHfConfig(teacher), teacher);
    const tokenizer = await loadTokenizer(teacher);
    const maxInput = recipe.limits.input;
    await importAttributions(
      { task, folder: output, judge: judgeOf(run), maxInput, tokenizer, kind, source: name, files: given.file! },
      context,
    );
    return;
  }
  await attributeWithModel(
    {
      model: teacher,
      modelName: "path" in recipe.teacher ? recipe.teacher.path : "models/teacher",
      task,
      metric: run.task.metric,
      limits: recipe.limits,
      device: recipe.device,
      splits: SPLITS,
      method: given.method,
      options: optionsWithout(given, ATTRIBUTION_KEYS) as MethodOptions,
      target: given.target,
      predict: true,
      ...(outputsAttribution(recipe) === name && { outputs: recipe.outputs }),
      seed: recipe.seed,
      folder: output,
    },
    context,
  );
}

/** Splits that an attribution has scores of: imported ones may lack some. */
export function scoredSplits({ recipe }: RationaleInputs, name: string): Split[] {
  const { method, file } = recipe.attribute[name]!;
  return SPLITS.filter((split) => method !== "imported" || file?.[split] !== undefined);
}

/** Rationales for every split, from scores or from the data. */
export function rationaleStage(run: RationaleInputs, name: string): Stage {
  const { recipe, folder } = run;
  const given = recipe.rationales[name]!;
  const stage = `rationales/${name}`;
  const attribution = attributionOf(recipe, name);
  const task = taskFolder(run, "student");
  const { attribution: _named, ...settings } = given;
  const options = optionsWithout(given, RATIONALE_KEYS);
  return {
    name: stage,
    version: 1,
    settings: { rationale: settings as unknown as Json, seed: recipe.seed, metric: run.task.metric },
    reads: [task, ...(attribution === undefined ? [] : [`attribute/${attribution}`])],
    outputs: [stage],
    run: async (context) => {
      await makeRationales(
        {
          source: given.source,
          task: join(folder, task),
          ...(attribution !== undefined && { attributions: join(folder, "attribute", attribution) }),
          splits: attribution === undefined ? SPLITS : scoredSplits(run, attribution),
          options,
          judge: judgeOf(run),
          seed: recipe.seed,
          folder: join(folder, stage),
        },
        context,
      );
      return {};
    },
  };
}
