import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { gunzipSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { encodeRequests } from "../../../src/evaluate/tasks/encode_request.ts";
import { answered, taskOutcome } from "../../../src/evaluate/tasks/metrics.ts";
import { prepareTask } from "../../../src/evaluate/tasks/prepare.ts";
import { rstrip, strip } from "../../../src/evaluate/tasks/python_text.ts";
import { TASKS } from "../../../src/evaluate/tasks/registry.ts";
import { itemOf } from "../../../src/evaluate/tasks/requests.ts";
import { loadTokenizer, type Tokenizer } from "../../../src/tokenizers/tokenizer.ts";
import { byteTokenizer } from "./stand_ins.ts";

interface Golden {
  settings: { model: string; docs: [number, number]; max_length: number };
  tasks: Record<
    string,
    {
      metrics: Record<string, number>;
      skipped?: number[];
      docs: {
        doc: number;
        target: number | string;
        acc?: number;
        acc_norm?: number;
        requests: {
          context: string;
          continuation: string;
          ll: number;
          greedy: boolean;
          tokens: [number, number];
          cut: number;
        }[];
      }[];
    }
  >;
}

const shared = resolve(import.meta.dirname, "../../../../shared");
const data = `${shared}/data/zero_shot_eval`;
const goldens = ["expected.json.gz", "expected_window256.json.gz"]
  .map((name) => `${shared}/fixtures/lm_eval/${name}`)
  .filter((path) => existsSync(path))
  .map((path): Golden => JSON.parse(gunzipSync(readFileSync(path)).toString()));

const title = goldens.length > 0 ? "requests and metrics of lm-evaluation-harness" : "skipped: no shared fixtures";
describe.skipIf(goldens.length === 0)(title, () => {
  describe.each(goldens)("$settings.model", ({ settings, tasks }) => {
    let tokenizer: Promise<Tokenizer> | undefined;
    test.each(TASKS.map((task) => ({ name: task.name, task })))("$name", async ({ task }) => {
      tokenizer ??= loadTokenizer(`${shared}/data/weights/${settings.model}`);
      const [first, end] = settings.docs;
      const golden = tasks[task.name]!;
      const prepared = await prepareTask(task, {
        tokenizer: await tokenizer,
        maxPositions: settings.max_length,
        data,
        ...(golden.docs.length === end - first && { first, limit: end - first }),
      });
      expect(prepared.skipped.map(({ docId }) => docId)).toEqual(golden.skipped ?? []);
      expect(prepared.items.map(({ docId, target }) => ({ docId, target }))).toEqual(
        golden.docs.map(({ doc, target }) => ({ docId: doc, target })),
      );
      const answers = prepared.items.map((item, i) => {
        const { requests, acc, acc_norm } = golden.docs[i]!;
        expect(
          item.requests.map(({ context, continuation, tokens, cut }) => ({ context, continuation, tokens, cut })),
        ).toEqual(
          requests.map(({ context, continuation, tokens: [c, k], cut }) => ({
            ...{ context, continuation, cut },
            tokens: { context: c, continuation: k },
          })),
        );
        for (const { tokens, cut, sequence } of item.requests) {
          expect(sequence.ids.length).toBe(tokens.context + tokens.continuation - cut);
          expect(sequence.ids.length - sequence.from).toBe(tokens.continuation);
        }
        const answer = answered(
          prepared,
          item,
          requests.map(({ ll, greedy }) => ({ logLikelihood: ll, greedy })),
        );
        if (acc !== undefined) expect(answer.values.acc).toBe(acc);
        if (acc_norm !== undefined) expect(answer.values.acc_norm).toBe(acc_norm);
        return answer;
      });
      for (const { name, value, stderr } of taskOutcome(prepared, answers.toReversed()).metrics) {
        expect(Math.abs(value / golden.metrics[name]! - 1 || 0), name).toBeLessThan(1e-12);
        // The harness's standard error of a perplexity is a bootstrap.
        if (name !== "perplexity") expect(stderr).toBeCloseTo(golden.metrics[`${name}_stderr`]!, 12);
      }
    });
  });
});

describe("encoding", () => {
  const encode = async (context: string, continuation: string, tokenizer = byteTokenizer()) =>
    (await encodeRequests(tokenizer, [{ context, continuation }])).map(({ context: c, continuation: k }) => [
      tokenizer.decode(c),
      tokenizer.decode(k),
    ])[0];

  test("spaces at the end of a context belong to the continuation", async () => {
    expect(await encode("a b \n", " c")).toEqual(["<s>a b", " \n c"]);
  });

  test("an empty context is the prefix token, written once", async () => {
    expect(await encode("", " c")).toEqual(["<s>", " c"]);
    expect(await encode("", "c", byteTokenizer({ bos: false, eos: true }))).toEqual(["<s>", "c"]);
    await expect(encode("", "c", byteTokenizer({ bos: false }))).rejects.toMatchObject({ code: "HC3510" });
  });

  test("a text that brings its own BOS gets no second one", async () => {
    expect(await encode("<s>a", " b")).toEqual(["<s>a", " b"]);
  });

  test("nothing but whole tokens is asked for, from the left, one more than the model reads", () => {
    const question = { kind: "cloze", context: "c", target: "t" } as const;
    fc.assert(
      fc.property(fc.nat(20), fc.nat(20), fc.integer({ min: 1, max: 12 }), (contexts, continuations, positions) => {
        const all = Int32Array.from({ length: contexts + continuations }, (_, i) => i);
        const encoded = { context: all.slice(0, contexts), continuation: all.slice(contexts) };
        const item = itemOf(0, {}, question, [{ context: "c", continuation: "t" }], [encoded], positions);
        if (contexts === 0 || continuations === 0 || continuations > positions) {
          expect(item).toBeTypeOf("string");
          return;
        }
        if (typeof item === "string") throw new Error(item);
        const { sequence, cut } = item.requests[0]!;
        expect([...sequence.ids]).toEqual([...all.slice(-(positions + 1))]);
        expect([...sequence.ids.slice(sequence.from)]).toEqual([...encoded.continuation]);
        expect(sequence.from).toBeGreaterThan(0);
        expect(cut).toBe(all.length - sequence.ids.length);
      }),
    );
  });

  test("white space is Python's", () => {
    expect(strip("\u001c\u0085 a\ufeff \u2029")).toBe("a\ufeff");
    expect(rstrip(" a\t\n")).toBe(" a");
  });
});
