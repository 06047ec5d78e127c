import { createHash } from "node:crypto";
import { z } from "zod";
import { HeartcutError, InternalError, printable } from "../../errors.ts";
import { readJsonl } from "../../formats/jsonl.ts";
import { mismatchOf } from "../../schema_words.ts";

/** What a metric is for one question: a number, or log p and the number of its units where the figure is a ratio over all. */
export type SampleValue = number | readonly [logLikelihood: number, units: number];

/** One question, its requests, what the model said, and what that is worth: a line of a samples file. */
export interface Sample {
  readonly docId: number;
  readonly doc: unknown;
  readonly target: string | number;
  /** Arguments of each request: context and continuation, a text alone, or context and settings of generation. */
  readonly arguments: readonly (readonly unknown[])[];
  /** Answer to each request: log p and "True" for a greedy one, log p alone, or a text. */
  readonly responses: readonly (string | readonly [string, string])[];
  /** The same after the task's filter; default as they are. */
  readonly filtered?: readonly string[] | undefined;
  /** Value of each metric by name. */
  readonly values: Readonly<Record<string, SampleValue>>;
}

/** What is read back of a line. */
export interface ReadSample {
  readonly docId: number;
  readonly responses: readonly (string | readonly string[])[];
  readonly values: Readonly<Record<string, SampleValue>>;
  /** Requests that were made for it. */
  readonly requests: number;
  /** Hashes of its document, prompt and target. */
  readonly hashes: string;
}

/** A sample as lm-evaluation-harness writes it. The hashes are its own where document, prompt and target are the same. */
export function sampleLine({ docId, doc, target, values, responses, ...sample }: Sample, filter: string) {
  return {
    doc_id: docId,
    doc,
    target: String(target),
    arguments: Object.fromEntries(
      sample.arguments.map((given, i) => [
        `gen_args_${i}`,
        Object.fromEntries(given.map((value, j) => [`arg_${j}`, value])),
      ]),
    ),
    resps: responses.map((response) => [response]),
    filtered_resps: sample.filtered ?? responses,
    filter,
    metrics: Object.keys(values),
    doc_hash: hash(JSON.stringify(doc, null, 2)),
    prompt_hash: hash(String(sample.arguments[0]![0])),
    target_hash: hash(String(target)),
    ...values,
  };
}

/** Hash over the hashes of a task's samples, in their order, as lm-evaluation-harness makes it. */
export function taskHash(samples: readonly Pick<ReadSample, "hashes">[]): string {
  return hash(samples.map(({ hashes }) => hashes).join(""));
}

const value = z.union([z.number(), z.tuple([z.number(), z.number().positive()])]);
const sampleSchema = z.looseObject({
  doc_id: z.int().nonnegative(),
  arguments: z.record(z.string(), z.unknown()),
  resps: z.array(z.tuple([z.union([z.string(), z.array(z.string())])], z.unknown())),
  metrics: z.array(z.string()),
  doc_hash: z.string(),
  prompt_hash: z.string(),
  target_hash: z.string(),
});

/**
 * The lines of a samples file, in its order; metrics whose values are of another kind than numbers are left out.
 * @throws HeartcutError HC3533 for a line of another shape; HC1004, HC1006, HC1052 as readJsonl
 */
export async function* readSamples(path: string): AsyncGenerator<ReadSample> {
  for await (const { line, value: given } of readJsonl(path)) {
    const parsed = sampleSchema.safeParse(given);
    if (!parsed.success) {
      const { path: key, found, expected } = mismatchOf(parsed.error, given);
      throw new HeartcutError("HC3533", {
        what: "the line is not a sample as lm-evaluation-harness 0.4 writes it",
        where: `${path}:${line}: ${printable(key) || "the whole line"}`,
        found,
        expected,
        fix: "evaluate the task again",
      });
    }
    const { doc_id: docId, arguments: requests, resps, metrics, ...rest } = parsed.data;
    const values = metrics.flatMap((name): [string, SampleValue][] => {
      const number = value.safeParse(rest[name]);
      return number.success ? [[name, number.data]] : [];
    });
    yield {
      docId,
      responses: resps.map(([first]) => first),
      values: Object.fromEntries(values),
      requests: Object.keys(requests).length,
      hashes: `${rest.doc_hash}${rest.prompt_hash}${rest.target_hash}`,
    };
  }
}

/** Values that are all numbers. */
export function singleValues({ docId, values }: ReadSample): Record<string, number> {
  return Object.fromEntries(
    Object.entries(values).map(([name, one]) => {
      if (typeof one !== "number") throw new InternalError(`${name} of document ${docId} is a ratio`);
      return [name, one];
    }),
  );
}

function hash(text: string): string {
  return createHash("sha256").update(text, "utf8").digest("hex");
}
