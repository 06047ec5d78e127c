import { InternalError } from "../errors.ts";
import type { TypedArray } from "../graph/dtype.ts";
import { matmul } from "../graph/ops/index.ts";
import { input, scoped, type Value } from "../graph/value.ts";
import type { CausalDescription } from "./architecture.ts";
import { lengthBucket } from "./batch.ts";
import type { LayerState, Memory } from "./causal.ts";
import type { Decoding } from "./generate_decoding.ts";
import type { LanguageModel } from "./language_model.ts";
import { weightInputs } from "./weight_inputs.ts";

type StateMemory = Extract<Memory, { kind: "state" }>;

function memoryOf({ architecture }: CausalDescription): StateMemory {
  const { memory, config } = architecture;
  if (memory.kind === "state") return memory;
  throw new InternalError(`readRecurrent: a ${config.modelType} model keeps keys and values, no state`);
}

/** Every part of every layer's state as `visit` has it, by name: `<layer>.<part>`. */
function byName<T>(d: CausalDescription, visit: (layer: number, part: string, shape: readonly number[]) => T) {
  return Object.fromEntries(
    Array.from({ length: d.config.layers }, (_, layer) =>
      Object.entries(memoryOf(d).parts).map(([part, shape]): [string, T] => [
        `${layer}.${part}`,
        visit(layer, part, shape),
      ]),
    ).flat(),
  );
}

/** The same under names that start with a word. */
const named = <T>(word: string, byPart: Readonly<Record<string, T>>): Record<string, T> =>
  Object.fromEntries(Object.entries(byPart).map(([name, value]) => [`${word}.${name}`, value]));

const outputsOf = (d: CausalDescription, state: readonly LayerState[]): Record<string, Value> =>
  named(
    "next",
    byName(d, (layer, part) => state[layer]![part]!),
  );

/** ids and mask [B,T] → next.<layer>.<part>: the state behind the last token. Padding stands on the left. */
function prefillGraph(d: CausalDescription, B: number, T: number): Record<string, Value> {
  const { get } = weightInputs(d, "float32");
  const embeddings = d.architecture.embed(get, input("ids", "int32", [B, T]));
  const { state } = memoryOf(d).readOn(get, { embeddings, mask: input("mask", "int32", [B, T]) });
  return outputsOf(d, state);
}

/** ids [B,1] and state.<layer>.<part> → `logits` [B,V] and next.<layer>.<part>, the state behind the token. */
function stepGraph(d: CausalDescription, B: number): Record<string, Value> {
  const { get } = weightInputs(d, "float32");
  const before = byName(d, (layer, part, shape) => input(`state.${layer}.${part}`, "float32", [B, ...shape]));
  const state = Array.from({ length: d.config.layers }, (_, layer) =>
    Object.fromEntries(Object.keys(memoryOf(d).parts).map((part) => [part, before[`${layer}.${part}`]!])),
  );
  const embeddings = d.architecture.embed(get, input("ids", "int32", [B, 1]));
  const { outputs, state: next } = memoryOf(d).readOn(get, { embeddings }, state);
  const logits = scoped("lm_head", () => matmul(outputs.hidden, d.architecture.head(get), { transB: true }));
  return { logits, ...outputsOf(d, next) };
}

type StateBuffers = Record<string, Float32Array<ArrayBuffer>>;

const emptyState = (d: CausalDescription, B: number): StateBuffers =>
  byName(d, (_layer, _part, shape) => new Float32Array(shape.reduce((n, m) => n * m, B)));

/** Copies row `from` of every part to row `to`; B is the number of rows. */
function copyRow(source: StateBuffers, from: number, sourceB: number, target: StateBuffers, to: number): void {
  for (const [name, array] of Object.entries(source)) {
    const size = array.length / sourceB;
    target[name]!.set(array.subarray(from * size, (from + 1) * size), to * size);
  }
}

/** Rows of a recurrent model: a state of fixed size each, however many tokens it has read. */
class RecurrentDecoding implements Decoding {
  /** Steps read one set of buffers and write the other. */
  private spare: StateBuffers;

  constructor(
    private readonly model: LanguageModel<CausalDescription>,
    private state: StateBuffers,
    private rows: number,
    readonly first: readonly number[],
  ) {
    this.spare = emptyState(model.description, rows);
  }

  get B(): number {
    return this.rows;
  }

  async step(ids: readonly (number | undefined)[]): Promise<Float32Array> {
    const { model, B, state, spare } = this;
    const executable = await model.executable("recurrent_step", { B }, () => stepGraph(model.description, B));
    const feeds: Record<string, TypedArray> = { ids: Int32Array.from({ length: B }, (_, row) => ids[row] ?? 0) };
    const out = await executable.run(model.feeds({ ...feeds, ...named("state", state) }), named("next", spare));
    for (let row = 0; row < B; row++) if (ids[row] === undefined) copyRow(state, row, B, spare, row);
    this.state = spare;
    this.spare = state;
    return out.logits as Float32Array;
  }

  keep(rows: readonly number[], B: number): void {
    const next = emptyState(this.model.description, B);
    for (const [to, from] of rows.entries()) copyRow(this.state, from, this.B, next, to);
    this.rows = B;
    this.state = next;
    this.spare = emptyState(this.model.description, B);
  }
}

/** Reads all but the last id of each input in one pass; the last one starts the steps. @param B - rows, at least one per input */
export async function readRecurrent(
  model: LanguageModel<CausalDescription>,
  inputs: readonly Int32Array[],
  B: number,
): Promise<Decoding> {
  const state = emptyState(model.description, B);
  const longest = Math.max(...inputs.map((ids) => ids.length - 1));
  if (longest > 0) {
    const T = lengthBucket(longest);
    const ids = new Int32Array(B * T);
    const mask = new Int32Array(B * T);
    for (const [row, given] of inputs.entries()) {
      const end = (row + 1) * T;
      ids.set(given.subarray(0, -1), end - given.length + 1);
      mask.fill(1, end - given.length + 1, end);
    }
    const shape = { B, T };
    const executable = await model.executable("recurrent_prefill", shape, () => prefillGraph(model.description, B, T));
    await executable.run(model.feeds({ ids, mask }), named("next", state));
  }
  return new RecurrentDecoding(
    model,
    state,
    B,
    inputs.map((ids) => ids.at(-1)!),
  );
}
