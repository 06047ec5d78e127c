import { readFile } from "node:fs/promises";
import { parse } from "yaml";
import { z } from "zod";
import { HeartcutError } from "../../errors.ts";
import { type HfConfigJson, type JsonValue, parseHfConfig } from "../../formats/hf_config.ts";
import { describeCausalModel, forwardFlopsPerToken } from "../../models/architecture.ts";
import type { Rate, WorkName } from "./kinds.ts";

const positive = z.number().positive();
/** Effective speed of one kind of work: FLOPs as heartcut counts them, or tokens of a model that was measured. */
const speed = z.union([
  z.strictObject({ gflops: positive }),
  z.strictObject({
    tokensPerSecond: positive,
    length: z.int().min(2),
    model: z.record(z.string(), z.json()),
  }),
]);
const schema = z.strictObject({
  name: z.string().min(1),
  /** Where the figures come from. */
  source: z.string().min(1),
  train: speed,
  score: speed,
  capture: speed.optional(),
  generate: speed.optional(),
  /** Times are given ± this share. */
  spread: z.number().min(0).lt(1).default(0.25),
  memoryGB: positive,
  diskGB: positive,
  pricePerHour: positive.optional(),
  currency: z.string().min(1).max(8).optional(),
});

/** A machine that is described and not measured. */
export interface Hardware {
  readonly name: string;
  readonly source: string;
  /** Effective FLOPs in a second; undefined where the file says nothing of a kind of work. */
  readonly flopsPerSecond: Readonly<Record<WorkName, number | undefined>>;
  readonly spread: number;
  readonly memoryBytes: number;
  readonly diskBytes: number;
  readonly pricePerHour: number | undefined;
  readonly currency: string | undefined;
}

/**
 * Reads the description of a machine (docs/compute.md has the format).
 * @throws HeartcutError HC4350 for a file that cannot be read or a key that is wrong; HC1101, HC1102 for a measured model that cannot be built
 */
export async function readHardware(file: string): Promise<Hardware> {
  const refuse = (found: string, where = file, cause?: unknown) =>
    new HeartcutError(
      "HC4350",
      {
        what: "this description of a machine cannot be used",
        where,
        found,
        expected: "name, source, train, score, memoryGB, diskGB; and capture, generate, spread, pricePerHour, currency",
        fix: "see recipes/hardware/ for examples and docs/compute.md for the format",
      },
      { cause },
    );
  let tree: unknown;
  try {
    tree = parse(await readFile(file, "utf8"));
  } catch (cause) {
    throw refuse((cause as Error).message, file, cause);
  }
  const parsed = schema.safeParse(tree);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw refuse(issue!.message, issue!.path.length === 0 ? file : `${file}: ${issue!.path.join(".")}`);
  }
  const { name, source, spread, memoryGB, diskGB, pricePerHour, currency, ...speeds } = parsed.data;
  const of = (work: WorkName) => speeds[work] && effective(speeds[work], work, `${file}: ${work}.model`);
  return {
    name,
    source,
    flopsPerSecond: { train: of("train"), score: of("score"), capture: of("capture"), generate: of("generate") },
    spread,
    memoryBytes: memoryGB * 1e9,
    diskBytes: diskGB * 1e9,
    pricePerHour,
    currency,
  };
}

function effective(given: z.output<typeof speed>, work: WorkName, where: string): number {
  if ("gflops" in given) return given.gflops * 1e9;
  const description = describeCausalModel(parseHfConfig(given.model as HfConfigJson as JsonValue, where), where);
  const passes = work === "train" ? 3 : 1;
  return given.tokensPerSecond * passes * forwardFlopsPerToken(description, given.length);
}

/** The rate that a machine is said to have, for a kind of work; undefined where nothing is said of it. */
export function describedRate(
  { flopsPerSecond, spread }: Hardware,
  label: string,
  work: WorkName,
  flopsPerPlace: number,
): Rate | undefined {
  const median = flopsPerSecond[work];
  if (median === undefined) return undefined;
  return {
    label,
    work,
    flopsPerSecond: { median, low: median * (1 - spread), high: median * (1 + spread) },
    tokensPerSecond: median / flopsPerPlace,
    startSeconds: 0,
    batches: null,
    residentBytes: null,
  };
}
