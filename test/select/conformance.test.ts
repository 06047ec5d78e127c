import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, test } from "vitest";
import type { CaseResult } from "../../src/conformance/case.ts";
import { readScoreGolden } from "../../src/conformance/score_golden.ts";
import { checkScores, selection } from "../../src/conformance/selection.ts";

const fixtures = resolve(import.meta.dirname, "../../../shared/fixtures");
const data = resolve(import.meta.dirname, "../../../shared/data");

const shared = existsSync(fixtures);

describe.skipIf(!shared)(shared ? "goldens of selection" : "skipped: no shared fixtures", () => {
  test("every case holds", async () => {
    const results: CaseResult[] = [];
    for await (const result of selection({ fixtures, data })) results.push(result);
    expect(results.filter((r) => !r.passed)).toEqual([]);
    expect(results.length).toBeGreaterThanOrEqual(10);
  });

  test("a wrong NLL is found", async () => {
    const golden = await readScoreGolden(`${fixtures}/difference_sampling`, "scores_packed");
    const off = golden.nllTeacher.map((row, i) => (i === 5 ? row.map((x) => x + 9) : row));
    const results = checkScores(golden, { teacher: off, reference: golden.nllReference });
    expect(results.map((r) => r.passed)).toEqual([false, false, false, false]);
    expect(results[0]!.largestError).toBeCloseTo(9, 4);
  });
});

test("a folder without goldens gives no cases", async () => {
  const results: CaseResult[] = [];
  for await (const result of selection({ fixtures: "test/none", data })) results.push(result);
  expect(results).toEqual([]);
});
