import { z } from "zod";
import { ANALYSIS_DEFAULTS } from "../analyze/defaults.ts";
import { DEMO_MEGABYTES } from "../demo/size.ts";
import { ATTENTION_LOSSES } from "../distill/attention_matching.ts";
import { DISTILLATION_LOSSES, type DistillationLossName } from "../distill/distillation_losses.ts";
import { HIDDEN_LOSSES } from "../distill/hidden_matching.ts";
import { TASKS } from "../evaluate/tasks/registry.ts";
import { DEVICE_CHOICES } from "../runtime/device.ts";
import { SCORE_DEFAULTS } from "../score/defaults.ts";
import { teacherSpec } from "../teachers/spec.ts";
import { MINIPLM_ADAMW } from "../train/adamw.ts";
import { count, name, seed, share } from "./recipe_parts.ts";

const where = z
  .record(z.string(), z.array(z.string()).min(1))
  .describe("Keep documents whose source or tag has one of these values, e.g. { quality: [high] }");
const folder = z.string().min(1).describe("Folder, relative to the folder the command is started in");

const demoCorpus = z
  .strictObject({
    demo: z
      .strictObject({
        megabytes: z
          .number()
          .min(DEMO_MEGABYTES.least)
          .max(DEMO_MEGABYTES.most)
          .default(DEMO_MEGABYTES.usual)
          .describe("Size of the corpus made on the spot, in MB"),
      })
      .describe("Make a small corpus here, without network: written, spoilt and found text"),
    heldOutShare: share.default(0.02).describe("Share of the documents kept from every model for evaluation"),
  })
  .describe("A corpus made on the spot");

const fileCorpus = z
  .strictObject({
    path: z
      .union([z.string().min(1), z.array(z.string().min(1)).min(1)])
      .describe("File, folder or glob (or a list of them): JSONL (.gz, .zst), Parquet or plain text"),
    format: z.enum(["auto", "jsonl", "parquet", "text"]).default("auto").describe("auto looks at the file names"),
    text: z.string().default("text").describe("Column that holds the text (JSONL, Parquet)"),
    id: z.string().optional().describe("Column that names a document; file:row without it"),
    source: z
      .union([z.string(), z.strictObject({ constant: z.string() })])
      .optional()
      .describe("Column that names a document's domain, or { constant: name }"),
    tags: z.array(z.string()).default([]).describe("Further string columns that `where` can ask for"),
    onBadRow: z.enum(["error", "skip"]).default("error").describe("What to do with a row that cannot be read"),
    heldOutShare: share.default(0.02).describe("Share of the documents kept from every model for evaluation"),
  })
  .describe("A corpus of your own");

const trainedTokenizer = z
  .strictObject({
    train: z
      .strictObject({
        vocabSize: z.int().min(257).max(1_000_000).default(2048).describe("Entries of the byte-level BPE vocabulary"),
        minFrequency: count.default(2).describe("Pairs rarer than this are not merged"),
        where: where.optional(),
        maxBytes: count.optional().describe("Train on no more than this many bytes of text"),
      })
      .describe("Train a byte-level BPE tokenizer on the corpus"),
  })
  .describe("A tokenizer trained here");
const givenTokenizer = z.strictObject({ path: folder }).describe("A folder that holds tokenizer.json");

const pack = z.strictObject({
  length: z
    .int()
    .min(2)
    .max(131_072)
    .default(1024)
    .describe("Label positions of an instance: it holds up to length + 1 tokens"),
  mode: z
    .enum(["packed", "document"])
    .optional()
    .describe("packed fills instances with documents of one source (as without it); document gives one instance each"),
  bos: z.boolean().optional().describe("Whether instances begin with BOS; as the tokenizer does without it"),
  parseEndOfText: z
    .boolean()
    .optional()
    .describe("Whether a special token written in a text becomes that token; yes without it"),
  brackets: z.enum(["reference", "correct"]).optional().describe("Which brackets keep a sentence end from being one"),
  cjkStops: z.boolean().optional().describe("Whether full-width stops end a sentence; no without it, as the reference"),
  successor: z.enum(["reference", "correct"]).optional().describe("What must follow a sentence end"),
  keepLoneEos: z.boolean().optional().describe("Never drop a token that stands alone; the reference does"),
  keepRemainder: z.boolean().optional().describe("Keep what is left in the buffers at the end; the reference drops it"),
  instanceLimit: count.optional().describe("Most instances of one document; 2000 without it, as the reference"),
  shuffle: z.boolean().optional().describe("Shuffle the instances of each shard; yes without it"),
  maxTokens: count.optional().describe("Stop packing the pool after this many tokens"),
  documentBarrier: z
    .boolean()
    .default(SCORE_DEFAULTS.documentBarrier)
    .describe("Keep the documents of an instance from seeing each other, in training, scoring and evaluation alike"),
});

