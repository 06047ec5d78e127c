import { parseArgs } from "node:util";
import { HeartcutError } from "../errors.ts";
import { DEVICE_CHOICES, type DeviceChoice } from "../runtime/device.ts";

export const USAGE = `npm run bench -- train|score --config FILE --batch B --seq S --steps N
npm run bench -- saliency --config FILE|--model FOLDER --batch B --seq S --target T --steps N
npm run bench -- generate --config FILE --batch B --seq PROMPT --target NEW --steps N
all: [--threads N] [--device ${DEVICE_CHOICES.join("|")}] [--precision fp32]; train: [--micro N] [--recompute] [--teacher FILE]; score: [--top-k K]`;

/** What a bench is asked to do. */
export interface BenchOptions {
  readonly work: string;
  /** An HF config.json (random weights), or a folder with weights. */
  readonly config: string | undefined;
  readonly model: string | undefined;
  /** Sequences per step. */
  readonly batch: number;
  /** Tokens per sequence. */
  readonly seq: number;
  /** Target tokens per sequence. */
  readonly target: number;
  readonly steps: number;
  readonly threads: number | undefined;
  readonly device: DeviceChoice;
  readonly micro: number | undefined;
  readonly recompute: boolean;
  /** An HF config.json of a teacher (random weights) that reads along: vanilla KD. */
  readonly teacher: string | undefined;
  /** Likeliest tokens kept at each position: a capture instead of plain scoring. */
  readonly topK: number | undefined;
}

/** Options that some works only take. */
const TAKEN: Readonly<Record<string, readonly string[]>> = {
  train: ["config", "micro", "recompute", "teacher"],
  score: ["config", "top-k"],
  generate: ["config", "target"],
  saliency: ["config", "model", "target"],
};

const refuse = (what: string) => new HeartcutError("HC1143", { what, fix: USAGE });

/** Reads the command line. @throws HeartcutError HC1143 for one that cannot be used, with the usage */
export function parseBenchOptions(args: readonly string[]): BenchOptions {
  const { positionals, values } = parse(args);
  const [work = ""] = positionals;
  const taken = TAKEN[work];
  if (taken === undefined || positionals.length !== 1) throw refuse(`${positionals.join(" ") || "nothing"} is no work`);
  for (const name of ["config", "model", "target", "micro", "recompute", "teacher", "top-k"] as const)
    if (values[name] !== undefined && !taken.includes(name)) throw refuse(`--${name} has no effect on ${work}`);
  if ((values.config === undefined) === (values.model === undefined))
    throw refuse(taken.includes("model") ? "give either --config or --model" : "--config is missing");
  if (values.precision !== "fp32") throw refuse(`--precision ${values.precision}: expected fp32`);
  const device = DEVICE_CHOICES.find((name) => name === values.device);
  if (device === undefined) throw refuse(`--device ${values.device}: expected one of ${DEVICE_CHOICES.join(", ")}`);
  const count = (name: string, text: string): number => {
    if (!/^[1-9]\d*$/.test(text)) throw refuse(`--${name} ${text}: expected a whole number above 0`);
    return Number(text);
  };
  return {
    work,
    config: values.config,
    model: values.model,
    batch: count("batch", values.batch),
    seq: count("seq", values.seq),
    target: count("target", values.target ?? "8"),
    steps: count("steps", values.steps),
    threads: values.threads === undefined ? undefined : count("threads", values.threads),
    device,
    micro: values.micro === undefined ? undefined : count("micro", values.micro),
    recompute: values.recompute ?? false,
    teacher: values.teacher,
    topK: values["top-k"] === undefined ? undefined : count("top-k", values["top-k"]),
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        config: { type: "string" },
        model: { type: "string" },
        batch: { type: "string", default: "4" },
        seq: { type: "string", default: "512" },
        target: { type: "string" },
        steps: { type: "string", default: "6" },
        threads: { type: "string" },
        device: { type: "string", default: "cpu" },
        precision: { type: "string", default: "fp32" },
        micro: { type: "string" },
        recompute: { type: "boolean" },
        teacher: { type: "string" },
        "top-k": { type: "string" },
      },
    });
  } catch (error) {
    throw refuse(error instanceof Error ? error.message : String(error));
  }
}
