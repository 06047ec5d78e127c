import { spawn, spawnSync } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { Random } from "../../src/random.ts";
import { buildForChildren } from "../run/built.ts";
import { COLOURS_TASK, COLOURS_TRAIN, colourRows, coloursRecipe, writeColours } from "../run/colours.ts";

let main: string;
let folder: string;

const ON_CPU = ["--device", "cpu"];
const LIMITS = ["--max-input", "64", "--max-target", "8", ...ON_CPU];

function heartcut(...words: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...words], { cwd: folder, encoding: "utf8" });
  return { status, stdout, stderr };
}

/** Does a command that succeeds. @returns its result, which is one line of JSON */
function done(...words: string[]) {
  const { status, stdout, stderr } = heartcut(...words, "--format", "json");
  expect(stderr).not.toContain("error");
  expect(status).toBe(0);
  expect(stdout.trimEnd().split("\n")).toHaveLength(1);
  return JSON.parse(stdout);
}

/** Starts a command, sends it a signal so many milliseconds after it has said something, and tells how it ended. */
async function interrupted(signal: NodeJS.Signals, says: string, after: number, ...words: string[]) {
  const child = spawn(process.execPath, [main, ...words], { cwd: folder });
  const exited = new Promise<number | string | null>((settle) => child.on("exit", (code, by) => settle(code ?? by)));
  let stderr = "";
  const said = new Promise<void>((resolve) =>
    child.stderr.on("data", (text: Buffer) => {
      stderr += text.toString();
      if (stderr.includes(says)) resolve();
    }),
  );
  await Promise.race([exited, said.then(() => setTimeout(after))]);
  const began = performance.now();
  child.kill(signal);
  const end = await exited;
  return { end, stderr, seconds: (performance.now() - began) / 1000 };
}