const optimizer = z
  .strictObject({
    learningRate: z.number().positive().default(6e-4).describe("Peak of the learning rate"),
    minLearningRate: z.number().min(0).optional().describe("Where the cosine ends; a tenth of the peak without it"),
    warmupSteps: z.int().min(0).optional().describe("Linear warm-up, in steps"),
    warmupShare: z
      .number()
      .min(0)
      .max(1)
      .optional()
      .describe("Linear warm-up as a share of all steps; 0.02 without either"),
    betas: z
      .tuple([z.number().min(0).lt(1), z.number().min(0).lt(1)])
      .default([...MINIPLM_ADAMW.betas])
      .describe("AdamW's decay rates"),
    epsilon: z.number().positive().default(MINIPLM_ADAMW.epsilon).describe("AdamW's epsilon"),
    weightDecay: z
      .number()
      .min(0)
      .default(MINIPLM_ADAMW.weightDecay)
      .describe("AdamW's decoupled weight decay, on all parameters"),
    clip: z.number().positive().default(MINIPLM_ADAMW.clip).describe("Largest global L2 norm of the gradient"),
  })
  .transform((given) => ({
    ...given,
    minLearningRate: given.minLearningRate ?? Number((given.learningRate / 10).toPrecision(12)),
    ...(given.warmupSteps === undefined && { warmupShare: given.warmupShare ?? 0.02 }),
  }));

const trainingShape = {
  model: z
    .record(z.string(), z.json())
    .describe("Hugging Face config.json of a new model; the vocabulary size and special ids come from the tokenizer"),
  tokens: count
    .optional()
    .describe("Length of the training in label positions, scored or not (one of tokens, steps, epochs, flops)"),
  steps: count.optional().describe("Length of the training in optimizer steps"),
  epochs: z.number().positive().optional().describe("Length of the training in passes over its data"),
  flops: z
    .number()
    .positive()
    .optional()
    .describe("Length of the training in FLOPs; a teacher that reads along and text the student writes count"),
  batch: z
    .strictObject({
      instances: count.default(32).describe("Instances of one optimizer step"),
      microBatch: count
        .optional()
        .describe("Instances computed at once; changes memory, not the result; all without it"),
    })
    .prefault({}),
  optimizer: optimizer.prefault({}),
  lossNormalization: z
    .enum(["instance", "token"])
    .default("instance")
    .describe("instance: mean over instances of per-instance means, as MiniPLM; token: mean over all tokens"),
  checkpointEvery: count.default(100).describe("Steps between checkpoints: the most a crash can cost"),
  recompute: z.boolean().default(false).describe("Recompute activations in the backward pass: less memory, more time"),
};
/** Settings of one training: what stands under `train`. */
export const trainingSchema = z.strictObject(trainingShape);
const studentTraining = z.strictObject({
  ...trainingShape,
  flopsOf: name.optional().describe("Train for as many FLOPs as this student, which gives its own length"),
});
const sourceTraining = z.strictObject({
  ...trainingShape,
  where: where.optional(),
  maxTokens: count.optional().describe("Pack no more than this many tokens for it"),
});

const ownTokenizer = {
  tokenizer: name
    .optional()
    .describe("Name under `tokenizers`, for a model of another tokenizer: scores are then compared in bits per byte"),
};
const trainedModel = z
  .strictObject({ train: sourceTraining.describe("Train it here"), ...ownTokenizer })
  .describe("A model trained here");
