import { InvalidArgumentError, Option } from "commander";
import { HeartcutError } from "../../errors.ts";
import type { ScalingPair } from "../../evaluate/scaling/comparisons.ts";
import type { ScalingQuery } from "../../evaluate/scaling/fit.ts";
import type { ScalingEvaluation, ScalingLawName } from "../../evaluate/scaling/record.ts";
import { type Define, wholeNumber } from "../command.ts";
import type { JobContext, JobResult } from "../job.ts";
import type { ScalingInputs } from "../scaling_inputs.ts";

/** Options of `heartcut scaling`. */
export interface ScalingOptions {
  inputs: string[];
  set?: string;
  law: ScalingLawName;
  at?: ScalingQuery[];
  from?: number;
  saved?: [string, string][];
  bootstrap: number;
  seed: number;
  out?: string;
  svg?: string;
}

export const define: Define = (program, start) => {
  program
    .command("scaling")
    .argument("<inputs...>", "CSV files, metrics.jsonl files, folders of trained students, run folders")
    .description("Fit a scaling law to held-out losses, extrapolate it, and work out the compute saved at equal loss")
    .option("--set <name>", "held-out set (default: every one)")
    .addOption(
      new Option("--law <law>", "compute: L(C) = A/C^a + E; size_and_data: L(N,D) = A/N^a + B/D^b + E")
        .choices(["compute", "size_and_data"])
        .default("compute"),
    )
    .option(
      "--at <places>",
      "where to extrapolate to, by commas: FLOPs, or PARAMETERS:TOKENS (default: ten times the compute)",
      places,
    )
    .option(
      "--from <share>",
      "use points from this share of a curve's compute on, or from these FLOPs (default: 0.05; 0 for single trainings)",
      limit,
    )
    .option("--saved <A,B>", "students to compare; repeatable (default: the two, where there are two)", pair)
    .option("--bootstrap <number>", "resamples; 0 for none", wholeNumber(0), 1000)
    .option("--seed <number>", "for the bootstrap", wholeNumber(0), 1)
    .option("-o, --out <file>", "write the result as JSON")
    .option("--svg <file>", "draw one set's points, curves and bands")
    .action((inputs: string[], options: Omit<ScalingOptions, "inputs">) => start("scaling", { inputs, ...options }));
};

/** Fits every student on every set. */
export async function execute(options: ScalingOptions, context: JobContext): Promise<JobResult> {
  const { evaluateScaling } = await import("../../evaluate/scaling/evaluate_scaling.ts");
  const { readScalingInputs } = await import("../scaling_inputs.ts");
  const { scalingText } = await import("../scaling_text.ts");
  const { publishJson } = await import("../../formats/publish.ts");
  const { law, at, from, bootstrap, seed, out, svg } = options;
  requirePlaces(law, at);
  const inputs = await readScalingInputs(options.inputs, law);
  const tableSet = options.set ?? "loss";
  const sets = setsOf(inputs, options.set);
  requireDrawable(options, inputs.tables.length > 0 ? [...new Set([...sets, tableSet])] : sets);
  const { pairs, untold } = pairsOf(inputs, comparedStudents(inputs, options.saved), sets, tableSet);
  const result = await evaluateScaling(
    {
      law,
      at,
      from,
      resamples: bootstrap,
      seed,
      students: inputs.trainings,
      sets,
      tables: inputs.tables.map(({ name, points }) => ({ student: name, set: tableSet, points })),
      pairs,
    },
    { stage: "scaling", ...context },
  );
  requireSomething(result, options.inputs, inputs.trainings.length > 0);
  if (out !== undefined) await publishJson(out, result);
  if (svg !== undefined) await draw(result, svg);
  const written = [out, svg].filter((path) => path !== undefined).map((path) => `written  ${path}`);
  return { text: [scalingText(result), ...untold, ...written].join("\n"), data: result };
}

/** The pairs on every set that both were measured on, and in sentences which of them, or that none, can be compared. */
function pairsOf(
  { trainings, tables }: ScalingInputs,
  { pairs, untold }: { pairs: [string, string][]; untold: string[] },
  sets: readonly string[],
  tableSet: string,
): { pairs: ScalingPair[]; untold: string[] } {
  const measured = (name: string, set: string) => {
    if (tables.some((table) => table.name === name)) return set === tableSet;
    return trainings
      .filter((training) => training.name === name)
      .every(({ metrics }) => metrics.some((line) => line.type === "eval" && line.set === set));
  };
  const all = [...new Set([...sets, ...(tables.length > 0 ? [tableSet] : [])])];
  const found = pairs.map(([first, second]) =>
    all
      .filter((set) => measured(first, set) && measured(second, set))
      .map((set): ScalingPair => ({ set, first, second })),
  );
  const apart = pairs.filter((_, i) => found[i]!.length === 0);
  return {
    pairs: found.flat(),
    untold: [
      ...untold,
      ...apart.map(([first, second]) => `${first} and ${second}: not compared, they were measured on no common set`),
    ],
  };
}

async function draw({ fits }: ScalingEvaluation, path: string): Promise<void> {
  const { publishText } = await import("../../formats/publish.ts");
  const { scalingSvg } = await import("../../report/charts/scaling.ts");
  await publishText(path, scalingSvg({ set: fits[0]!.set, fits }));
}

