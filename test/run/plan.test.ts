import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { compareInputs } from "../../src/run/changes.ts";
import { stagesOf } from "../../src/run/plan.ts";
import { parseRecipe } from "../../src/run/recipe.ts";
import { fingerprint, type InputFile, inputsOfStages, type StageInputs } from "../../src/run/stage.ts";
import type { RunInputs } from "../../src/run/stages/run_inputs.ts";

const quickstart = await readFile(new URL("../../recipes/quickstart.yaml", import.meta.url), "utf8");

const file = (name: string, seed = "0"): InputFile => ({ name, bytes: 10, sha256: seed.repeat(64) });

/** A plan of the quickstart with overrides, without touching a disk. */
function planned(overrides: string[] = [], files: Partial<RunInputs["files"]> = {}) {
  const recipe = parseRecipe("q.yaml", quickstart, overrides);
  const none = { corpus: [], packages: [], tokenizer: [], teacher: [], reference: [], tasks: [], tokenizers: {} };
  return stagesOf({
    recipe,
    places: new Map(),
    folder: "run",
    corpus: { path: "run/corpus/corpus.jsonl" },
    tasks: [],
    files: { ...none, ...files },
  });
}

/** What all is brought along: nothing is made but students. */
const BROUGHT = [
  "corpus={path: texts.jsonl, tags: [quality]}",
  "tokenizer={path: t}",
  "teacher={path: big}",
  "reference={path: small}",
];
const FILES = {
  corpus: [file("texts.jsonl")],
  tokenizer: [file("tokenizer/tokenizer.json")],
  teacher: [file("teacher/model.safetensors")],
  reference: [file("reference/model.safetensors")],
};

function inputs(overrides: string[], files?: Partial<RunInputs["files"]>): Map<string, StageInputs> {
  return inputsOfStages(planned(overrides, files));
}

describe("the plan", () => {
  it("goes through the method in its order", () => {
    expect(planned().map((stage) => stage.name)).toEqual([
      "corpus",
      "tokenizer",
      "pack/pool",
      "pack/heldout-pool",
      "pack/heldout-curated",
      "pack/teacher",
      "bytes/pack/heldout-pool",
      "bytes/pack/heldout-curated",
      "models/teacher",
      "models/reference",
      "score/teacher",
      "score/reference",
      "score/join",
      "select/difference",
      "select/random",
      "near-duplicates",
      "analyze/difference",
      "analyze/random",
      "students/difference-seed1",
      "students/difference-seed2",
      "students/random-seed1",
      "students/random-seed2",
      "evaluate/difference-seed1",
      "evaluate/difference-seed2",
      "evaluate/random-seed1",
      "evaluate/random-seed2",
      "evaluate/teacher",
      "evaluate/reference",
      "evaluate/evaluation",
      "evaluate/scaling",
      "cards",
      "examples/difference",
      "report",
    ]);
  });

  it("leaves out what is brought along", () => {
    const names = planned(BROUGHT, FILES).map((stage) => stage.name);
    expect(names.slice(0, 6)).toEqual([
      "pack/pool",
      "pack/heldout-pool",
      "pack/heldout-curated",
      "bytes/pack/heldout-pool",
      "bytes/pack/heldout-curated",
      "score/teacher",
    ]);
    expect(names).not.toContain("tokenizer");
  });

  it("gives each output one owner", () => {
    const outputs = planned().flatMap((stage) => stage.outputs);
    expect(new Set(outputs).size).toBe(outputs.length);
    // The model card alone lies in a folder of another stage: it is written when the model has been evaluated.
    const plain = outputs.filter((output) => !/^students\/[^/]+\/README\.md$/.test(output));
    for (const a of plain) for (const b of plain) if (a !== b) expect(b.startsWith(`${a}/`)).toBe(false);
  });

  it("does not depend on where the run folder or the inputs lie", () => {
    const recipe = parseRecipe("q.yaml", quickstart);
    const none = { corpus: [], packages: [], tokenizer: [], teacher: [], reference: [], tasks: [], tokenizers: {} };
    const at = (folder: string) =>
      inputsOfStages(
        stagesOf({
          recipe,
          places: new Map(),
          folder,
          corpus: { path: `${folder}/corpus/corpus.jsonl` },
          tasks: [],
          files: none,
        }),
      );
    expect(at("/a")).toEqual(at("/b/c"));
  });
});

