import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, test } from "vitest";
import type { CaseResult } from "../../src/conformance/case.ts";
import { losses } from "../../src/conformance/losses.ts";

const fixtures = resolve(import.meta.dirname, "../../../shared/fixtures");
const shared = existsSync(fixtures);

async function resultsIn(folder: string): Promise<CaseResult[]> {
  const results: CaseResult[] = [];
  for await (const result of losses({ fixtures: folder, data: "" })) results.push(result);
  return results;
}

describe.skipIf(!shared)(shared ? "goldens of losses" : "skipped: no shared fixtures", () => {
  test("every loss holds, on logits and in chunks over hidden states", async () => {
    const results = await resultsIn(fixtures);
    expect(results.filter((r) => !r.passed)).toEqual([]);
    expect(results).toHaveLength(26);
    expect(results.every((r) => r.note === "4 comparisons")).toBe(true);
  });
});

test("a folder without goldens gives no cases", async () => expect(await resultsIn("test/none")).toEqual([]));
