import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { tokenization } from "../../src/conformance/tokenization.ts";

const shared = join(import.meta.dirname, "..", "..", "..", "shared");
const folders = { fixtures: join(shared, "fixtures"), data: join(shared, "data") };
const present = existsSync(folders.fixtures);

describe.skipIf(!present)(
  present ? "tokenization goldens" : "tokenization goldens (skipped: no shared fixtures)",
  () => {
    it("all agree", async () => {
      const results = [];
      for await (const result of tokenization(folders)) results.push(result);
      expect(results.filter(({ passed }) => !passed)).toEqual([]);
      expect(results.filter(({ name, note }) => !name.endsWith("/js") && note.includes("skipped"))).toEqual([]);
      expect(results.length).toBeGreaterThan(0);
    });
  },
);