async function contents(path: string): Promise<[string, string][]> {
  const names = (await readdir(join(folder, path), { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  const at = join(folder, path).length + 1;
  return Promise.all(names.map(async (name) => [name.slice(at), await readFile(name, "latin1")] as [string, string]));
}

const bytesOf = (path: string) => readFile(join(folder, path));

beforeAll(async () => {
  main = join(buildForChildren("cli-rationale"), "cli/main.js");
  folder = await mkdtemp(join(tmpdir(), "heartcut-cli-rationale-"));
  await writeColours(folder);
  await writeFile(join(folder, "colours.yaml"), stringify(COLOURS_TASK));
  await writeFile(join(folder, "recipe.yaml"), stringify(coloursRecipe("data")));
  const teacher = { ...COLOURS_TRAIN, steps: 6, objective: { layout: "standard", labelPrefix: "" } };
  await writeFile(join(folder, "teacher.yaml"), stringify(teacher));
  await writeFile(join(folder, "student.yaml"), stringify({ ...COLOURS_TRAIN, objective: { layout: "multi_task" } }));
  done("run", "recipe.yaml");
  done(
    ...["task", "colours.yaml", "--train", "data/train.jsonl", "--validation-share", "0.25"],
    ...["--test", "data/test.jsonl", "-o", "task"],
  );
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const RUN = "runs/colours";
const TOKENIZER = ["--tokenizer", `${RUN}/tokenizer`];

describe("the stages alone", () => {
  it("give the bytes of the run, each with one line of JSON", async () => {
    expect(done("finetune", "teacher.yaml", "--task", "task", ...TOKENIZER, ...LIMITS, "-o", "teacher")).toMatchObject({
      model: "t5",
      steps: 6,
      task: "colours",
    });
    const scored = done("attribute", "teacher", "--task", "task", ...LIMITS, "-o", "scores");
    expect(scored).toMatchObject({ method: "gradient", splits: { test: { examples: 16, truncatedExamples: 0 } } });
    const made = done("rationales", "task", "--attributions", "scores", "--option", "k=3", "-o", "tokens");
    expect(made.splits.test).toMatchObject({ examples: 16, rationales: 16, textEqualsUnits: 1 });
    const student = ["student.yaml", "--task", "task", "--rationales", "tokens", ...TOKENIZER, ...LIMITS];
    expect(done("finetune", ...student, "-o", "student").objective.layout).toBe("multi_task");
    const answered = done("answer", "student", "--task", "task", ...LIMITS);
    expect(answered).toMatchObject({ file: "student/predictions-test.jsonl", examples: 16 });
    expect(answered.accuracy).toBe(answered.correct / 16);
    expect(answered.valid + answered.invalid).toBe(16);
    const again = heartcut("answer", "student", "--task", "task", ...LIMITS);
    expect(again.stderr).toMatch(/^answer: 100 %, 16 of 16 answers/m);
    expect(again.stdout).toMatch(new RegExp(`${answered.correct} of 16 right .*, ${answered.invalid} invalid`));
    for (const [alone, ofRun] of [
      ["task/train.jsonl", "task/train.jsonl"],
      ["teacher/model.safetensors", "models/teacher/model.safetensors"],
      ["scores/test.jsonl", "attribute/saliency/test.jsonl"],
      ["tokens/train.jsonl", "rationales/tokens/train.jsonl"],
      ["student/model.safetensors", "students/tokens-seed1/model.safetensors"],
      ["student/metrics.jsonl", "students/tokens-seed1/metrics.jsonl"],
      ["student/predictions-test.jsonl", "students/tokens-seed1/predictions.jsonl"],
    ] as const)
      expect(await bytesOf(alone), alone).toEqual(await bytesOf(join(RUN, ofRun)));
  });

  it("score one text as they score it in a task", async () => {
    const [line] = (await readFile(join(folder, RUN, "task/test.jsonl"), "utf8")).split("\n");
    const { input, target } = JSON.parse(line!) as { input: string; target: string };
    const [row] = (await readFile(join(folder, RUN, "attribute/saliency/test.jsonl"), "utf8")).split("\n");
    const teacher = `${RUN}/models/teacher`;
    const answered = done("attribute", teacher, "--input", input, "--target", target, ...ON_CPU);
    const { tokens, truncated } = answered;
    expect(truncated).toBe(0);
    const own = done("attribute", teacher, "--input", input, ...ON_CPU);
    expect(answered.predicted).toEqual({ answer: own.answer, logProbability: own.logProbability });
    expect(own.predicted).toEqual(answered.predicted);
    expect(answered.logProbability).toBeLessThan(0);
    expect(answered.unknown).toEqual({});
    expect(tokens.map(({ id }: { id: number }) => id)).toEqual(JSON.parse(row!).ids);
    for (const [i, { score }] of (tokens as { score: number }[]).entries())
      expect(score).toBeCloseTo(JSON.parse(row!).scores[i], 5);
    const question = ["attribute", teacher, "--input", input, "--target", target, ...ON_CPU];
    const seeded = (seed: string) => done(...question, "--method", "random", "--seed", seed).tokens;
    expect(seeded("2")).toEqual(seeded("2"));
    expect(seeded("2")).not.toEqual(seeded("3"));
    const cut = heartcut(...question, "--max-input", "3");
    expect(cut.stderr).toMatch(/longer than 3 tokens: its last \d+ tokens were cut off/);
    expect(cut.stdout.trimEnd().split("\n")).toHaveLength(5);
    expect(done("generate", teacher, "--prompt", input, "--max-tokens", "3", ...ON_CPU).tokens.length).toBeLessThan(4);
  });

  it("say what was cut of inputs that are too long", () => {
    const short = ["--max-input", "5", "--max-target", "8", ...ON_CPU];
    const teacher = heartcut("finetune", "teacher.yaml", "--task", "task", ...TOKENIZER, ...short, "-o", "short");
    expect(teacher.stderr).toContain("45 of 45 training examples are longer than");
    const scores = heartcut("attribute", "short", "--task", "task", ...short, "-o", "short-scores");
    expect(scores.stderr).toMatch(
      /longer than 5 tokens lost the end of their text: 45 of 45 in train \(first: 1-\d+\)/,
    );
    expect(done("inspect", "short-scores").splits.test).toMatchObject({ truncatedExamples: 16 });
  });
});

describe("looking at a run", () => {
  it("inspects the run, its models and its records, and writes its report again", () => {
    expect(done("inspect", RUN)).toMatchObject({ method: "rationale", name: "colours" });
    expect(heartcut("inspect", RUN).stdout).toMatch(/^run colours.*\ntask colours: .*\ntask +\d/);
    const { parameters, tensors } = done("inspect", `${RUN}/models/teacher`);
    expect(parameters).toBeGreaterThan(5000);
    expect(tensors.map(({ name }: { name: string }) => name)).toContain("shared.weight");
    expect(done("inspect", `${RUN}/task`, "--rows", "2").first).toHaveLength(2);
    expect(done("inspect", `${RUN}/attribute/saliency`, "--rows", "1").first[0].scores.length).toBeGreaterThan(5);
    expect(heartcut("inspect", `${RUN}/rationales/tokens`).stdout).toContain("source saliency: train 45 of 45");
    expect(done("report", RUN, "-o", "again.html").missing).toEqual([]);
  });

  it("inspects predictions, examples, tokenizers and evaluations", () => {
    const student = `${RUN}/students/tokens-seed1`;
    const { examples, correct, invalid, first } = done("inspect", `${student}/predictions.jsonl`, "--rows", "3");
    expect(first).toHaveLength(3);
    const said = heartcut("inspect", `${student}/predictions.jsonl`).stdout;
    expect(said).toMatch(new RegExp(`${correct} of ${examples} right .*, ${invalid} invalid`));
    expect(done("inspect", `${RUN}/task/train.jsonl`)).toMatchObject({
      rows: 45,
      llmRationales: 45,
      humanRationales: 0,
    });
    expect(done("inspect", `${student}/metrics.jsonl`).rows).toBeGreaterThan(4);
    const tokenizer = done("inspect", `${RUN}/tokenizer`);
    expect(tokenizer).toMatchObject({ family: "byte-level BPE", vocabulary: 300, suffix: [] });
    expect(tokenizer.specials.eos).toEqual({ id: 0, token: "</s>" });
    expect(done("inspect", `${student}/tokenizer.json`)).toEqual(tokenizer);
    const evaluation = done("inspect", `${RUN}/evaluate`);
    expect(evaluation.students.map(({ name }: { name: string }) => name)).toEqual(["standard", "tokens"]);
    expect(heartcut("inspect", `${RUN}/evaluate`).stdout).toMatch(/tokens - standard .* points .* p [\d.]+ \(Holm\)/);
    expect(done("inspect", RUN)).toMatchObject({ finished: true, stagesBegun: [] });
  });

  it("keeps a run whole when its students are asked again, and reuses every stage", () => {
    done("answer", `${RUN}/students/tokens-seed1`, "--task", `${RUN}/task`, "--split", "validation", ...LIMITS);
    const { summary } = done("run", "recipe.yaml");
    expect(summary.stages.filter(({ reused }: { reused: boolean }) => !reused)).toEqual([]);
  });
});

describe("interruptions", () => {
  it("stops a run on Ctrl-C, shows how far it is, and goes on to the same bytes", async () => {
    const words = ["run", "recipe.yaml", "--set", "student.train.steps=150", "--out"];
    for (const stage of ["models/teacher", "students/standard-seed1"]) {
      const { end, seconds, stderr } = await interrupted("SIGINT", `${stage}: started`, 300, ...words, "stopped");
      expect(end).toBe(130);
      expect(seconds).toBeLessThan(5);
      expect(stderr).toContain(`go on with: heartcut ${words.join(" ")} stopped`);
    }
    const { report, missing } = done("report", "stopped");
    expect(report).toBe("stopped/unfinished/report.html");
    expect(missing.map(({ what }: { what: string }) => what)).toContain("evaluation");
    expect(heartcut("report", "stopped").stdout).toContain("No verdict yet");
    expect(done("inspect", "stopped").stages.length).toBeGreaterThan(3);
    expect(done("inspect", "stopped")).toMatchObject({ finished: false, stagesBegun: ["students/standard-seed1"] });
    expect(heartcut("inspect", "stopped").stdout).toMatch(
      /not finished: \d+ stages done, begun: students\/standard-seed1\n.*resumes it: heartcut run RECIPE --out stopped/,
    );
    done(...words, "stopped");
    done(...words, "whole");
    for (const student of ["standard-seed1", "tokens-seed1"])
      for (const name of ["model.safetensors", "metrics.jsonl", "predictions.jsonl"])
        expect(await bytesOf(join("stopped/students", student, name))).toEqual(
          await bytesOf(join("whole/students", student, name)),
        );
  });

  it("ends finetune and attribute with the same bytes after kill -9 and Ctrl-C", async () => {
    await mkdir(join(folder, "many"));
    await writeFile(join(folder, "many/rows.jsonl"), colourRows(900, 3));
    done(
      ...["task", "colours.yaml", "--train", "many/rows.jsonl", "--test", "data/test.jsonl"],
      ...["-o", "many/task"],
    );
    const set = [
      "--set",
      "steps=150",
      "--set",
      "checkpointEvery=10",
      "--set",
      "evalEvery=50",
      "--set",
      "validationExamples=20",
    ];
    const commands = {
      finetune: ["finetune", "teacher.yaml", "--task", "many/task", ...TOKENIZER, ...LIMITS, ...set],
      attribute: ["attribute", `${RUN}/models/teacher`, "--task", "many/task", ...LIMITS, "--top-k", "2"],
    };
    const random = new Random(1, "test/kills");
    for (const [name, words] of Object.entries(commands)) {
      done(...words, "-o", `many/${name}`);
      let stops = 0;
      for (const signal of ["SIGKILL", "SIGKILL", "SIGINT", "SIGKILL"] as const) {
        const after = 600 * random.uniform();
        const again = [...words, "-o", `many/${name}-killed`];
        const { end, seconds } = await interrupted(signal, `${name}: `, after, ...again);
        // It may have come to its end before: then there was nothing to stop.
        expect([0, signal === "SIGINT" ? 130 : signal]).toContain(end);
        expect(seconds).toBeLessThan(5);
        if (end !== 0) stops++;
      }
      expect(stops).toBeGreaterThan(0);
      done(...words, "-o", `many/${name}-killed`);
      expect(await contents(`many/${name}-killed`)).toEqual(await contents(`many/${name}`));
    }
  });
});
