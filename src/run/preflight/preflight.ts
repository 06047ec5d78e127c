import { totalmem } from "node:os";
import { normalize } from "node:path";
import { HeartcutError } from "../../errors.ts";
import type { CausalDescription } from "../../models/architecture.ts";
import type { StageContext } from "../../progress.ts";
import { type AnyRecipe, isRationaleRecipe } from "../any_recipe.ts";
import { inspectModels } from "../check_models.ts";
import { bringRecipe, localRecipe, type Places } from "../recipe_places.ts";
import type { Recipe } from "../recipe_schema.ts";
import { Amounts } from "./amounts.ts";
import { type Compute, computeFindings, computeOf } from "./compute.ts";
import { type Amount, type Corpus, measureCorpus } from "./corpus.ts";
import { type DiskUse, diskFindings, diskUse } from "./disk.ts";
import { type Finding, failure, fine, SUBJECTS, warning } from "./finding.ts";
import type { StageMemory } from "./memory.ts";
import { memoryFindings, memoryOf } from "./memory_stages.ts";
import { rationaleFindings } from "./rationale.ts";
import { taskFindings } from "./tasks.ts";
import { teacherFindings } from "./teachers.ts";
import { tokenizerFindings } from "./tokenizers.ts";

/** What a recipe will need and where it will fail, as far as that can be known before it runs: plain data. */
export interface Preflight {
  readonly recipe: string;
  readonly method: "miniplm" | "rationale";
  /** No finding is an error. */
  readonly ok: boolean;
  /** In the order of their subjects. */
  readonly findings: readonly Finding[];
  readonly corpus: CorpusSize | null;
  readonly compute: Compute | null;
  readonly memory: { readonly machine: number; readonly stages: readonly StageMemory[] } | null;
  readonly disk: { readonly free: number; readonly uses: readonly DiskUse[] } | null;
}

/** A corpus in numbers; `pool` is null where the tokenizer is trained in the run. */
export interface CorpusSize {
  readonly files: number;
  readonly fileBytes: number;
  readonly textBytes: number;
  /** false: scaled up from a sample of `sampleBytes`. */
  readonly whole: boolean;
  readonly sampleBytes: number;
  readonly pool: Amount | null;
}

/**
 * Checks all that `run` checks before its first stage and goes on where that would stop; runs nothing, writes nothing. Only a
 * server is asked something: what it is, and about two tokens. What is on the hub is looked at where it has been downloaded.
 * @param folder - where the run would write   @throws Interrupted on request; a mistake of the recipe's is a finding
 */
export async function preflight(recipe: AnyRecipe, folder: string, context: StageContext): Promise<Preflight> {
  const method = isRationaleRecipe(recipe) ? "rationale" : "miniplm";
  const found = await placesHere(recipe, context);
  if ("level" in found) return { ...concluded(recipe.name, method, [found]), ...NO_FIGURES };
  const { places, missing } = found;
  const local = localRecipe(recipe, places);
  const whole = (findings: readonly Finding[]) =>
    concluded(recipe.name, method, [
      ...missing.map(notHere),
      ...findings.filter((finding) => !missing.some((text) => isAbout(finding, text))),
    ]);
  if (isRationaleRecipe(local)) return { ...whole(await rationaleFindings(local)), ...NO_FIGURES };
  const { findings, ...figures } = await miniplmPreflight(local, folder, context);
  return { ...whole(findings), ...figures };
}

const NO_FIGURES = { corpus: null, compute: null, memory: null, disk: null };

/** Where what is named by reference lies, and what is not on this machine yet; a finding where a reference cannot be. */
async function placesHere(
  recipe: AnyRecipe,
  context: StageContext,
): Promise<{ places: Places; missing: readonly string[] } | Finding> {
  const missing = new Set<string>();
  try {
    const places = await bringRecipe(recipe, { offline: true }, context, (text) => missing.add(text));
    return { places, missing: [...missing] };
  } catch (error) {
    if (!(error instanceof HeartcutError) || error.name === "Interrupted") throw error;
    return failure("models", error);
  }
}

/** A run would download it. */
function notHere(reference: string): Finding {
  return warning("models", "HC4323", {
    what: "this is not on this machine yet, and a check fetches nothing: the run downloads it first",
    where: reference,
    why: "what depends on it is not checked",
    fix: `heartcut download ${reference} , then check again`,
  });
}