/** Single changes, and the stages whose own inputs they change. Everything that reads those must change too, and nothing else. */
const CHANGES: [string, string[]][] = [
  [
    "seed=2",
    [
      "corpus",
      "tokenizer",
      "pack/pool",
      "pack/heldout-pool",
      "pack/heldout-curated",
      "pack/teacher",
      "models/teacher",
      "models/reference",
      "select/difference",
      "select/random",
      "near-duplicates",
      "analyze/difference",
      "analyze/random",
      "evaluate/evaluation",
      "evaluate/scaling",
      "examples/difference",
    ],
  ],
  ["corpus.demo.megabytes=5", ["corpus"]],
  ["corpus.heldOutShare=0.1", ["tokenizer", "pack/pool", "pack/heldout-pool", "pack/heldout-curated", "pack/teacher"]],
  ["tokenizer.train.vocabSize=1000", ["tokenizer"]],
  ["tokenizer.train.minFrequency=3", ["tokenizer"]],
  ["tokenizer.train.maxBytes=100000", ["tokenizer"]],
  ["tokenizer.train.where={quality: [high]}", ["tokenizer"]],
  ["pack.length=200", ["tokenizer", "pack/pool", "pack/heldout-pool", "pack/heldout-curated", "pack/teacher"]],
  ["pack.mode=document", ["pack/pool", "pack/heldout-pool", "pack/heldout-curated", "pack/teacher"]],
  ["pack.cjkStops=true", ["pack/pool", "pack/heldout-pool", "pack/heldout-curated", "pack/teacher"]],
  ["pack.brackets=correct", ["pack/pool", "pack/heldout-pool", "pack/heldout-curated", "pack/teacher"]],
  ["pack.shuffle=false", ["pack/pool", "pack/heldout-pool", "pack/heldout-curated", "pack/teacher"]],
  ["pack.maxTokens=1000", ["pack/pool"]],
  ["teacher.train.where={quality: [high, mid]}", ["pack/teacher"]],
  ["teacher.train.maxTokens=100000", ["pack/teacher"]],
  ["teacher.train.tokens=1000", ["models/teacher"]],
  ["teacher.train.model.hidden_size=256", ["models/teacher"]],
  ["teacher.train.optimizer.learningRate=0.001", ["models/teacher"]],
  ["teacher.train.optimizer.betas=[0.9, 0.95]", ["models/teacher"]],
  ["teacher.train.batch.instances=16", ["models/teacher"]],
  ["teacher.train.batch.microBatch=8", ["models/teacher"]],
  ["teacher.train.lossNormalization=token", ["models/teacher"]],
  ["reference.train.tokens=1000", ["models/reference"]],
  ["reference.train.optimizer.warmupSteps=3", ["models/reference"]],
  ["reference.train.optimizer.clip=2", ["models/reference"]],
  ["reference.train.where={quality: [low]}", ["pack/reference", "models/reference"]],
  ["score.reduction=sum", ["score/join"]],
  [
    "score.mask=all",
    [
      "bytes/pack/heldout-pool",
      "bytes/pack/heldout-curated",
      "score/teacher",
      "score/reference",
      "evaluate/difference-seed1",
      "evaluate/difference-seed2",
      "evaluate/random-seed1",
      "evaluate/random-seed2",
      "evaluate/teacher",
      "evaluate/reference",
      "examples/difference",
    ],
  ],
  [
    "pack.documentBarrier=true",
    [
      "models/teacher",
      "models/reference",
      "score/teacher",
      "score/reference",
      "students/difference-seed1",
      "students/difference-seed2",
      "students/random-seed1",
      "students/random-seed2",
      "evaluate/difference-seed1",
      "evaluate/difference-seed2",
      "evaluate/random-seed1",
      "evaluate/random-seed2",
      "evaluate/teacher",
      "evaluate/reference",
      "examples/difference",
    ],
  ],
  ["select.difference.ratio=0.4", ["select/difference"]],
  ["select.difference.perSource=true", ["select/difference"]],
  ["select.random.ratio=0.4", ["select/random"]],
  [
    "student.train.tokens=1000",
    ["students/difference-seed1", "students/difference-seed2", "students/random-seed1", "students/random-seed2"],
  ],
  [
    "student.train.optimizer.weightDecay=0",
    ["students/difference-seed1", "students/difference-seed2", "students/random-seed1", "students/random-seed2"],
  ],
  ["students.1.selection=difference", ["students/random-seed1", "students/random-seed2", "cards"]],
  ["evaluate.baseline=difference", ["evaluate/evaluation"]],
  ["evaluate.sets.curated.where={quality: [mid]}", ["pack/heldout-curated"]],
  ["evaluate.sets.pool.maxTokens=1000", ["pack/heldout-pool"]],
  [
    "evaluate.every=7",
    [
      "models/teacher",
      "models/reference",
      "students/difference-seed1",
      "students/difference-seed2",
      "students/random-seed1",
      "students/random-seed2",
    ],
  ],
  ["evaluate.scaling.from=0.1", ["evaluate/scaling"]],
  ["analyze.draws=30", ["analyze/difference", "analyze/random"]],
  ["analyze.threshold=0.5", ["near-duplicates"]],
  ["report.examples=3", ["examples/difference"]],
];

