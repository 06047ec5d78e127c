import fc from "fast-check";
import { afterAll, describe, expect, it, vi } from "vitest";
import { Interrupted } from "../../src/errors.ts";
import type { AskedLogProbs } from "../../src/models/asked_log_probs.ts";
import { type AskedSequence, branchRows, layRows, placeBefore, sharedBeginning } from "../../src/models/branches.ts";
import type { GraphShape } from "../../src/models/causal_graphs.ts";
import type { CausalLM } from "../../src/models/causal_lm.ts";
import { createModel } from "../../src/models/load.ts";
import { Random } from "../../src/random.ts";

const V = 60;
const DECODER = {
  vocab_size: V,
  hidden_size: 24,
  intermediate_size: 40,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  max_position_embeddings: 400,
  tie_word_embeddings: false,
};

/** One model of each way to hide, to place and to remember tokens. */
const MODELS = {
  qwen2: { ...DECODER, model_type: "qwen2", num_key_value_heads: 4 },
  mistral: { ...DECODER, model_type: "mistral", sliding_window: 40 },
  gpt2: { model_type: "gpt2", vocab_size: V, n_embd: 24, n_layer: 2, n_head: 4, n_positions: 100 },
  gpt_neox: {
    ...DECODER,
    model_type: "gpt_neox",
    hidden_size: 32,
    num_key_value_heads: undefined,
    hidden_act: "gelu",
    use_parallel_residual: true,
  },
  mamba: { model_type: "mamba", vocab_size: V, hidden_size: 24, num_hidden_layers: 2, state_size: 4 },
};

const random = new Random(5, "test/branches");
const ids = (length: number) => Int32Array.from({ length }, () => random.below(V));
const asked = (...parts: Int32Array[]): AskedSequence => {
  const all = Int32Array.from(parts.flatMap((part) => [...part]));
  return { ids: all, from: Math.max(1, all.length - parts.at(-1)!.length) };
};

/** Groups of every kind: choices behind a context, contexts before one ending, single ones, equal ones, nothing in common. */
function makeGroups(): AskedSequence[][] {
  const choices = Array.from({ length: 12 }, () => {
    const context = ids(1 + random.below(60));
    return Array.from({ length: 2 + random.below(4) }, () => asked(context, ids(1 + random.below(12))));
  });
  const schema = (start: Int32Array, end: Int32Array) => [asked(start, ids(2), end), asked(start, ids(3), end)];
  const same = asked(ids(9), ids(4));
  const whole = ids(20);
  return [
    ...choices,
    schema(ids(20), ids(9)),
    [asked(ids(30), ids(6))],
    [same, { ids: same.ids.slice(), from: same.from }, same],
    // A beginning that is asked for itself, and one that ends where another sequence goes on.
    [
      { ids: whole, from: 1 },
      { ids: whole.slice(0, 8), from: 3 },
      { ids: Int32Array.of(...whole.slice(0, 12), ...ids(5)), from: 2 },
    ],
    [asked(ids(1), ids(5)), asked(ids(1), ids(7))],
    [asked(ids(70), ids(3)), asked(ids(70), ids(3))],
    [],
  ];
}

/** Largest difference, infinite where a likeliest id differs. */
function difference(a: readonly AskedLogProbs[], b: readonly AskedLogProbs[]): number {
  expect(a.length).toBe(b.length);
  return Math.max(
    ...a.map(({ logProbs, likeliest }, i) => {
      expect(likeliest).toEqual(b[i]!.likeliest);
      expect(logProbs.length).toBe(b[i]!.logProbs.length);
      return Math.max(...logProbs.map((x, j) => Math.abs(x - b[i]!.logProbs[j]!)));
    }),
  );
}

describe.each(Object.entries(MODELS))("asked log-probabilities of %s", (name, config) => {
  const json = Object.fromEntries(Object.entries(config).filter(([, value]) => value !== undefined));
  const models: CausalLM[] = [];
  const open = (batchTokens?: number) => {
    const model = createModel({ ...json, initializer_range: 0.4 }, 3, { threads: 1, batchTokens });
    models.push(model);
    return model;
  };
  afterAll(() => Promise.all(models.map((model) => model.dispose())));

  it("equal those of plain full rows, whatever the grouping, the order and the batches", async () => {
    const groups = makeGroups();
    const flat = groups.flat();
    const model = open();
    const plain = (
      await model.topLogProbs(
        flat.map((s) => s.ids),
        { k: 1 },
      )
    ).map(({ nll, ids }, i) => ({
      logProbs: nll.slice(flat[i]!.from - 1).map((x) => -x),
      likeliest: ids.slice(flat[i]!.from - 1),
    }));
    const compiled = vi.spyOn(model, "executable");
    const grouped = await model.askedLogProbs(groups);
    const shared = compiled.mock.calls.some(([, shape]) => (shape as GraphShape).visibility === "branches");
    expect(shared).toBe(name !== "mamba");
    expect(grouped.map((group) => group.length)).toEqual(groups.map((group) => group.length));
    expect(difference(grouped.flat(), plain)).toBeLessThan(2e-5);
    const alone = await model.askedLogProbs(flat.map((sequence) => [sequence]));
    expect(difference(alone.flat(), plain)).toBeLessThan(2e-5);
    const backwards = await open(150).askedLogProbs(groups.map((group) => group.toReversed()).reverse());
    expect(difference(backwards.flat().reverse(), plain)).toBeLessThan(2e-5);
  });
});

