import { expect, it } from "vitest";
import { z } from "zod";
import { mismatchOf, shown } from "../src/schema_words.ts";

const schema = z.strictObject({
  name: z.string(),
  splits: z.record(z.string(), z.object({ examples: z.int().nonnegative() })),
  norm: z.enum(["l1", "l2"]).optional(),
  pair: z.union([z.number(), z.boolean()]).optional(),
  list: z.array(z.string()).min(2).optional(),
  scores: z
    .array(z.number())
    .refine((all) => all[0] !== 7, "seven does not come first")
    .optional(),
});
const good = { name: "a", splits: {} };

it.each<[string, unknown, { path: string; found: string; expected: string }]>([
  ["a value of another type", { ...good, name: 3 }, { path: "name", found: "3", expected: "a text" }],
  ["nothing", { splits: {} }, { path: "name", found: "nothing", expected: "a text" }],
  ["no object", [1], { path: "", found: "[1]", expected: "a map of keys" }],
  [
    "a broken number far inside",
    { ...good, splits: { train: { examples: 1.5 } } },
    { path: "splits.train.examples", found: "1.5", expected: "a whole number" },
  ],
  [
    "a number out of range",
    { ...good, splits: { train: { examples: -1 } } },
    { path: "splits.train.examples", found: "-1", expected: "a number of at least 0" },
  ],
  ["an unknown word", { ...good, norm: "l3" }, { path: "norm", found: '"l3"', expected: "one of: l1, l2" }],
  ["neither form", { ...good, pair: "x" }, { path: "pair", found: '"x"', expected: "a number or true or false" }],
  [
    "a short list",
    { ...good, list: ["x"] },
    { path: "list", found: '["x"]', expected: "a list with a length of at least 2" },
  ],
  [
    "a rule in words",
    { ...good, scores: [7] },
    { path: "scores", found: "[7]", expected: "seven does not come first" },
  ],
  ["an unknown key", { ...good, nmae: 1 }, { path: "", found: "the unknown key nmae", expected: "known keys only" }],
])("says what is wrong with %s", (_name, value, mismatch) => {
  expect(mismatchOf(schema.safeParse(value).error!, value)).toEqual(mismatch);
});

it("shows values on one short line, without control characters", () => {
  expect(shown("\u009b\u007f")).toBe('"\ufffd\ufffd"');
  expect(shown("x".repeat(500))).toHaveLength(101);
  expect(shown(undefined)).toBe("nothing");
});