const [given, ...backends] = teacherSpec.options;
const model = z.union([
  trainedModel,
  given
    .extend(ownTokenizer)
    .describe("A Hugging Face folder, or hf://owner/name@revision: config.json and safetensors"),
  ...backends.map((backend) => backend.extend(ownTokenizer)),
]);

const score = z.strictObject({
  batchTokens: count.default(SCORE_DEFAULTS.batchTokens).describe("Tokens scored at once; changes memory and speed"),
  shardInstances: count
    .default(SCORE_DEFAULTS.shardInstances)
    .describe("Instances of one committed shard: the most a crash can cost"),
  mask: z
    .enum(["miniplm", "all"])
    .default(SCORE_DEFAULTS.mask)
    .describe("miniplm leaves out positions whose input token ends a document"),
  reduction: z.enum(["mean", "sum"]).default("mean").describe("How the NLLs of an instance become one number"),
  perToken: z.boolean().default(SCORE_DEFAULTS.perToken).describe("Also keep the NLL of every token"),
});

const budget = {
  ratio: share
    .optional()
    .describe("Share of the instances that is kept (one of ratio, tokens, threshold); 0.5 without any"),
  tokens: count.optional().describe("Tokens that are kept"),
};
const threshold = z.number().optional().describe("Score from which an instance is kept");
const perSource = z.boolean().default(false).describe("Keep the same share of every source");
const perplexityModel = z.enum(["teacher", "reference"]).default("teacher").describe("Whose NLL ranks");
const ranked = { ...budget, threshold, perSource };
const selection = z.discriminatedUnion("method", [
  z.strictObject({
    method: z.literal("difference").describe("Difference Sampling: highest nll_reference - nll_teacher"),
    ...ranked,
  }),
  z.strictObject({ method: z.literal("random").describe("By chance"), ...budget, perSource }),
  z.strictObject({
    method: z.literal("lowest_perplexity").describe("Likeliest text first"),
    ...ranked,
    perplexityModel,
  }),
  z.strictObject({
    method: z.literal("highest_perplexity").describe("Unlikeliest text first"),
    ...ranked,
    perplexityModel,
  }),
  z.strictObject({ method: z.literal("all").describe("Everything") }),
]);
const selectionMethods = selection.transform((given) => {
  if (given.method === "all") return given;
  const free =
    given.ratio === undefined && given.tokens === undefined && !("threshold" in given && given.threshold !== undefined);
  return free ? { ...given, ratio: 0.5 } : given;
});

const lossNames = Object.keys(DISTILLATION_LOSSES) as [DistillationLossName, ...DistillationLossName[]];

const generation = z
  .strictObject({
    promptTokens: count.default(16).describe("First tokens of pool instances that the teacher continues"),
    count: count.optional().describe("Texts that are written; one for each pool instance without it"),
    temperature: z.number().min(0).max(10).default(1).describe("Of the sampling; 0 takes the likeliest token"),
    topK: count.optional().describe("Sample among this many likeliest tokens"),
    topP: z.number().gt(0).max(1).optional().describe("Sample among the likeliest tokens with this much probability"),
  })
  .describe("Text that the teacher writes, to be trained on like a selection (sequence-level distillation)");

const tokenMask = z
  .strictObject({
    share: share.describe("Share of the scored positions that is kept: those with the highest difference"),
    scope: z
      .enum(["corpus", "instance"])
      .default("corpus")
      .describe("Whether the share is taken of the corpus as a whole or of each instance"),
  })
  .describe("Positions that count in the losses, by nll_reference - nll_teacher of each token (after Rho-1)");

const matching = <L extends readonly [string, ...string[]]>(losses: L) =>
  z.strictObject({
    weight: z.number().positive().describe("Factor of its mean in the loss"),
    loss: z.enum(losses).describe("How states are compared"),
  });