describe("rows of branches", () => {
  const rule = { cost: (places: number) => places * (100 + places), longest: 1000 };
  const group = fc
    .tuple(
      fc.array(fc.nat(3), { maxLength: 30 }),
      fc.array(fc.tuple(fc.array(fc.nat(3), { minLength: 2, maxLength: 12 }), fc.nat(40)), {
        minLength: 1,
        maxLength: 6,
      }),
    )
    .map(([start, ends]) =>
      ends.map(([end, from]): AskedSequence => {
        const ids = Int32Array.of(...start, ...end);
        return { ids, from: 1 + (from % (ids.length - 1)) };
      }),
    );

  it("hold every sequence once, and its ids in order at the places that predict the next", () => {
    fc.assert(
      fc.property(group, (sequences) => {
        const rows = branchRows(sequences, rule);
        expect(rows.flatMap((row) => row.sequences)).toEqual(sequences);
        const T = Math.max(...rows.map(({ length }) => length));
        const { ids, positions, branches } = layRows(rows, rows.length, T);
        for (const [b, row] of rows.entries())
          for (const [i, sequence] of row.sequences.entries()) {
            const places = Array.from(sequence.ids.slice(1), (_, p) => b * T + placeBefore(row, i, p + 1));
            expect(places.map((at) => ids[at])).toEqual([...sequence.ids.slice(0, -1)]);
            expect(places.map((at) => positions[at])).toEqual(places.map((_, p) => p));
            // What stands earlier in the row and belongs to the beginning or to its own branch is what it reads, and no more.
            const last = places.at(-1)!;
            const seen = Array.from({ length: last - b * T + 1 }, (_, at) => b * T + at).filter(
              (at) => branches[at] === 0 || branches[at] === branches[last],
            );
            if (branches[last] !== 0) expect(seen).toEqual(places);
          }
      }),
    );
  });

  it("are shared only where that is cheaper and not too long", () => {
    const context = ids(50);
    const sequences = [asked(context, ids(10)), asked(context, ids(10)), asked(context, ids(10))];
    expect(sharedBeginning(sequences)).toBe(50);
    expect(branchRows(sequences, rule).map(({ length }) => length)).toEqual([77]);
    expect(branchRows(sequences, { ...rule, longest: 70 }).map(({ length }) => length)).toEqual([68, 59]);
    expect(branchRows(sequences, { ...rule, longest: 0 })).toHaveLength(3);
    const strangers = [asked(Int32Array.of(1), ids(40)), asked(Int32Array.of(2), ids(40))];
    expect(branchRows(strangers, rule)).toHaveLength(2);
  });
});

describe("a question that cannot be answered", () => {
  it("is refused", async () => {
    const model = createModel(MODELS.gpt2, 1, { threads: 1 });
    await expect(model.askedLogProbs([[{ ids: ids(5), from: 5 }]])).rejects.toThrow(
      "internal: asked for ids from 5 on of 5",
    );
    await expect(model.askedLogProbs([[{ ids: ids(5), from: 0 }]])).rejects.toThrow("internal");
    await expect(model.askedLogProbs([[{ ids: ids(102), from: 1 }]])).rejects.toMatchObject({ code: "HC1107" });
    await expect(model.askedLogProbs([[{ ids: Int32Array.of(1, V), from: 1 }]])).rejects.toMatchObject({
      code: "HC1105",
    });
    const signal = AbortSignal.abort();
    await expect(model.askedLogProbs([[{ ids: ids(5), from: 1 }]], { signal })).rejects.toBeInstanceOf(Interrupted);
    await model.dispose();
  });

  it("is none where nothing is asked", async () => {
    const model = createModel(MODELS.gpt2, 1, { threads: 1 });
    expect(await model.askedLogProbs([])).toEqual([]);
    expect(await model.askedLogProbs([[], []])).toEqual([[], []]);
    await model.dispose();
  });
});