/** Whether a finding only says once more that a reference has no folder here. */
function isAbout({ where = "" }: Finding, reference: string): boolean {
  return where.includes(reference) || where.includes(normalize(reference));
}

async function miniplmPreflight(recipe: Recipe, folder: string, context: StageContext) {
  const findings: Finding[] = [];
  const { models, faults } = await inspectModels(recipe);
  findings.push(...faults.map((fault) => failure("models", fault)), ...modelFindings(recipe, models));
  findings.push(...(await tokenizerFindings(recipe, models)));
  const { corpus, found } = await sizedCorpus(recipe, context);
  findings.push(found, ...(await teacherFindings(recipe, models, corpus, context)), ...(await taskFindings(recipe)));
  const amounts = new Amounts(recipe, corpus);
  const compute = computeOf(recipe, models, amounts);
  const { stages, faults: unbuilt } = memoryOf(recipe, models);
  const machine = totalmem();
  const uses = diskUse(recipe, models, amounts, compute);
  const disk = await diskFindings(uses, folder);
  findings.push(
    ...computeFindings(recipe, compute),
    ...unbuilt,
    ...memoryFindings(recipe, stages, machine),
    ...disk.findings,
  );
  return {
    findings,
    corpus: corpus === undefined ? null : sizeOf(corpus),
    compute,
    memory: { machine, stages },
    disk: { free: disk.free, uses },
  };
}

async function sizedCorpus(
  recipe: Recipe,
  context: StageContext,
): Promise<{ corpus: Corpus | undefined; found: Finding }> {
  try {
    const corpus = await measureCorpus(recipe, context);
    return { corpus, found: corpusFinding(recipe, corpus) };
  } catch (error) {
    if (!(error instanceof HeartcutError) || error.name === "Interrupted") throw error;
    return { corpus: undefined, found: failure("corpus", error) };
  }
}

function concluded(recipe: string, method: Preflight["method"], findings: readonly Finding[]) {
  const inOrder = SUBJECTS.flatMap((subject) => findings.filter((finding) => finding.subject === subject));
  // One tokenizer that is not there is met by every model that reads it.
  const told = new Map(
    inOrder.toReversed().map((finding) => [JSON.stringify([finding.code, finding.what, finding.where]), finding]),
  );
  const once = [...told.values()].toReversed();
  return { recipe, method, ok: once.every(({ level }) => level !== "error"), findings: once };
}

function sizeOf({ files, fileBytes, textBytes, whole, sampleBytes, pool }: Corpus): CorpusSize {
  return { files, fileBytes, textBytes, whole, sampleBytes, pool: pool ?? null };
}

/** Contexts beside the instances, for models that are large enough. */
function modelFindings({ pack }: Recipe, models: ReadonlyMap<string, CausalDescription>): Finding[] {
  const contexts = [...models].map(([name, { config }]) =>
    config.maxPositions === Number.POSITIVE_INFINITY ? `${name} without limit` : `${name} ${config.maxPositions}`,
  );
  if (contexts.length === 0) return [];
  return [
    fine("models", `${contexts.length} models can be built, for instances of ${pack.length} positions`, {
      found: `contexts: ${contexts.join(", ")}`,
    }),
  ];
}

function corpusFinding(recipe: Recipe, corpus: Corpus | undefined): Finding {
  if (corpus === undefined) return fine("corpus", "the corpus is made on the spot: its tokens are known after packing");
  const { files, fileBytes, textBytes, whole, pool } = corpus;
  const text = `${(textBytes / 1e6).toPrecision(3)} MB of text in ${files} files of ${(fileBytes / 1e6).toPrecision(3)} MB${whole ? "" : ", by a sample"}`;
  if (pool === undefined)
    return fine("corpus", `${text}; the tokenizer is trained here: tokens are known after packing`);
  if (pool.instances === 0)
    return warning("corpus", "HC4322", {
      what: "no document of the sample is left to be trained on",
      found: text,
      fix: "check corpus.text and corpus.heldOutShare",
    });
  return fine(
    "corpus",
    `${text}: about ${pool.tokens.toLocaleString("en-US")} tokens in ${pool.instances.toLocaleString("en-US")} instances of ${recipe.pack.length} positions`,
  );
}
