import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { generateInstances } from "../../src/capture/sequences.ts";
import { openInstances } from "../../src/corpus/instances.ts";
import { generateTokens } from "../../src/models/generate.ts";
import { type ProgressEvent, quietContext } from "../../src/progress.ts";
import { EOS, instanceFolder, randomInstances, temporaryFolder, VOCAB } from "../score/bigram.ts";
import { sequencesInput } from "./writer.ts";

const data = randomInstances(20, 2);

async function written(folder: string) {
  const reader = await openInstances(folder);
  try {
    const rows = await reader.rows();
    return rows.map((row) => ({ ...row, ids: reader.read(row.instance) }));
  } finally {
    reader.close();
  }
}

describe("generateInstances", () => {
  test("each text goes on from its prompt as generation alone would, up to EOS or the length", async () => {
    const parent = await temporaryFolder();
    const instances = await instanceFolder(parent, data);
    const input = sequencesInput({ instances, promptTokens: 6 }, join(parent, "out"));
    const summary = await generateInstances({ ...input, shardSequences: 7 }, quietContext());
    const texts = await written(input.folder);
    expect(texts.length).toBe(20);
    for (const [i, { ids, source, first_document, last_document }] of texts.entries()) {
      const prompt = data[i]!.tokens.slice(0, 6);
      const alone = await generateTokens(input.model, prompt, {
        maxNewTokens: 40 - prompt.length,
        temperature: 1,
        seed: 5,
        stopIds: [EOS],
        streams: [String(i)],
      });
      expect([...ids]).toEqual([...prompt, ...alone]);
      expect([source, first_document, last_document]).toEqual([data[i]!.source, `d${i}`, `generated/${i}`]);
      const end = ids.indexOf(EOS, prompt.length);
      expect(end < 0 ? ids.length : end + 1).toBe(end < 0 ? 40 : ids.length);
    }
    const prompts = data.reduce((sum, { tokens }) => sum + Math.min(6, tokens.length), 0);
    expect(summary).toMatchObject({
      instances: 20,
      tokens: texts.reduce((sum, { ids }) => sum + ids.length, 0),
      generatedTokens: texts.reduce((sum, { ids }) => sum + ids.length, 0) - prompts,
      ended: texts.filter(({ ids }) => ids.at(-1) === EOS).length,
    });
    const [example] = (await readFile(join(input.folder, "examples.jsonl"), "utf8")).split("\n");
    expect(JSON.parse(example!)).toEqual({
      instance: 0,
      source: data[0]!.source,
      prompt: data[0]!.tokens.slice(0, 6).join(" "),
      completion: texts[0]!.ids.slice(6).join(" "),
    });
    await input.model.dispose();
  });

  test("from BOS alone, writing on behind EOS: all texts have the whole length, and some hold several documents", async () => {
    const parent = await temporaryFolder();
    const input = sequencesInput({ bos: 1, count: 24 }, join(parent, "out"));
    const summary = await generateInstances({ ...input, afterEos: "next" }, quietContext());
    const texts = await written(input.folder);
    expect(texts.every(({ ids, source }) => ids.length === 40 && ids[0] === 1 && source === "generated")).toBe(true);
    expect(texts.some(({ ids }) => ids.subarray(1, -1).includes(EOS))).toBe(true);
    expect(new Set(texts.map(({ ids }) => ids.join())).size).toBe(24);
    expect(summary.corpus).toBe(null);
    // A finished generation is not done again; another seed is another one.
    const events: ProgressEvent[] = [];
    const watched = { ...quietContext(), report: (event: ProgressEvent) => events.push(event) };
    expect(await generateInstances({ ...input, afterEos: "next" }, watched)).toEqual(summary);
    expect(events).toEqual([]);
    const seeded = { ...input, afterEos: "next", seed: 6 } as const;
    await expect(generateInstances(seeded, quietContext())).rejects.toThrow(/HC1053[\s\S]*seed: 5\n[\s\S]*seed: 6\n/);
    const folder = join(parent, "other");
    const other = await generateInstances({ ...seeded, folder }, quietContext());
    expect(other.instances).toBe(24);
    expect((await written(folder)).map(({ ids }) => ids.join())).not.toEqual(texts.map(({ ids }) => ids.join()));
    await input.model.dispose();
  });

  test("refuses what cannot be used before the teacher writes a word", async () => {
    const parent = await temporaryFolder();
    const instances = await instanceFolder(parent, data);
    const input = sequencesInput({ instances, promptTokens: 6 }, join(parent, "out"));
    const refused = (change: Partial<typeof input>) =>
      expect(generateInstances({ ...input, ...change }, quietContext())).rejects;
    await refused({ length: 6 }).toThrow("HC3422");
    await refused({ length: 65 }).toThrow(/HC3422[\s\S]*context of 64/);
    await refused({ shardSequences: 0 }).toThrow("HC3422");
    await refused({ prompts: { instances, promptTokens: 0 } }).toThrow("HC3421");
    await refused({ prompts: { instances, promptTokens: 6, count: 21 } }).toThrow(/HC3421[\s\S]*at least 21/);
    await refused({ prompts: { bos: 1, count: 0 } }).toThrow("HC3421");
    await refused({ temperature: 0, topK: 5 }).toThrow("HC1141");
    await refused({ folder: instances }).toThrow("HC3409");
    await refused({ folder: parent }).toThrow("HC3409");
    const { eos: _, ...specials } = input.tokenizer.specials;
    const tokenizer = { ...input.tokenizer, specials: specials as typeof input.tokenizer.specials };
    await refused({ tokenizer }).toThrow("HC3423");
    expect(VOCAB).toBe(input.model.vocabSize);
    await input.model.dispose();
  });
});
