import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { adamw } from "../../src/conformance/adamw.ts";
import type { CaseResult } from "../../src/conformance/case.ts";
import { losses } from "../../src/conformance/losses.ts";
import { models } from "../../src/conformance/models.ts";

const folders = { fixtures: join(import.meta.dirname, "../golden"), data: "" };

async function all(results: AsyncIterable<CaseResult>): Promise<CaseResult[]> {
  const list: CaseResult[] = [];
  for await (const result of results) list.push(result);
  return list;
}

describe("values computed by PyTorch", () => {
  it("logits, losses, all gradients and greedy text of ten models", async () => {
    const results = await all(models(folders));
    expect(results.map((r) => r.name)).toEqual(
      ["gpt2", "gpt_neox", "llama", "llama3.1-rope", "mamba", "mistral", "qwen2", "qwen3", "t5", "t5-v1.1"].map(
        (n) => `models/${n}`,
      ),
    );
    expect(results.filter((r) => !r.passed)).toEqual([]);
    expect(Math.max(...results.map((r) => r.largestError))).toBeLessThan(2e-5);
  });
  it("twenty AdamW steps, whole and in micro-batches", async () => {
    const results = await all(adamw(folders));
    expect(results).toHaveLength(2);
    expect(results.filter((r) => !r.passed)).toEqual([]);
  });
  it("distillation losses and their gradients", async () => {
    const results = await all(losses(folders));
    expect(results.length).toBeGreaterThan(20);
    expect(results.filter((r) => !r.passed)).toEqual([]);
  });
});