describe("a single change", () => {
  const before = inputs([]);

  it.each(CHANGES)("%s is seen where it has an effect, and below", (override, own) => {
    const now = inputs([override]);
    const changed = new Set(
      [...now]
        .filter(
          ([name, part]) => fingerprint(name, part) !== (before.has(name) ? fingerprint(name, before.get(name)!) : ""),
        )
        .map(([name]) => name),
    );
    const touched = [...now].flatMap(([name, part]) => {
      const was = before.get(name);
      const readsOthers =
        name !== "report" && was !== undefined && Object.keys(was.reads).join() !== Object.keys(part.reads).join();
      return was === undefined || readsOthers || compareInputs(name, was, part).own.length > 0 ? [name] : [];
    });
    expect(touched).toEqual(own);
    const expected = new Set(own);
    for (const [name, part] of now) if (Object.keys(part.reads).some((read) => expected.has(read))) expected.add(name);
    expect([...changed].sort()).toEqual([...expected].sort());
    expect(changed.has("report")).toBe(true);
  });

  it.each([
    ["corpus", ["pack/pool", "pack/heldout-pool", "pack/heldout-curated"]],
    [
      "tokenizer",
      [
        "pack/pool",
        "score/teacher",
        "select/random",
        "students/random-seed1",
        "evaluate/random-seed2",
        "examples/difference",
      ],
    ],
    ["teacher", ["score/teacher", "evaluate/teacher", "examples/difference"]],
    ["reference", ["score/reference", "evaluate/reference", "examples/difference"]],
  ] as const)("of a byte of the %s is seen", (role, stages) => {
    const [was, now] = [
      inputs(BROUGHT, FILES),
      inputs(BROUGHT, { ...FILES, [role]: [file(FILES[role][0]!.name, "1")] }),
    ];
    for (const stage of stages) {
      const [line] = compareInputs(stage, was.get(stage)!, now.get(stage)!).own;
      expect(line).toContain(`${FILES[role][0]!.name}: 10 bytes, sha256 000000000000 -> 10 bytes, sha256 111111111111`);
    }
  });

  it("of an installed package is seen in the demo corpus, and below", () => {
    const packages = (seed: string) => inputs([], { packages: [file("installed packages", seed)] });
    const [was, now] = [packages("0"), packages("1")];
    expect(compareInputs("corpus", was.get("corpus")!, now.get("corpus")!).own).toHaveLength(1);
    for (const stage of ["tokenizer", "pack/pool", "report"])
      expect(fingerprint(stage, was.get(stage)!)).not.toBe(fingerprint(stage, now.get(stage)!));
  });

  it("of the name is not", () => {
    const renamed = inputs(["name=other"]);
    expect([...renamed].map(([name, part]) => fingerprint(name, part))).toEqual(
      [...before].map(([name, part]) => fingerprint(name, part)),
    );
  });
});
