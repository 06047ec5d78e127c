import { HeartcutError, Interrupted } from "../errors.ts";
import { Random } from "../random.ts";
import type { ModelDescription } from "./architecture.ts";
import { BATCH_TOKENS } from "./batch.ts";
import { readCausal } from "./generate_causal.ts";
import type { Decoding } from "./generate_decoding.ts";
import { readRecurrent } from "./generate_recurrent.ts";
import { readSeq2Seq } from "./generate_seq2seq.ts";
import type { LanguageModel } from "./language_model.ts";
import { bucketPairs } from "./pairs.ts";
import { checkSampling, Sampler, type SamplingOptions } from "./sampling.ts";

export interface GenerateOptions extends SamplingOptions {
  /** New tokens at most, per input. */
  readonly maxNewTokens: number;
  /** Ids that end a text; they are returned as its last token. */
  readonly stopIds?: readonly number[] | undefined;
  /** For a temperature above 0; default 0. */
  readonly seed?: number | undefined;
  /**
   * Names of the inputs' streams of random numbers, default "0", "1", …: an input is continued the same under the same
   * seed and name, whatever stands beside it.
   */
  readonly streams?: readonly string[] | undefined;
  /** Called with each token as it comes, and the number of the input it continues. */
  readonly onToken?: ((id: number, input: number) => void) | undefined;
  /** Stops between tokens: Interrupted is thrown, half a text must not pass for a whole one. */
  readonly signal?: AbortSignal | undefined;
  /** Input and new places per batch, default BATCH_TOKENS. */
  readonly places?: number | undefined;
}

/** One text in the making. */
interface Row {
  readonly input: number;
  readonly made: number[];
  readonly random: Random;
}

/**
 * Continues each input token by token; a causal model goes on with it, an encoder-decoder answers it. Keys and values of
 * earlier tokens are kept, so a step costs one token per row. Inputs are batched by length; the texts do not depend on it
 * (but for near-ties in float32).
 * @returns new ids per input, in the order given; the last one is a stop id unless maxNewTokens came first
 * @throws HeartcutError HC1105 for an id outside the vocabulary, HC1106 for an empty input, HC1107 where input and new
 * tokens exceed the model's positions, HC1108 for windows on some layers only, HC1140 and HC1141 for options that cannot
 * be used, HC1142 for a model whose logits are not numbers; Interrupted on the signal
 */
export async function generateBatch(
  model: LanguageModel,
  inputs: readonly Int32Array[],
  options: GenerateOptions,
): Promise<Int32Array[]> {
  checkOptions(model, inputs, options);
  for (const ids of inputs) checkInput(model, ids, options.maxNewTokens);
  const rows = inputs.map((_, input): Row => {
    const stream = options.streams?.[input] ?? String(input);
    return { input, made: [], random: new Random(options.seed ?? 0, `generate/${stream}`) };
  });
  // A text counts with all the places it may take.
  const target = new Int32Array(options.maxNewTokens);
  const pairs = inputs.map((input) => ({ input, target }));
  for (const group of bucketPairs(pairs, options.places ?? BATCH_TOKENS)) {
    const decoding = await read(
      model,
      group.map((i) => inputs[i]!),
    );
    await continueRows(
      model,
      decoding,
      group.map((i) => rows[i]!),
      options,
    );
  }
  return rows.map((row) => Int32Array.from(row.made));
}

/** As generateBatch, for one input. */
export async function generateTokens(
  model: LanguageModel,
  input: Int32Array,
  options: GenerateOptions,
): Promise<Int32Array> {
  return (await generateBatch(model, [input], options))[0]!;
}

/** Rows of a compiled graph: powers of two up to 8, then multiples of 8, so that few graphs serve all groups. */
const batchSize = (rows: number) => (rows <= 8 ? 2 ** Math.ceil(Math.log2(rows)) : Math.ceil(rows / 8) * 8);

