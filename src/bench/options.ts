import { parseArgs } from "node:util";
import { HeartcutError } from "../errors.ts";
import { DEVICE_CHOICES, type DeviceChoice } from "../runtime/device.ts";

export const USAGE = `npm run bench -- train|score --config FILE --batch B --seq S --steps N
npm run bench -- saliency --config FILE|--model FOLDER --batch B --seq S --target T --steps N
npm run bench -- generate --config FILE --batch B --seq PROMPT --target NEW --steps N
npm run bench -- tasks --model FOLDER --task-data FILE [--limit QUESTIONS] [--answers FILE] --steps N
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
  /** HellaSwag's file; most questions of it; where requests and answers go. */
  readonly taskData: string | undefined;
  readonly limit: number | undefined;
  readonly answers: string | undefined;
}

/** Options that some works only take. */
const TAKEN: Readonly<Record<string, readonly string[]>> = {
  train: ["config", "batch", "seq", "micro", "recompute", "teacher"],
  score: ["config", "batch", "seq", "top-k"],
  generate: ["config", "batch", "seq", "target"],
  saliency: ["config", "model", "batch", "seq", "target"],
  tasks: ["model", "task-data", "limit", "answers"],
};
const EVERY_WORK: readonly string[] = ["steps", "threads", "device", "precision"];

const refuse = (what: string) => new HeartcutError("HC1143", { what, fix: USAGE });

/** Reads the command line. @throws HeartcutError HC1143 for one that cannot be used, with the usage */
export function parseBenchOptions(args: readonly string[]): BenchOptions {
  const { positionals, values } = parse(args);
  const [work = ""] = positionals;
  const taken = TAKEN[work];
  if (taken === undefined || positionals.length !== 1) throw refuse(`${positionals.join(" ") || "nothing"} is no work`);
  for (const name of Object.keys(values))
    if (!taken.includes(name) && !EVERY_WORK.includes(name)) throw refuse(`--${name} has no effect on ${work}`);
  const sources = ["config", "model"].filter((name) => taken.includes(name));
  if ((values.config === undefined) === (values.model === undefined))
    throw refuse(sources.length > 1 ? "give either --config or --model" : `--${sources[0]} is missing`);
  if (taken.includes("task-data") && values["task-data"] === undefined) throw refuse("--task-data is missing");
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
    batch: count("batch", values.batch ?? "4"),
    seq: count("seq", values.seq ?? "512"),
    target: count("target", values.target ?? "8"),
    steps: count("steps", values.steps),
    threads: values.threads === undefined ? undefined : count("threads", values.threads),
    device,
    micro: values.micro === undefined ? undefined : count("micro", values.micro),
    recompute: values.recompute ?? false,
    teacher: values.teacher,
    topK: values["top-k"] === undefined ? undefined : count("top-k", values["top-k"]),
    taskData: values["task-data"],
    limit: values.limit === undefined ? undefined : count("limit", values.limit),
    answers: values.answers,
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
        batch: { type: "string" },
        seq: { type: "string" },
        target: { type: "string" },
        steps: { type: "string", default: "6" },
        threads: { type: "string" },
        device: { type: "string", default: "cpu" },
        precision: { type: "string", default: "fp32" },
        micro: { type: "string" },
        recompute: { type: "boolean" },
        teacher: { type: "string" },
        "top-k": { type: "string" },
        "task-data": { type: "string" },
        limit: { type: "string" },
        answers: { type: "string" },
      },
    });
  } catch (error) {
    throw refuse(error instanceof Error ? error.message : String(error));
  }
}
