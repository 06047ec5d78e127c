import { z } from "zod";
import { HeartcutError } from "../errors.ts";

const count = z.int().positive();
const contextLength = count
  .optional()
  .describe("Tokens the teacher may read at once; without it, what the teacher itself says");

const folderTeacher = z
  .strictObject({ path: z.string().min(1).describe("Hugging Face folder: config.json and safetensors") })
  .describe("A model run in this process");

const ggufTeacher = z
  .strictObject({
    gguf: z.string().min(1).describe("GGUF file, read by llama.cpp (package node-llama-cpp)"),
    contextLength,
  })
  .describe("A GGUF file");

const onnxTeacher = z
  .strictObject({
    onnx: z.string().min(1).describe("ONNX file of a decoder: input_ids, attention_mask, position_ids → logits"),
    contextLength,
  })
  .describe("A model exported to ONNX elsewhere");

/** How a server is asked; auto finds out. */
export const DIALECT_CHOICES = ["auto", "vllm", "sglang", "openai", "llama-server"] as const;

const endpoint = z.strictObject({
  url: z
    .string()
    .refine(isPlainUrl, "must be an http(s) URL without user, password or query: keys come from apiKeyEnv")
    .describe("Address of the server, with or without /v1"),
  model: z.string().min(1).optional().describe("Name the server knows the model by; its only one without it"),
  dialect: z.enum(DIALECT_CHOICES).default("auto").describe("What the server speaks; auto asks it"),
  apiKeyEnv: z
    .string()
    .regex(/^[A-Za-z_][A-Za-z0-9_]*$/)
    .optional()
    .describe("Environment variable that holds the API key"),
  revision: z
    .string()
    .min(1)
    .optional()
    .describe(
      "What you call the weights behind that name: change it when they change, so that no old answer is reused",
    ),
  vocabSize: count.optional().describe("Ids of the teacher's vocabulary; without it, those of the tokenizer"),
  contextLength,
  concurrency: count.max(1024).default(16).describe("Requests on their way at once"),
  timeoutSeconds: z.number().positive().default(120).describe("Time of one request, answer included"),
  maxRetries: z
    .int()
    .min(0)
    .max(20)
    .default(7)
    .describe("Tries after the first where trouble may pass (network, 408, 429, 5xx)"),
  maxRequests: count.optional().describe("Stop cleanly before sending more requests than this"),
  maxTokens: count.optional().describe("Stop cleanly before sending more tokens than this"),
  checkIds: z
    .boolean()
    .default(true)
    .describe("Refuse a server whose answers do not show which ids they are about; false compares counts alone"),
});

const endpointTeacher = z.strictObject({ endpoint }).describe("A server that gives prompt log-probabilities");

/** Any teacher, as a recipe names it: by the one key that says what it is. */
export const teacherSpec = z.union([folderTeacher, ggufTeacher, endpointTeacher, onnxTeacher]);

/** A teacher with its defaults filled in. */
export type TeacherSpec = z.output<typeof teacherSpec>;
/** A teacher as it is written down. */
export type TeacherSpecInput = z.input<typeof teacherSpec>;
export type EndpointSpec = z.output<typeof endpoint>;

const KINDS = { path: folderTeacher, gguf: ggufTeacher, endpoint: endpointTeacher, onnx: onnxTeacher };

/** Checks a spec and fills in its defaults. @throws HeartcutError HC3301 naming the key that is wrong */
export function parseTeacherSpec(spec: TeacherSpecInput): TeacherSpec {
  const kinds = Object.keys(KINDS).filter((key) => Object.hasOwn(spec, key)) as (keyof typeof KINDS)[];
  const [kind] = kinds;
  if (kind === undefined || kinds.length > 1)
    throw new HeartcutError("HC3301", {
      what: "a teacher is named by exactly one key",
      found: kinds.length === 0 ? "none" : kinds.join(" and "),
      expected: `one of ${Object.keys(KINDS).join(", ")}`,
      fix: "write teacher: { path: FOLDER }, or one of the others",
    });
  const parsed = KINDS[kind].safeParse(spec);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new HeartcutError("HC3301", {
    what: "the teacher cannot be read",
    where: ["teacher", ...issue!.path].join("."),
    found: issue!.message,
    fix: "correct that key; docs/teachers.md lists them",
  });
}

/** Secrets in an address would travel into recipes, names and logs. */
function isPlainUrl(text: string): boolean {
  try {
    const url = new URL(text);
    return /^https?:$/.test(url.protocol) && !url.username && !url.password && !url.search && !url.hash;
  } catch {
    return false;
  }
}
