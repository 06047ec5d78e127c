import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { analyzeSelection } from "../../analyze/analyze.ts";
import { publishedNearDuplicates } from "../../analyze/duplicate_files.ts";
import type { SelectionAnalysis } from "../../analyze/record.ts";
import { selectionTable } from "../../analyze/tables.ts";
import { closest } from "../../did_you_mean.ts";
import { HeartcutError, printable } from "../../errors.ts";
import { type OpenEmbedder, openEmbedder } from "../../run/embedder.ts";
import { loadTokenizer } from "../../tokenizers/tokenizer.ts";
import { deviceChoice } from "../device_option.ts";
import { holds } from "../holds.ts";
import { localArguments } from "../hub_arguments.ts";
import type { JobContext, JobResult } from "../job.ts";
import { writingBelow } from "./output.ts";

/** Options of `heartcut analyze run`. */
export interface SelectionsOptions {
  run: string;
  /** Default: where the report of the run looks. */
  out?: string;
  selection?: string[];
  tokenizer?: string;
  model?: string;
  device?: string;
  draws?: number;
  sampleTokens?: number;
  sampleInstances?: number;
  threshold?: number;
  shingle?: number;
  permutations?: number;
  seed: number;
}

/** Name of the near-duplicates' folder beside those of the selections. */
const DUPLICATES = "duplicates";
/** Subcommands of `heartcut analyze`: a mistyped one comes here as the folder of a run. */
const KINDS = ["run", "scorers", "labels"];

/** Analyses the selections of a run, one after the other; near-duplicates are looked for once. */
export async function analyzeSelections(options: SelectionsOptions, context: JobContext): Promise<JobResult> {
  const names = await selectionsOf(options);
  const out = options.out ?? join(options.run, "analyze");
  return writingBelow(out, [DUPLICATES, ...names], () => analyzeInto(out, names, options, context));
}

async function analyzeInto(
  out: string,
  names: readonly string[],
  options: SelectionsOptions,
  context: JobContext,
): Promise<JobResult> {
  const { run, threshold, shingle, permutations, draws, sampleTokens, sampleInstances, seed } = options;
  const { tokenizer: given, model } = await localArguments(context, {
    tokenizer: ["tokenizer", options.tokenizer],
    model: ["model", options.model],
  });
  const tokenizer = await loadTokenizer(given ?? (await tokenizerOf(run)));
  const instances = join(run, "pack/pool");
  const stage = { stage: "analyze", ...context };
  const duplicates = await publishedNearDuplicates(
    { instances, folder: join(out, DUPLICATES), threshold, shingle, permutations, seed },
    stage,
  );
  const { embedder, dispose } = await embedderOf(model, options.device);
  try {
    const analyses: SelectionAnalysis[] = [];
    for (const name of names)
      analyses.push(
        await analyzeSelection(
          {
            name,
            instances,
            selection: join(run, "select", name, "selection.parquet"),
            tokenizer,
            duplicates,
            folder: join(out, name),
            embedder,
            draws,
            sampleTokens,
            sampleInstances,
            seed,
          },
          { ...stage, stage: `analyze ${name}` },
        ),
      );
    const tables = analyses.map((analysis) => selectionTable(analysis, duplicates.summary));
    return { text: printable(tables.join("\n\n")), data: { analyses, duplicates: duplicates.summary } };
  } finally {
    await dispose();
  }
}

/** The selections to analyse. @throws HeartcutError HC3630 for no folder or one without selections, HC3631 for names it does not have */
async function selectionsOf({ run, selection }: SelectionsOptions): Promise<string[]> {
  if (!(await holds(run, "."))) {
    const kind = closest(run, KINDS);
    throw new HeartcutError("HC3630", {
      what: "there is no such run, and no such kind of analysis",
      where: run,
      expected: `the folder of a run, or a kind: ${KINDS.join(", ")}`,
      fix: kind === undefined ? "see `heartcut analyze --help`" : `did you mean \`heartcut analyze ${kind}\`?`,
    });
  }
  const folder = join(run, "select");
  const found = (await holds(run, "select")) ? (await readdir(folder)).sort() : [];
  const marks = await Promise.all(found.map((name) => holds(join(folder, name), "selection.json")));
  const names = found.filter((_, at) => marks[at]);
  if (names.length === 0)
    throw new HeartcutError("HC3630", {
      what: "this run has no selection yet",
      where: run,
      expected: "folders in select/ that hold selection.json",
      fix: "give the folder of a run that has come to its selections",
    });
  const unknown = selection?.find((name) => !names.includes(name));
  if (unknown !== undefined)
    throw new HeartcutError("HC3631", {
      what: "the run has no selection of this name",
      where: `--selection ${unknown}`,
      expected: names.join(", "),
    });
  const clash = (selection ?? names).find((name) => name === DUPLICATES);
  if (clash !== undefined)
    throw new HeartcutError("HC3632", {
      what: `a selection cannot be called ${DUPLICATES} here: the near-duplicates' folder is`,
      where: run,
      fix: "name the other selections with --selection",
    });
  return selection ?? names;
}

/** @throws HeartcutError HC3633 where the run took its tokenizer from elsewhere */
async function tokenizerOf(run: string): Promise<string> {
  if (await holds(run, "tokenizer")) return join(run, "tokenizer");
  throw new HeartcutError("HC3633", {
    what: "this run did not train its tokenizer",
    where: run,
    fix: "name the recipe's tokenizer with --tokenizer",
  });
}

/** @throws HeartcutError HC3634 for a device without a model; as openEmbedder */
async function embedderOf(folder: string | undefined, device: string | undefined): Promise<OpenEmbedder> {
  if (folder === undefined && device !== undefined)
    throw new HeartcutError("HC3634", { what: "--device has no effect without --model", fix: "leave it out" });
  return openEmbedder(folder, deviceChoice(device ?? "auto"));
}
