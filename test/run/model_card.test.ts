import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { contentHash, givenOrigin, hubName, licenceOf, publicRecipe } from "../../src/run/card_origins.ts";
import { type ModelCard, modelCard } from "../../src/run/model_card.ts";

const CARD: ModelCard = {
  lineage: { title: "tiny student difference, seed 1", sentence: "This student was trained from scratch." },
  pipelineTag: "text-generation",
  metadata: { baseModel: "owner/teacher", datasets: ["owner/data"], languages: ["en"] },
  origins: [{ role: "teacher", text: "hf://owner/teacher@main, sha256 00", licence: "apache-2.0" }],
  losses: "Minimised was the cross-entropy of the next token.",
  facts: [["parameters", "10"]],
  results: [
    {
      dataset: "pool",
      split: "held out",
      metric: "loss",
      name: "loss, nats per token",
      value: 2.5,
      standardError: 0.01,
      interval: [2.48, 2.52],
      sample: "400 instances",
      beside: [{ model: "teacher", value: 2 }],
    },
  ],
  recipe: "name: tiny\n",
};

const front = (text: string) => parse(/^---\n([\s\S]*?)\n---\n/.exec(text)![1]!);

describe("a model card", () => {
  it("tells the Hub and people what the model is", () => {
    const text = modelCard(CARD);
    expect(front(text)).toEqual({
      library_name: "transformers",
      pipeline_tag: "text-generation",
      language: ["en"],
      base_model: "owner/teacher",
      datasets: ["owner/data"],
      tags: ["heartcut", "distillation"],
      "model-index": [
        {
          name: "tiny student difference, seed 1",
          results: [
            {
              task: { type: "text-generation" },
              dataset: { name: "pool", type: "pool", split: "held out" },
              metrics: [{ type: "loss", name: "loss, nats per token", value: 2.5 }],
            },
          ],
        },
      ],
    });
    expect(text).toContain(
      "| pool (held out) | loss, nats per token | 2.5000 ± 0.0100 | 2.4800 … 2.5200 | 2.0000 | 400 instances |",
    );
    expect(text).toContain("The model card of the teacher names the licence apache-2.0.");
    expect(text).toContain("AutoModelForCausalLM.from_pretrained(name)");
    expect(modelCard(CARD)).toBe(text);
  });

  it("says nothing of what is not known", () => {
    const metadata = { datasets: [], languages: [] };
    const text = modelCard({ ...CARD, metadata, results: [], origins: [] });
    expect(front(text)).toEqual({
      library_name: "transformers",
      pipeline_tag: "text-generation",
      tags: ["heartcut", "distillation"],
    });
    expect(text).not.toContain("## Results");
  });

  it("cannot be steered by names", () => {
    const nasty = fc.string({
      unit: fc.constantFrom("a", "\n", "|", "-", "#", "`", "<", "]", "(", "*", '"', ":", "---\n", "&lt;"),
    });
    fc.assert(
      fc.property(nasty, nasty, (word, recipe) => {
        const result = { ...CARD.results[0]!, dataset: word };
        const text = modelCard({
          ...CARD,
          lineage: { title: word, sentence: word },
          metadata: { ...CARD.metadata, licence: word },
          origins: [{ role: word, text: word }],
          results: [result],
          recipe,
        });
        const usual = modelCard({
          ...CARD,
          lineage: { title: "x", sentence: "x" },
          recipe: "x",
          origins: [{ role: "x", text: "x" }],
        });
        const headings = (markdown: string) =>
          markdown
            .split("\n## Recipe")[0]!
            .match(/^##? .*$/gm)!
            .slice(1);
        expect(headings(text)).toEqual(headings(usual));
        expect(Object.keys(front(text)).sort()).toEqual([...Object.keys(front(usual)), "license"].sort());
        const fence = /\n(`{3,})yaml\n([\s\S]*)\n\1\n$/.exec(text)!;
        expect(fence[2]).toBe(recipe.trimEnd());
        expect(fence[2]).not.toContain(fence[1]);
      }),
    );
  });
});

describe("an origin", () => {
  it("never says where something lies on this machine", async () => {
    const file = { name: "model.safetensors", bytes: 1, sha256: "a".repeat(64) };
    const origin = await givenOrigin("teacher", "/home/me/secret/models/big", [file]);
    expect(origin.text).toBe(`big, sha256 ${"a".repeat(64)}`);
    expect((await givenOrigin("teacher", "hf://owner/big@main", [file])).text).toContain("hf://owner/big@main");
    const recipe = { teacher: { path: "C:\\Users\\me\\big" }, corpus: { path: ["/data/x.jsonl", "y.jsonl", "/"] } };
    expect(parse(publicRecipe(recipe))).toEqual({
      teacher: { path: "…/big" },
      corpus: { path: ["…/x.jsonl", "y.jsonl", "/"] },
    });
    expect(hubName("hf://owner/big@main")).toBe("owner/big");
    expect(hubName("owner/big")).toBeUndefined();
  });

  it("is known by its content, in whatever order its files come", () => {
    const files = ["b", "a"].map((name, i) => ({ name, sha256: String(i).repeat(64) }));
    expect(contentHash(files)).toBe(contentHash(files.toReversed()));
    expect(contentHash(files)).not.toBe(contentHash([files[0]!, { ...files[1]!, sha256: "2".repeat(64) }]));
  });

  it("has the licence that its own card names", async () => {
    const folder = await mkdtemp(join(tmpdir(), "heartcut-card-"));
    expect(await licenceOf(folder)).toBeUndefined();
    for (const [text, licence] of [
      ["---\nlicense: mit\n---\n# x", "mit"],
      ["---\nlicense: [a, b]\n---\n", undefined],
      ["---\nlicense: 'a b | c'\n---\n", undefined],
      ["---\n{\n---\n", undefined],
      ["# x", undefined],
    ] as const) {
      await writeFile(join(folder, "README.md"), text);
      expect(await licenceOf(folder)).toBe(licence);
    }
    await rm(folder, { recursive: true });
  });
});
