import { join } from "node:path";
import { openSafetensors } from "../../formats/safetensors.ts";
import type { CausalDescription } from "../../models/architecture.ts";
import { readWeights } from "../../models/weights.ts";
import type { StageContext } from "../../progress.ts";
import { openTeacher } from "../../teachers/open.ts";
import type { Teacher } from "../../teachers/record.ts";
import type { TeacherSpec } from "../../teachers/spec.ts";
import { loadTokenizer, type Tokenizer } from "../../tokenizers/tokenizer.ts";
import { tokenizerSource } from "../check_models.ts";
import { type Recipe, ROLES } from "../recipe_schema.ts";
import type { Role } from "../stages/run_inputs.ts";
import type { Corpus } from "./corpus.ts";
import { type Finding, fine, orFailure, warning } from "./finding.ts";

/** A server that does not answer at once is one that the run would wait for: here it is told. */
const PATIENCE_SECONDS = 20;

/**
 * Looks at every teacher and reference that is brought along: the weights of a folder by their headers; GGUF and ONNX files and
 * servers are opened (a server is asked about two tokens).
 */
export async function teacherFindings(
  recipe: Recipe,
  models: ReadonlyMap<string, CausalDescription>,
  corpus: Corpus | undefined,
  context: StageContext,
): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const role of ROLES) {
    const source = recipe[role];
    if ("train" in source) continue;
    findings.push(
      ...(await orFailure("teachers", () =>
        "path" in source ? weights(role, source.path, models.get(role)) : backend(recipe, role, corpus, context),
      )),
    );
  }
  return findings;
}

/** Whether the tensors of a folder are those of its config, by name and shape. */
async function weights(role: Role, folder: string, model: CausalDescription | undefined): Promise<Finding[]> {
  // A config that cannot be read has been told already.
  if (model === undefined) return [];
  const reader = await openSafetensors(folder);
  try {
    // Names and shapes alone are looked at: no value is read.
    const headers = { ...reader, tensors: reader.tensors, readFloat32: async () => new Float32Array(0) };
    await readWeights(model, headers, folder);
  } finally {
    await reader.close();
  }
  const millions = (model.parameterCount / 1e6).toPrecision(4);
  return [
    fine(
      "teachers",
      `the ${role} has all weights of its config: ${model.config.modelType}, ${Number(millions)} million parameters`,
      {
        where: join(folder, "config.json"),
      },
    ),
  ];
}

/** A teacher that other software stands behind. @throws HeartcutError HC33xx where it cannot be used */
async function backend(
  recipe: Recipe,
  role: Role,
  corpus: Corpus | undefined,
  context: StageContext,
): Promise<Finding[]> {
  const { tokenizer: name, ...spec } = recipe[role] as Extract<Recipe[Role], { gguf: string } | { endpoint: object }>;
  const source = tokenizerSource(recipe, name);
  const tokenizer = "path" in source ? await loadTokenizer(source.path) : undefined;
  const teacher = await openTeacher(patient(spec as TeacherSpec), {
    device: recipe.device,
    tokenizer,
    stage: context,
  });
  try {
    return [
      fine("teachers", `the ${role} answers with log-probabilities of a prompt`, {
        where: teacher.name,
        found: abilities(teacher),
      }),
      ...(tokenizer === undefined ? [untrained(role, name, teacher)] : vocabulary(role, tokenizer, teacher)),
      ...lengths(recipe, role, teacher),
      ...likeliest(recipe, role, teacher),
      ...budget(recipe, role, corpus),
    ];
  } finally {
    await teacher.dispose();
  }
}

/** A check does not wait for a server as long as a run does. */
function patient(spec: TeacherSpec): TeacherSpec {
  if (!("endpoint" in spec)) return spec;
  const timeoutSeconds = Math.min(spec.endpoint.timeoutSeconds, PATIENCE_SECONDS);
  return { endpoint: { ...spec.endpoint, timeoutSeconds, maxRetries: Math.min(spec.endpoint.maxRetries, 1) } };
}