/** Steps for which a batch may be too large before it shrinks: compiling the smaller graph costs about as many. */
const PATIENCE = 8;

const isKind = <K extends ModelDescription["kind"]>(
  model: LanguageModel,
  kind: K,
): model is LanguageModel<Extract<ModelDescription, { kind: K }>> => model.description.kind === kind;

function read(model: LanguageModel, inputs: readonly Int32Array[]): Promise<Decoding> {
  const B = batchSize(inputs.length);
  if (isKind(model, "causal"))
    return (model.description.architecture.memory.kind === "keys" ? readCausal : readRecurrent)(model, inputs, B);
  return readSeq2Seq(model as LanguageModel<Extract<ModelDescription, { kind: "seq2seq" }>>, inputs, B);
}

/** Steps until every row has stopped; those that have leave the batch when it has done with a quarter of its size for a while. */
async function continueRows(
  model: LanguageModel,
  decoding: Decoding,
  started: readonly Row[],
  options: GenerateOptions,
): Promise<void> {
  const V = model.vocabSize;
  const sampler = new Sampler(options, V);
  const stops = new Set(options.stopIds);
  let oversized = 0;
  let rows: (Row | undefined)[] = [...started];
  let ids: (number | undefined)[] = [...decoding.first];
  for (let alive = started.length; alive > 0; ) {
    if (options.signal?.aborted) throw new Interrupted();
    const logits = await decoding.step(ids);
    for (const [place, row] of rows.entries()) {
      if (row === undefined) continue;
      const id = sampler.choose(logits.subarray(place * V, (place + 1) * V), row.random);
      row.made.push(id);
      options.onToken?.(id, row.input);
      ids[place] = id;
      if (!stops.has(id) && row.made.length < options.maxNewTokens) continue;
      rows[place] = ids[place] = undefined;
      alive--;
    }
    oversized = batchSize(alive) * 4 <= decoding.B ? oversized + 1 : 0;
    if (alive > 0 && oversized > PATIENCE) {
      const places = [...rows.keys()].filter((place) => rows[place] !== undefined);
      decoding.keep(places, batchSize(alive));
      oversized = 0;
      rows = places.map((place) => rows[place]);
      ids = places.map((place) => ids[place]);
    }
  }
}

function checkOptions(model: LanguageModel, inputs: readonly Int32Array[], options: GenerateOptions): void {
  const { maxNewTokens, stopIds, streams, places } = options;
  const refuse = (what: string, found: string, expected: string) => {
    throw new HeartcutError("HC1140", { what, found, expected });
  };
  for (const [name, value] of Object.entries({ maxNewTokens, places }))
    if (value !== undefined && !(Number.isInteger(value) && value >= 1))
      refuse(`${name} cannot be used for generation`, String(value), "a whole number of 1 or more");
  if (streams !== undefined && streams.length !== inputs.length)
    refuse("streams do not fit the inputs", `${streams.length} names`, `one for each of the ${inputs.length} inputs`);
  if (stopIds !== undefined) model.checkIds(Int32Array.from(stopIds));
  checkSampling(options);
  const memory = isKind(model, "causal") ? model.description.architecture.memory : undefined;
  if (memory?.kind === "keys" && new Set(memory.windows).size > 1)
    throw new HeartcutError("HC1108", { what: "generation with windows on some layers only is not supported" });
}

function checkInput(model: LanguageModel, ids: Int32Array, maxNewTokens: number): void {
  if (ids.length === 0)
    throw new HeartcutError("HC1106", { what: "cannot continue an empty prompt", fix: "start with the BOS token" });
  model.checkIds(ids);
  if (!isKind(model, "causal")) return;
  const { maxPositions } = model.description.config;
  if (ids.length + maxNewTokens > maxPositions)
    throw new HeartcutError("HC1107", {
      what: "the text would be longer than the model's context",
      found: `${ids.length} tokens of prompt + ${maxNewTokens} new ones`,
      expected: `at most ${maxPositions} together`,
    });
}
