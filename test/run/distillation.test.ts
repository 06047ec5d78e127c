import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { stagesOf } from "../../src/run/plan.ts";
import { parseRecipe } from "../../src/run/recipe.ts";
import { inputsOfStages, type Stage } from "../../src/run/stage.ts";

const read = (name: string) => readFile(new URL(`../../recipes/${name}.yaml`, import.meta.url), "utf8");
const [families, baselines] = [await read("families"), await read("distillation-baselines")];
const NO_FILES = {
  corpus: [],
  packages: [],
  tokenizer: [],
  teacher: [],
  reference: [],
  tasks: [],
  tokenizers: { small: [] },
};

/** A plan without touching a disk. */
function planned(text: string, overrides: string[] = []): Map<string, Stage> {
  const recipe = parseRecipe("r.yaml", text, overrides);
  const stages = stagesOf({
    recipe,
    places: new Map(),
    folder: "run",
    corpus: { path: "run/corpus.jsonl" },
    tasks: [],
    files: NO_FILES,
  });
  // Throws where a stage reads one that does not come before it.
  inputsOfStages(stages);
  return new Map(stages.map((stage) => [stage.name, stage]));
}

describe("students of several families", () => {
  const stages = planned(families);

  it("share one teacher, one selection, and read it in their own tokens", () => {
    expect([...stages.keys()].filter((name) => /^(models|score)\//.test(name))).toEqual([
      "models/teacher",
      "models/reference",
      "score/teacher",
      "score/reference",
      "score/join",
    ]);
    for (const name of ["llama", "gpt2", "mamba"])
      expect(stages.get(`students/${name}-difference-seed1`)!.reads).toContain("select/difference");
    const { reads } = stages.get("students/small-vocabulary-difference-seed2")!;
    expect(reads).toContain("convert/small/select/difference");
    expect(reads).toContain("convert/small/pack/heldout-pool");
    expect(reads).toContain("tokenizers/small");
    expect(reads).not.toContain("select/difference");
  });

  it("are compared by the bytes of the text, each tokenizer's counted once", () => {
    expect([...stages.keys()].filter((name) => name.startsWith("bytes/"))).toEqual([
      "bytes/pack/heldout-pool",
      "bytes/pack/heldout-curated",
      "bytes/convert/small/pack/heldout-pool",
      "bytes/convert/small/pack/heldout-curated",
    ]);
    expect(stages.get("evaluate/evaluation")!.settings).toMatchObject({
      evaluate: { baselines: { "gpt2-difference": "gpt2-random" } },
    });
  });
});

describe("ways to learn from a teacher", () => {
  const stages = planned(baselines);
  const readsOf = (name: string) => stages.get(`students/${name}-seed1`)!.reads;

  it("read what they learn from, and no more", () => {
    expect(readsOf("plain")).not.toContain("models/teacher");
    expect(readsOf("vanilla-kd")).toContain("models/teacher");
    expect(readsOf("stored-kd")).toContain("capture/random-top32");
    expect(readsOf("stored-kd")).not.toContain("models/teacher");
    expect(readsOf("seqkd")).toContain("generate/teacher-text");
    expect(readsOf("token-mask")).toContain("masks/learnable-random");
    expect(stages.get("masks/learnable-random")!.reads).toContain("score/teacher");
  });

  it("are held to the FLOPs of the plain student of the same seed, which comes first", () => {
    const names = [...stages.keys()];
    for (const seed of [1, 2, 3]) {
      expect(stages.get(`students/miniplm-seed${seed}`)!.reads).toContain(`students/plain-seed${seed}`);
      expect(names.indexOf(`students/plain-seed${seed}`)).toBeLessThan(names.indexOf("students/vanilla-kd-seed1"));
    }
  });

  it("take a student's own length in place of the common one", () => {
    const recipe = parseRecipe("r.yaml", baselines);
    expect(recipe.students[0]!.train).toMatchObject({ tokens: 400_000 });
    expect(recipe.students[0]!.train.flopsOf).toBeUndefined();
    expect(recipe.students[1]!.train).toMatchObject({ flopsOf: "plain" });
  });

  it("capture a selection once for all students that learn its outputs", () => {
    const twice = planned(baselines, ["students.1.distill={weight: 0.3, from: store, topK: 32}"]);
    expect([...twice.keys()].filter((name) => name.startsWith("capture/"))).toEqual(["capture/random-top32"]);
  });
});

