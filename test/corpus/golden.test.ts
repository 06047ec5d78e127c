import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { packing } from "../../src/conformance/packing.ts";

const shared = join(import.meta.dirname, "..", "..", "..", "shared");
const folders = { fixtures: join(shared, "fixtures"), data: join(shared, "data") };
const present = existsSync(folders.fixtures);

describe.skipIf(!present)(present ? "packing goldens" : "packing goldens (skipped: no shared fixtures)", () => {
  it("all agree", async () => {
    const results = [];
    for await (const result of packing(folders)) results.push(result);
    expect(results.filter(({ passed }) => !passed)).toEqual([]);
    expect(results.length).toBeGreaterThan(0);
  });
});