function abilities({ vocabSize, maxTokens, topLogProbs }: Teacher): string {
  const top = topLogProbs === undefined ? "no likeliest tokens beside them" : "likeliest tokens beside them (top-k)";
  return `${vocabSize} ids, sequences of up to ${maxTokens} tokens, ${top}`;
}

function untrained(role: Role, name: string | undefined, teacher: Teacher): Finding {
  const key = name === undefined ? "tokenizer" : `tokenizers.${name}`;
  return warning("teachers", "HC4312", {
    what: `the ${role} was made elsewhere, and the tokenizer of what it reads is only trained here`,
    where: teacher.name,
    expected: "the tokenizer that the model was made for",
    why: "the run stops at scoring, unless the training gives that very tokenizer again",
    fix: `set ${key}: { path: FOLDER } with the tokenizer.json of the model`,
  });
}

function vocabulary(role: Role, { vocabSize }: Tokenizer, teacher: Teacher): Finding[] {
  if (teacher.vocabSize >= vocabSize) return [];
  return [
    {
      level: "error",
      subject: "teachers",
      code: "HC3302",
      what: `the ${role} has fewer ids than the tokenizer`,
      where: teacher.name,
      found: String(teacher.vocabSize),
      expected: `at least ${vocabSize}`,
      fix: `bring the tokenizer of this ${role}`,
    },
  ];
}

/** An instance of L label positions has L + 1 tokens. */
function lengths(recipe: Recipe, role: Role, { name, maxTokens }: Teacher): Finding[] {
  const wanted = recipe.pack.length + 1;
  if (maxTokens >= wanted) return [];
  return [
    {
      level: "error",
      subject: "teachers",
      code: "HC3303",
      what: `the ${role} cannot read a whole instance`,
      where: name,
      found: `sequences of up to ${maxTokens} tokens`,
      expected: `at least ${wanted}: pack.length and one more`,
      fix: `lower pack.length to ${maxTokens - 1}, or give it a longer context`,
    },
  ];
}

function likeliest({ students }: Recipe, role: Role, { name, topLogProbs }: Teacher): Finding[] {
  const readers = students.filter(({ distill }) => distill?.from === "store").map((student) => student.name);
  if (role !== "teacher" || topLogProbs !== undefined || readers.length === 0) return [];
  return [
    {
      level: "error",
      subject: "teachers",
      code: "HC3401",
      what: "the teacher does not say which tokens are likeliest",
      where: name,
      found: "log-probabilities of the tokens sent only",
      expected: `top-k lists, for students that learn from stored outputs: ${readers.join(", ")}`,
      fix: "bring a teacher that gives them, or leave out distill: a selection needs the log-probabilities only",
    },
  ];
}

/** What a whole pass takes, beside what the recipe allows to be sent. */
function budget(recipe: Recipe, role: Role, corpus: Corpus | undefined): Finding[] {
  const source = recipe[role];
  if (!("endpoint" in source) || corpus?.pool === undefined) return [];
  const { maxRequests, maxTokens } = source.endpoint;
  const { instances, tokens } = corpus.pool;
  const over = [
    ...(maxRequests !== undefined && maxRequests < instances
      ? [`maxRequests ${maxRequests} of about ${instances}`]
      : []),
    ...(maxTokens !== undefined && maxTokens < tokens ? [`maxTokens ${maxTokens} of about ${tokens}`] : []),
  ];
  if (over.length === 0) return [];
  return [
    warning("teachers", "HC4321", {
      what: `the budget of the ${role} does not last for the whole corpus`,
      where: `${role}.endpoint`,
      found: over.join(", "),
      why: "the run stops there; the same command goes on with a new budget",
      fix: "raise it, or set pack.maxTokens",
    }),
  ];
}