const distillation = z
  .strictObject({
    from: z
      .enum(["teacher", "store"])
      .default("teacher")
      .describe("teacher: it reads along, in this process; store: its likeliest tokens are captured once, before"),
    topK: count.optional().describe("With from: store, tokens kept at each position; 64 without it"),
    weight: z.number().gt(0).max(1).default(0.5).describe("r in (1-r)·LM + r·KD"),
    loss: z.enum(lossNames).default("cross_entropy").describe("Distance between the two distributions"),
    temperature: z.number().positive().default(1).describe("Of both distributions; no factor T² is put on"),
    coefficient: z.number().gt(0).lt(1).optional().describe("β or λ of the losses that have one"),
    hidden: matching(HIDDEN_LOSSES).optional().describe("Also match the hidden states behind each layer"),
    attention: matching(ATTENTION_LOSSES).optional().describe("Also match attention, averaged over heads"),
    onPolicy: z
      .strictObject({
        share: z.number().gt(0).max(1).default(1).describe("Share of the sequences that the student writes itself"),
        promptTokens: count.default(16).describe("First tokens of an instance that it continues"),
        temperature: z.number().positive().default(1).describe("Of the sampling"),
        policyGradient: z
          .boolean()
          .default(false)
          .describe("Also the long-term part of the reverse KL's gradient (MiniLLM)"),
      })
      .optional()
      .describe("Take the distance on the student's own text (GKD, MiniLLM)"),
  })
  .describe("Learn from the teacher's distributions as well");

const evaluationSet = z.strictObject({
  where: where.optional(),
  maxTokens: count.optional().describe("Stop after this many tokens"),
});
const taskName = z.enum(TASKS.map((task) => task.name) as [string, ...string[]]);
const tasks = z
  .strictObject({
    data: folder.describe("Folder with the tasks' data files; see docs/zero-shot.md"),
    names: z
      .array(taskName)
      .optional()
      .describe("Tasks that are asked; all nine without it, none with [] and own ones"),
    own: z.array(z.string().min(1)).default([]).describe("YAML files of tasks of your own"),
    fewshot: z.int().min(0).default(0).describe("Worked examples before each question"),
    limit: count.optional().describe("Ask this many questions of each: for testing only, and marked so"),
    during: z
      .strictObject({
        names: z.array(name).min(1).optional().describe("Some of the tasks; all of them without it"),
        items: count.default(50).describe("First questions of each"),
      })
      .optional()
      .describe("Also ask a few questions while students train, wherever the held-out losses are taken"),
  })
  .describe("Zero-shot tasks that students, teacher and reference are asked, as lm-evaluation-harness asks them");

const scaling = z
  .strictObject({
    from: z
      .number()
      .min(0)
      .lt(1)
      .optional()
      .describe("Points before this share of the compute are warm-up and left out"),
    at: z.array(z.number().positive()).default([]).describe("Compute in FLOPs at which the loss is foretold"),
    resamples: z.int().min(0).optional().describe("Of the bootstrap"),
  })
  .describe("Scaling laws fitted to the students' loss curves");

const evaluate = z.strictObject({
  every: count.default(50).describe("Steps between held-out losses while a model trains"),
  curveInstances: count.optional().describe("Instances of each set that the curves are measured on; 128 without it"),
  sets: z
    .record(name, evaluationSet)
    .refine((sets) => Object.keys(sets).length > 0, "at least one set")
    .default({ pool: {} })
    .describe("Held-out sets by name; { pool: {} } is the whole corpus"),
  baseline: name.optional().describe("Student that the others are compared with; all pairs are compared without it"),
  tasks: tasks.optional(),
  scaling: scaling.optional(),
});

const analyze = z
  .strictObject({
    draws: z
      .int()
      .min(20)
      .max(100_000)
      .default(ANALYSIS_DEFAULTS.draws)
      .describe("Random selections that say what chance gives"),
    embedder: z
      .enum(["teacher", "reference"])
      .optional()
      .describe("Also measure diversity between hidden states of this model"),
    threshold: share.optional().describe("Jaccard similarity from which two instances are near-duplicates"),
  })
  .describe("Diversity, domains, lengths and near-duplicates of each selection, beside those of random ones");

const report = z.strictObject({
  examples: z
    .int()
    .min(0)
    .max(1000)
    .default(12)
    .describe("Documents shown per stratum (top, bottom, borderline); 0 for none"),
});

