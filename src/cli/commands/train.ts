import { basename } from "node:path";
import { HeartcutError } from "../../errors.ts";
import type { DistillationRecipe } from "../../run/recipe_schema.ts";
import { type Define, repeated, wholeNumber } from "../command.ts";
import type { JobContext, JobResult } from "../job.ts";
import { formatCount } from "../terminal.ts";

/** Options of `heartcut train`. */
export interface TrainOptions {
  settings: string;
  instances: string;
  tokenizer: string;
  out: string;
  heldOut?: string[];
  every: number;
  set?: string[];
  seed: number;
  device: string;
  documentBarrier?: boolean;
  teacher?: string;
  store?: string;
  mask?: string;
}

export const define: Define = (program, start) => {
  program
    .command("train")
    .argument(
      "<settings>",
      "YAML file with what stands under `train` in a recipe (model, tokens, batch, optimizer …) and, if wanted, `distill`",
    )
    .description("Train a new model on instances; the same command resumes")
    .requiredOption("--instances <folder>", "what `heartcut pack` made, or refined/ of a selection")
    .requiredOption("--tokenizer <folder>", "folder with tokenizer.json")
    .requiredOption("-o, --out <folder>", "becomes a Hugging Face folder")
    .option("--held-out <name=folder>", "instances to measure the loss on while training; repeatable", repeated)
    .option("--every <steps>", "steps between those measurements", wholeNumber(), 50)
    .option("--set <key=value>", "override a key of the settings; repeatable", repeated)
    .option("--teacher <folder>", "model that reads along, where the settings have `distill`")
    .option("--store <folder>", "what `heartcut capture` made over the same instances, for `distill: { from: store }`")
    .option("--mask <folder>", "token masks over the same instances")
    .option("--document-barrier", "keep the documents of an instance from seeing each other")
    .option("--seed <number>", "decides first weights and order", wholeNumber(0), 1)
    .option("--device <device>", "cpu, cuda, webgpu or auto", "auto")
    .action((settings: string, options: Omit<TrainOptions, "settings">) => start("train", { settings, ...options }));
};

/** Trains a model. @throws HeartcutError HC4203, HC4214 for a teacher that is missing or has no effect */
export async function execute(options: TrainOptions, context: JobContext): Promise<JobResult> {
  const { loadTraining } = await import("../../run/recipe.ts");
  const { distillationOf } = await import("../../run/distillation_of.ts");
  const { trainWithSettings } = await import("../../run/train_with_settings.ts");
  const { deviceChoice } = await import("../device_option.ts");
  const { localArguments } = await import("../hub_arguments.ts");
  const { seed, out } = options;
  const heldOut = (options.heldOut ?? []).map(namedFolder);
  const { instances, tokenizer, folders, teacher, store, mask } = await localArguments(context, {
    instances: ["files", options.instances],
    tokenizer: ["tokenizer", options.tokenizer],
    folders: ["files", heldOut.map(({ folder }) => folder)],
    teacher: ["model", options.teacher],
    store: ["files", options.store],
    mask: ["files", options.mask],
  });
  const { distill, ...settings } = await loadTraining(options.settings, options.set);
  const place = teacherPlace({ ...options, teacher, store }, distill);
  const summary = await trainWithSettings(
    {
      settings,
      tokenizer,
      instances,
      heldOut: heldOut.map(({ name }, i) => ({ name, folder: folders[i]! })),
      evalEvery: options.every,
      documentBarrier: options.documentBarrier === true,
      seed,
      device: deviceChoice(options.device),
      output: out,
      tokenMask: mask,
      ...(distill !== undefined && { distillation: await distillationOf(distill, place!, tokenizer) }),
    },
    { stage: "train", ...context },
  );
  return {
    text: `${out}: ${formatCount(summary.parameters)} parameters, last loss ${summary.finalLoss.toFixed(4)}`,
    data: summary,
  };
}

function namedFolder(text: string): { name: string; folder: string } {
  const equals = text.indexOf("=");
  if (equals < 0) return { name: basename(text), folder: text };
  if (equals === 0 || equals === text.length - 1) {
    throw new HeartcutError("HC4203", {
      what: "--held-out takes NAME=FOLDER",
      found: text,
      fix: "for example --held-out pool=runs/a/pack/heldout-pool",
    });
  }
  return { name: text.slice(0, equals), folder: text.slice(equals + 1) };
}

/** Where the teacher stands, as the settings want it. */
function teacherPlace({ teacher, store, settings }: TrainOptions, distill: DistillationRecipe | undefined) {
  const wanted = distill === undefined ? undefined : distill.from === "store" ? "--store" : "--teacher";
  const given = { "--teacher": teacher, "--store": store };
  for (const [option, value] of Object.entries(given))
    if ((value !== undefined) !== (option === wanted))
      throw new HeartcutError("HC4214", {
        what: value === undefined ? `${option} is missing` : `${option} has no effect`,
        where: `heartcut train ${settings}`,
        found: distill === undefined ? "settings without distill" : `distill: { from: ${distill.from} }`,
        fix:
          value === undefined
            ? `give ${option} with a folder`
            : wanted === undefined
              ? "leave it out, or write `distill` into the settings"
              : `give ${wanted} in its place`,
      });
  if (store !== undefined) return { store };
  return teacher === undefined ? undefined : { folder: teacher };
}
