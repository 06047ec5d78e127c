import { HeartcutError } from "../errors.ts";
import { Random } from "../random.ts";
import { shown } from "../schema_words.ts";
import { collapse } from "./metrics.ts";
import { SPLITS, type Split, type TaskExample, type TaskSummary } from "./record.ts";

/** The examples of a task by split. */
export type Splits = Record<Split, TaskExample[]>;

/**
 * Takes a share of the training examples, drawn with the seed, as validation split; both keep their order.
 * @throws HeartcutError HC6033 if either side would be empty
 */
export function takeValidation(
  examples: readonly TaskExample[],
  share: number,
  seed: number,
): Pick<Splits, "train" | "validation"> {
  const count = Math.round(share * examples.length);
  if (count < 1 || count >= examples.length) {
    throw new HeartcutError("HC6033", {
      what: "the validation share leaves a split empty",
      found: `${share} of ${examples.length} training examples is ${count}`,
      expected: "at least one example on both sides",
      fix: "choose another share, or name a validation file",
    });
  }
  const taken = drawn(examples.length, count, seed, "tasks/validation");
  return { train: examples.filter((_, i) => taken[i] === 0), validation: examples.filter((_, i) => taken[i] === 1) };
}

/** At most `limit` examples, drawn with the seed, in their order. A smaller limit draws a subset of a larger one. */
export function limited(examples: TaskExample[], limit: number | undefined, seed: number, split: Split): TaskExample[] {
  if (limit === undefined || limit >= examples.length) return examples;
  const kept = drawn(examples.length, limit, seed, `tasks/limit/${split}`);
  return examples.filter((_, i) => kept[i] === 1);
}

/** @throws HeartcutError HC6031 if an example, by its id, is in two splits */
export function requireApart(splits: Splits): void {
  const seen = new Map<string, Split>();
  for (const split of SPLITS) {
    for (const { id } of splits[split]) {
      const other = seen.get(id);
      if (other !== undefined && other !== split) {
        throw new HeartcutError("HC6031", {
          what: `an example is in the ${other} and in the ${split} split`,
          found: `id ${shown(id)}`,
          why: "a student that has seen the answers of its test proves nothing",
          fix: keptApart(other, split),
        });
      }
      seen.set(id, split);
    }
  }
}

/** How two splits are kept apart, for messages. */
export function keptApart(one: Split, other: Split): string {
  const share =
    "a share of train can be set aside for it (--validation-share 0.1, in a recipe validation: { share: 0.1 })";
  if (one === "validation" || other === "validation") return `name no file for validation: ${share}`;
  return "name a test file with examples of its own; of a single file, put some of the rows into a second one first";
}

/** Counts, for each pair of splits, the examples of the second whose input stands in the first, white space aside. */
export function sharedInputs({ train, validation, test }: Splits): TaskSummary["sharedInputs"] {
  const inputs = (examples: readonly TaskExample[]) => new Set(examples.map(({ input }) => collapse(input)));
  const countIn = (known: ReadonlySet<string>, examples: readonly TaskExample[]) =>
    examples.filter(({ input }) => known.has(collapse(input))).length;
  const trained = inputs(train);
  return {
    trainValidation: countIn(trained, validation),
    trainTest: countIn(trained, test),
    validationTest: countIn(inputs(validation), test),
  };
}

/** 1 at `count` of `total` places. */
function drawn(total: number, count: number, seed: number, stream: string): Uint8Array {
  const marks = new Uint8Array(total);
  for (const i of new Random(seed, stream).permutation(total).subarray(0, count)) marks[i] = 1;
  return marks;
}
