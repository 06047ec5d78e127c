import { join } from "node:path";
import { packCorpus } from "../../corpus/pack.ts";
import { type DocumentStream, type Filter, readDocuments } from "../../corpus/read.ts";
import { makeDemoCorpus } from "../../demo/corpus.ts";
import { loadTokenizer } from "../../tokenizers/tokenizer.ts";
import { trainByteLevelBpe } from "../../tokenizers/train.ts";
import type { Recipe } from "../recipe_schema.ts";
import type { Json, Stage } from "../stage.ts";
import { type Role, type RunInputs, readsTokenizer, tokenizerFolder } from "./run_inputs.ts";

type TokenizerSettings = Extract<Recipe["tokenizer"], { train: unknown }>["train"];

/** Makes the demonstration corpus, where the recipe asks for one. */
export function corpusStages(run: RunInputs): Stage[] {
  const { corpus, seed } = run.recipe;
  if (!("demo" in corpus)) return [];
  const { megabytes } = corpus.demo;
  const folder = join(run.folder, "corpus");
  return [
    {
      name: "corpus",
      version: 1,
      settings: { demo: { megabytes }, seed },
      reads: [],
      files: run.files.packages,
      outputs: ["corpus"],
      run: async (context) => {
        await makeDemoCorpus({ folder, seed, megabytes }, context);
        return {};
      },
    },
  ];
}

/** Trains the tokenizers on the corpus, those that are not brought along. */
export function tokenizerStages(run: RunInputs): Stage[] {
  const { tokenizer, tokenizers } = run.recipe;
  const named = Object.entries(tokenizers).map(([name, source]) => ({ name, source }));
  return [{ name: undefined, source: tokenizer }, ...named].flatMap(({ name, source }) =>
    "train" in source ? [tokenizerStage(run, name, source.train)] : [],
  );
}

function tokenizerStage(run: RunInputs, name: string | undefined, settings: TokenizerSettings): Stage {
  const { vocabSize, minFrequency, where, maxBytes } = settings;
  const { pack } = run.recipe;
  const filter = trainingFilter(run, where);
  const [stage] = readsTokenizer(run, name);
  return {
    name: stage!,
    version: 1,
    settings: { tokenizer: settings, pack: { length: pack.length }, filter: filter as unknown as Json },
    reads: readsCorpus(run),
    files: run.files.corpus,
    outputs: [stage!],
    run: async (context) => {
      const documents = readDocuments(run.corpus, filter);
      const options = {
        vocabSize,
        minFrequency,
        modelMaxLength: pack.length,
        folder: tokenizerFolder(run, name),
        emptyRows: () => documents.counts.empty,
      };
      await trainByteLevelBpe(texts(documents, maxBytes ?? Number.POSITIVE_INFINITY), options, context);
      return {};
    },
  };
}

/** Packs the pool: the documents that are scored and selected from. */
export function packPool(run: RunInputs): Stage {
  return packStage(run, "pack/pool", trainingFilter(run), run.recipe.pack.maxTokens);
}

/** Packs a held-out set: documents no model is trained on. */
export function packHeldOut(run: RunInputs, set: string): Stage {
  const { where, maxTokens } = run.recipe.evaluate.sets[set]!;
  return packStage(run, `pack/heldout-${set}`, { ...trainingFilter(run, where), split: "heldout" }, maxTokens);
}

/** Packs what the teacher or the reference is trained on, where that is not the whole pool. */
export function packForModel(run: RunInputs, role: Role): Stage[] {
  const source = run.recipe[role];
  if (!("train" in source) || trainingData(run, role) === "pack/pool") return [];
  const { where, maxTokens } = source.train;
  return [packStage(run, `pack/${role}`, trainingFilter(run, where), maxTokens)];
}

/** Name of the stage that packs what the teacher or the reference is trained on. */
export function trainingData({ recipe }: RunInputs, role: Role): string {
  const source = recipe[role];
  const cut = "train" in source && (source.train.where !== undefined || source.train.maxTokens !== undefined);
  return cut ? `pack/${role}` : "pack/pool";
}

function packStage(run: RunInputs, name: string, filter: Filter, maxTokens: number | undefined): Stage {
  const { recipe, folder, corpus, files } = run;
  // The barrier is between documents that are packed together all the same.
  const { length, maxTokens: _pool, documentBarrier: _barrier, ...options } = recipe.pack;
  return {
    name,
    version: 1,
    settings: {
      pack: { length, ...options, ...(maxTokens !== undefined && { maxTokens }) },
      filter: filter as unknown as Json,
      corpus: { ...corpus, path: null } as unknown as Json,
    },
    reads: [...readsCorpus(run), ...readsTokenizer(run)],
    files: [...files.corpus, ...files.tokenizer],
    outputs: [name],
    run: async (context) => {
      const tokenizer = await loadTokenizer(tokenizerFolder(run));
      if (tokenizer.backendNote !== undefined)
        context.report({ type: "warning", stage: name, message: tokenizer.backendNote });
      await packCorpus(
        {
          ...defined(options),
          corpus,
          filter,
          tokenizer,
          folder: join(folder, name),
          contextLength: length,
          seed: recipe.seed,
          ...(maxTokens !== undefined && { maxTokens }),
        },
        context,
      );
      return {};
    },
  };
}

function trainingFilter({ recipe }: RunInputs, where?: Record<string, string[]>): Filter {
  return {
    split: "train",
    heldOutShare: recipe.corpus.heldOutShare,
    seed: recipe.seed,
    ...(where !== undefined && { where }),
  };
}

function readsCorpus({ recipe }: RunInputs): string[] {
  return "demo" in recipe.corpus ? ["corpus"] : [];
}

async function* texts(documents: DocumentStream, maxBytes: number): AsyncGenerator<string> {
  let bytes = 0;
  for await (const { text } of documents) {
    bytes += Buffer.byteLength(text, "utf8");
    if (bytes > maxBytes) return;
    yield text;
  }
}

type Defined<T> = { [K in keyof T]: Exclude<T[K], undefined> };

/** The options that were written. */
function defined<T extends object>(options: T): Partial<Defined<T>> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Partial<Defined<T>>;
}