/** Names of the held-out sets of the trainings. @throws HeartcutError HC3557 for one that none has */
function setsOf({ trainings, tables }: ScalingInputs, set: string | undefined): string[] {
  const all = new Set(trainings.flatMap(({ metrics }) => metrics.flatMap((l) => (l.type === "eval" ? [l.set] : []))));
  if (set === undefined) return [...all];
  if (all.has(set)) return [set];
  if (trainings.length === 0 && tables.length > 0) return [];
  throw new HeartcutError("HC3557", {
    what: "no training was measured on this set",
    where: `--set ${set}`,
    expected: [...all].join(", ") || "trainings with held-out sets",
    fix: "give one of these, or leave --set out",
  });
}

/** Pairs that were asked for, or the only two students, or why there are none. @throws HeartcutError HC3556, HC3558 */
function comparedStudents(
  { trainings, tables }: ScalingInputs,
  saved: [string, string][] | undefined,
): { pairs: [string, string][]; untold: string[] } {
  const names = [...new Set([...trainings, ...tables].map(({ name }) => name))];
  const tokenizerOf = (name: string) => trainings.find((training) => training.name === name)?.tokenizer;
  if (saved === undefined) {
    const [first, second] = names;
    if (first === undefined || second === undefined) return { pairs: [], untold: [] };
    if (names.length > 2) return { pairs: [], untold: ["no students compared: name two with --saved A,B"] };
    if (tokenizerOf(first) === tokenizerOf(second)) return { pairs: [[first, second]], untold: [] };
    return { pairs: [], untold: [`${first} and ${second}: not compared, they read different tokens`] };
  }
  for (const [first, second] of saved) {
    const unknown = [first, second].find((name) => !names.includes(name));
    if (unknown !== undefined || first === second)
      throw new HeartcutError("HC3556", {
        what: "two students are wanted to compare",
        where: `--saved ${first},${second}`,
        found: unknown === undefined ? "one student twice" : `no student ${unknown}`,
        expected: `two of ${names.join(", ")}`,
        fix: "name two students of the inputs",
      });
    if (tokenizerOf(first) !== tokenizerOf(second))
      throw new HeartcutError("HC3558", {
        what: "the two students read different tokens",
        where: `--saved ${first},${second}`,
        why: "losses in nats per token of other tokens do not compare",
        fix: "compare students of one tokenizer",
      });
  }
  return { pairs: saved, untold: [] };
}

function requirePlaces(law: ScalingLawName, at: readonly ScalingQuery[] | undefined): void {
  const wrong = at?.find(({ flops }) => (flops !== undefined) !== (law === "compute"));
  if (wrong === undefined) return;
  throw new HeartcutError("HC3559", {
    what: "the place is not one of this law",
    where: "--at",
    found: wrong.flops === undefined ? `${wrong.parameters}:${wrong.tokens}` : `${wrong.flops}`,
    expected: law === "compute" ? "FLOPs, such as 1e21" : "PARAMETERS:TOKENS, such as 7e9:1e12",
    fix: "give such places, or another --law",
  });
}

function requireDrawable({ svg, law }: ScalingOptions, sets: readonly string[]): void {
  if (svg === undefined || (law === "compute" && sets.length === 1)) return;
  throw new HeartcutError("HC3562", {
    what: "--svg draws the law of compute on one set",
    found: law === "compute" ? `sets ${sets.join(", ") || "none"}` : `--law ${law}`,
    fix: law === "compute" ? "choose one with --set" : "leave --svg out",
  });
}

function requireSomething({ fits, skipped }: ScalingEvaluation, paths: readonly string[], trained: boolean): void {
  if (fits.length > 0) return;
  throw new HeartcutError("HC3561", {
    what: "nothing could be fitted",
    where: paths.join(", "),
    found: skipped.map(({ student, set, why }) => `${student} on ${set}: ${why}`).join("\n") || "no held-out losses",
    fix: trained
      ? "evaluate more often, or use more of each curve (--from 0)"
      : "add rows, best at other computes, or use all of them (--from 0)",
  });
}

function places(text: string): ScalingQuery[] {
  return text.split(",").map((place) => {
    const numbers = place.split(":").map((part) => (part.trim() === "" ? Number.NaN : Number(part)));
    if (numbers.length > 2 || numbers.some((value) => !(value > 0 && value < Number.POSITIVE_INFINITY)))
      throw new InvalidArgumentError("FLOPs such as 1e21 are wanted, or PARAMETERS:TOKENS such as 7e9:1e12");
    const [first, second] = numbers as [number, number?];
    return second === undefined ? { flops: first } : { parameters: first, tokens: second };
  });
}

function limit(text: string): number {
  const value = text.trim() === "" ? Number.NaN : Number(text);
  if (value >= 0 && value < Number.POSITIVE_INFINITY) return value;
  throw new InvalidArgumentError("a share below 1 or a number of FLOPs is wanted");
}

function pair(text: string, earlier: [string, string][] | undefined): [string, string][] {
  const names = text.split(",").map((name) => name.trim());
  if (names.length !== 2 || names.includes("")) throw new InvalidArgumentError("two names with a comma are wanted");
  return [...(earlier ?? []), names as [string, string]];
}
