import { type Command, Option } from "commander";
import { HeartcutError } from "../errors.ts";
import type { EndpointSpec, TeacherSpecInput } from "../teachers/spec.ts";
import { wholeNumber } from "./command.ts";

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
export function teacherArgument(text: string, options: EndpointOptions = {}): TeacherSpecInput {
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

/** Folder of the tokenizer that instances are in: given, or that of a model folder. @throws HeartcutError HC4212 without either */
export function tokenizerArgument(spec: TeacherSpecInput, given: string | undefined, command: string): string {
  const folder = given ?? ("path" in spec ? spec.path : undefined);
  if (folder !== undefined) return folder;
  throw new HeartcutError("HC4212", {
    what: "the tokenizer of the instances is not known",
    where: command,
    fix: "give --tokenizer with the folder of tokenizer.json",
  });
}