const student = {
  selection: name.describe("Name under `select` or `generate`"),
  tokenizer: name.optional().describe("Name under `tokenizers`: the data is re-encoded; the recipe's own without it"),
  mask: name.optional().describe("Name under `masks`"),
  baseline: name.optional().describe("Student it is compared with; evaluate.baseline without it"),
  distill: distillation.optional(),
  seeds: z.array(seed).min(1).default([1]).describe("One training per seed"),
};

const recipeShape = {
  method: z.literal("miniplm").optional().describe("Difference Sampling (MiniPLM), as without this key"),
  name: name.describe("Names the run folder"),
  seed: seed.default(1).describe("Everything that is drawn by chance starts here"),
  device: z.enum(DEVICE_CHOICES).default("auto").describe("Where models are computed"),
  corpus: z.union([demoCorpus, fileCorpus]).describe("What is distilled on"),
  tokenizer: z.union([trainedTokenizer, givenTokenizer]).describe("One tokenizer for all models"),
  pack: pack.prefault({}).describe("How documents become training instances"),
  teacher: model.describe("The model that knows more"),
  reference: model.describe("The small model that shows what is easy or noise"),
  score: score.prefault({}).describe("How the two are asked"),
  select: z
    .record(name, selectionMethods)
    .refine((selections) => Object.keys(selections).length > 0, "at least one selection")
    .describe("Selections by name: which instances are kept"),
  generate: z.record(name, generation).default({}).describe("Text written by the teacher, by name (SeqKD)"),
  masks: z.record(name, tokenMask).default({}).describe("Token masks by name; they need score.perToken"),
  tokenizers: z
    .record(name, z.union([trainedTokenizer, givenTokenizer]))
    .default({})
    .describe("Further tokenizers by name, for students of other families"),
  convert: z
    .strictObject({
      overflow: z
        .enum(["drop", "carry"])
        .default("drop")
        .describe(
          "What becomes of text that no longer fits an instance: dropped, as the reference does, or a further one",
        ),
    })
    .prefault({})
    .describe("How data is re-encoded for students of another tokenizer"),
  students: z
    .array(
      z.strictObject({
        name: name.describe("Shown in the report"),
        ...student,
        train: studentTraining.describe("How it is trained"),
      }),
    )
    .min(1)
    .describe("The models that are pre-trained on the selections"),
  evaluate: evaluate.prefault({}).describe("How the students are compared"),
  analyze: analyze.optional(),
  report: report.prefault({}).describe("What the report shows"),
};

/** The resolved recipe: every key with its type, its default and its meaning; the only place where defaults are written. */
export const recipeSchema = z.strictObject(recipeShape);

/** A recipe with every default filled in. Parsing its YAML again gives the same recipe. */
export type Recipe = z.output<typeof recipeSchema>;
/** Settings of one training as the recipe gives them. */
export type TrainingSettings = z.output<typeof trainingSchema>;
/** The two models whose records everything is selected by. */
export const ROLES = ["teacher", "reference"] as const;
/** A training by itself: what stands under a student's `train`, and its `distill` beside it. */
export const standaloneTrainingSchema = trainingSchema.extend({ distill: distillation.optional() });
/** Such a training, defaults filled in. */
export type StandaloneTraining = z.output<typeof standaloneTrainingSchema>;
/** What a student learns of the teacher's distributions. */
export type DistillationRecipe = z.output<typeof distillation>;
/** Settings of one selection. */
export type SelectionSettings = z.output<typeof selectionMethods>;

const partialStudent = z.strictObject({
  selection: student.selection.optional(),
  seeds: student.seeds.optional(),
  tokenizer: student.tokenizer,
  mask: student.mask,
  baseline: student.baseline,
  distill: student.distill,
  train: studentTraining.partial().optional().describe("How students are trained"),
});

/** The recipe as written in a file: as recipeSchema, with what all students share under `student`. For editors only. */
export const recipeFileSchema = z.strictObject({
  ...recipeShape,
  student: partialStudent.optional().describe("What all students share; a student's own keys win"),
  students: z.array(partialStudent.extend({ name })).min(1).describe(recipeShape.students.description!),
});