describe("a teacher elsewhere", () => {
  const OTHER = ["teacher={endpoint: {url: 'http://127.0.0.1:9/v1', model: big, concurrency: 4}}"];
  const plain = families;

  it("scores, and what decides its answers counts as its settings, not how fast it is asked", () => {
    const settings = (overrides: string[]) => planned(plain, overrides).get("score/teacher")!.settings;
    const changed = (more: string) => [OTHER[0]!.replace("model: big", more)];
    expect(settings(changed("model: big, concurrency: 9").map((x) => x.replace(", concurrency: 4", "")))).toEqual(
      settings(OTHER),
    );
    expect(settings(changed("model: small"))).not.toEqual(settings(OTHER));
  });

  it("of another tokenizer is compared in bits per byte", () => {
    const stages = planned(plain, ["teacher={path: big, tokenizer: small}"]);
    expect(stages.get("score/teacher")!.reads).toContain("convert/small/pack/pool");
    expect(stages.get("score/join")!.settings).toEqual({ unit: "bits_per_byte" });
    expect(stages.get("score/join")!.reads).toEqual([
      "pack/pool",
      "score/teacher",
      "bytes/convert/small/pack/pool",
      "score/reference",
      "bytes/pack/pool",
    ]);
    expect([...stages.keys()].some((name) => name.startsWith("examples/"))).toBe(false);
  });
});

describe("mistakes of students that learn from a teacher", () => {
  const distill = (i: number, text: string) => [`students.${i}.distill=${text}`];
  it.each<[string, string[], RegExp]>([
    ["a selection that is not there", ["students.3.selection=teacher-txt"], /did you mean teacher-text/],
    ["a mask that is not there", ["students.6.mask=learnabel"], /did you mean learnable/],
    ["a mask of text that the teacher wrote", ["students.6.selection=teacher-text"], /no scores to mask it by/],
    ["masks without scores of tokens", ["score.perToken=false"], /score.perToken: true/],
    ["conversion of nothing", ["convert={overflow: carry}"], /convert has no effect/],
    ["an unused section", ["generate.more={}"], /generate\.more has no effect/],
    ["FLOPs of oneself", ["students.0.train={flopsOf: plain}"], /not under students with a length of their own/],
    ["FLOPs of one that has none of its own", ["students.2.train.flopsOf=vanilla-kd"], /length of their own/],
    ["two lengths", ["students.1.train={steps: 5, flopsOf: plain}"], /no effect beside|beside/],
    ["tokens kept of no store", distill(1, "{topK: 8}"), /topK has no effect with from: teacher/],
    [
      "states out of a store",
      distill(1, "{from: store, hidden: {weight: 1, loss: mse}}"),
      /teacher beside the student/,
    ],
    ["a coefficient without effect", distill(1, "{coefficient: 0.3}"), /no effect with loss: cross_entropy/],
    ["rewards of another loss", distill(1, "{onPolicy: {policyGradient: true}}"), /reverse KL/],
    ["prompts as long as instances", distill(1, "{onPolicy: {promptTokens: 128}}"), /smaller number/],
    ["a baseline that is no student", ["students.1.baseline=plan"], /did you mean plain/],
    [
      "KD in other tokens",
      ["tokenizers={small: {train: {vocabSize: 1024}}}", "students.1.tokenizer=small"],
      /teacher's own tokens/,
    ],
    ["a teacher elsewhere beside the student", ["teacher={gguf: big.gguf}"], /set from: store/],
    ["a teacher elsewhere that writes", ["teacher={gguf: big.gguf}"], /only a teacher in this process writes text/],
    ["an unknown loss", distill(1, "{loss: forward_lk}"), /forward_kl/],
    ["an unknown key", distill(1, "{lose: forward_kl}"), /lose.*did you mean loss/s],
  ])("names %s", (_name, overrides, message) => {
    expect(() => parseRecipe("r.yaml", baselines, overrides)).toThrow(message);
  });
});
