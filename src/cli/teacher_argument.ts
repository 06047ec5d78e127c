import { type Command, Option } from "commander";
import { HeartcutError } from "../errors.ts";
import type { EndpointSpec, TeacherSpecInput } from "../teachers/spec.ts";
import { wholeNumber } from "./command.ts";
import { localArguments } from "./hub_arguments.ts";
import type { JobContext } from "./job.ts";

/** How a server is asked; without effect on other teachers. */
export interface EndpointOptions {
  modelName?: string;
  dialect?: EndpointSpec["dialect"];
  apiKeyEnv?: string;
  revision?: string;
  concurrency?: number;
  maxRequests?: number;
  maxTokens?: number;
}

// As in teachers/spec.ts, which is too much to load for a help text.
const DIALECTS: EndpointSpec["dialect"][] = ["auto", "vllm", "sglang", "openai", "llama-server"];

/** Adds the options of a server to a command that takes any teacher. */
export function withEndpointOptions(command: Command): Command {
  return command
    .option("--model-name <name>", "name that a server knows the model by (default: its only one)")
    .addOption(new Option("--dialect <dialect>", "what a server speaks (default: it is asked)").choices(DIALECTS))
    .option("--api-key-env <variable>", "environment variable with a server's key")
    .option("--revision <text>", "what you call a server's weights: other text, other scores")
    .option("--concurrency <number>", "requests on their way at once", wholeNumber())
    .option("--max-requests <number>", "stop cleanly before sending more requests", wholeNumber())
    .option("--max-tokens <number>", "stop cleanly before sending more tokens", wholeNumber());
}

/**
 * A teacher as it is named on the command line: a server's address, a .gguf or .onnx file, else a Hugging Face folder.
 * @throws HeartcutError HC4211 for options of a server beside something else
 */
function teacherArgument(text: string, options: EndpointOptions = {}): TeacherSpecInput {
  const { modelName: model, dialect, apiKeyEnv, revision, concurrency, maxRequests, maxTokens } = options;
  const given = Object.entries({ model, dialect, apiKeyEnv, revision, concurrency, maxRequests, maxTokens }).filter(
    ([, value]) => value !== undefined,
  );
  if (/^https?:\/\//i.test(text)) return { endpoint: { url: text, ...Object.fromEntries(given) } };
  if (given.length > 0)
    throw new HeartcutError("HC4211", {
      what: "options of a server have no effect on another teacher",
      where: text,
      found: given.map(([name]) => name).join(", "),
      fix: "leave them out, or name a server by its address",
    });
  if (/\.gguf$/i.test(text)) return { gguf: text };
  if (/\.onnx$/i.test(text)) return { onnx: text };
  return { path: text };
}

/** A teacher on this machine, and the tokenizer of what it is to read. */
export interface LocalTeacher {
  teacher: TeacherSpecInput;
  /** Folder of the tokenizer. */
  tokenizer: string;
  /** What records call the teacher: its name on the command line; undefined for a server, which says its own. */
  name: string | undefined;
}

/**
 * The teacher and the tokenizer that a command names, brought onto this machine where they are references.
 * @param part - "tokenizer" where the weights are not looked at
 * @throws HeartcutError HC4211, HC4212; HC16xx as localArguments
 */
export async function localTeacher(
  options: EndpointOptions & { model: string; tokenizer?: string },
  command: string,
  context: JobContext,
  part: "model" | "tokenizer" = "model",
): Promise<LocalTeacher> {
  const { model } = options;
  const spec = teacherArgument(model, options);
  const server = "endpoint" in spec;
  const given = "path" in spec || part === "model" ? model : undefined;
  const local = await localArguments(context, {
    model: ["path" in spec ? part : "files", server ? undefined : given],
    tokenizer: ["tokenizer", tokenizerArgument(spec, options.tokenizer, `heartcut ${command} ${model}`)],
  });
  return {
    teacher: local.model === undefined ? spec : teacherArgument(local.model),
    tokenizer: local.tokenizer,
    name: server ? undefined : model,
  };
}

/** Folder of the tokenizer that instances are in: given, or that of a model folder. @throws HeartcutError HC4212 without either */
function tokenizerArgument(spec: TeacherSpecInput, given: string | undefined, command: string): string {
  const folder = given ?? ("path" in spec ? spec.path : undefined);
  if (folder !== undefined) return folder;
  throw new HeartcutError("HC4212", {
    what: "the tokenizer of the instances is not known",
    where: command,
    fix: "give --tokenizer with the folder of tokenizer.json",
  });
}
