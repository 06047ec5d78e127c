import { spawnSync } from "node:child_process";
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { buildForChildren } from "../run/built.ts";
import { COLOURS_TASK, COLOURS_TRAIN, colourRows, coloursRecipe, writeColours } from "../run/colours.ts";

let main: string;
let folder: string;

function heartcut(...words: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...words], { cwd: folder, encoding: "utf8" });
  return { status, stdout, stderr };
}

function done(...words: string[]): void {
  const { status, stderr } = heartcut(...words);
  expect(stderr).not.toContain("error");
  expect(status).toBe(0);
}

const write = (name: string, text: string) => writeFile(join(folder, name), text);
const CPU = ["--device", "cpu"];
const LIMITS = ["--max-input", "64", "--max-target", "8", ...CPU];
const TEST = ["--test", "data/test.jsonl", "-o", "new"];
const TASK = (train: string) => ["task", "colours.yaml", "--train", train, ...TEST];
const TEXT = ["attribute", "teacher", "--input", "the hat is red"];
const ALL = ["attribute", "teacher", "--task", "task", ...LIMITS];
const TUNE = ["finetune", "teacher.yaml", "--task", "task", "--tokenizer", "tokenizer", ...LIMITS];
const RATIONALES = ["rationales", "task"];

beforeAll(async () => {
  main = join(buildForChildren("cli-rationale"), "cli/main.js");
  folder = await mkdtemp(join(tmpdir(), "heartcut-bad-"));
  await writeColours(folder);
  const [first, second] = colourRows(2, 1).split("\n") as [string, string];
  await write("torn.jsonl", `${first}\n\n${second.slice(0, 80)}\n`);
  await write("field.jsonl", `${first}\n${second.replace('"thing"', '"thnig"')}\n`);
  await write("choice.jsonl", `${first}\n${second.replace(/"answer":"\w+"/, '"answer":"purple"')}\n`);
  await write("twice.jsonl", `${first}\n${first}\n`);
  await write("empty.jsonl", "");
  await write("nli.jsonl", '{"uid":"1","premise":"A","hypothesis":"B","label":"entailmnt"}\n');
  await write("colours.yaml", stringify(COLOURS_TASK));
  await write("typo.yaml", stringify({ ...COLOURS_TASK, chocies: "colours" }));
  await write("lines.yaml", "name: x\ninput: [\n");
  await write("recipe.yaml", stringify(coloursRecipe("data")));
  await write("teacher.yaml", stringify({ ...COLOURS_TRAIN, objective: { layout: "standard", labelPrefix: "" } }));
  await write("student.yaml", stringify({ ...COLOURS_TRAIN, objective: { layout: "multi_task" } }));
  done(...TASK("data/train.jsonl").slice(0, -2), "-o", "task");
  await write("texts.jsonl", JSON.stringify({ text: "the hat is red. what colour is the hat? ".repeat(20) }));
  done("tokenizer", "train", "texts.jsonl", "--vocab-size", "270", "-o", "tokenizer");
  done(...TUNE, "-o", "teacher");
  done(...ALL, "--split", "test", "-o", "scores");
  done(...RATIONALES, "--source", "llm", "-o", "rationales");
  for (const name of ["models/teacher", "students/standard-seed1"]) {
    await mkdir(join(folder, "run", name), { recursive: true });
    await write(`run/${name}/config.json`, "{}");
  }
  await write("run/run.json", "{}");
  await mkdir(join(folder, "nothing"));
  await cp(join(folder, "tokenizer"), join(folder, "bloom"), { recursive: true });
  await cp(join(folder, "teacher/model.safetensors"), join(folder, "bloom/model.safetensors"));
  await write("bloom/config.json", '{"model_type":"bloom","vocab_size":270}');
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Command, exit code, and what its message must hold: code and place, what stands there, what to do. */
const MISTAKES: [string, string[], 1 | 2, RegExp[]][] = [
  ["a line that is no JSON", TASK("torn.jsonl"), 1, [/HC1052/, /torn\.jsonl:3/, /JSON/, /fix/]],
  [
    "a field the task asks for",
    TASK("field.jsonl"),
    1,
    [/HC6021.*"thing"/, /field\.jsonl:2/, /thnig/, /correct the name/],
  ],
  ["an answer beside the choices", TASK("choice.jsonl"), 1, [/HC6014/, /choice\.jsonl:2/, /"purple"/, /one of "/]],
  ["an id that occurs twice", TASK("twice.jsonl"), 1, [/HC6030/, /twice\.jsonl:2/, /first at .*:1/]],
  ["a file without rows", TASK("empty.jsonl"), 1, [/HC6032/, /empty\.jsonl/]],
  ["a file that is not there", TASK("gone.jsonl"), 1, [/HC1004/, /gone\.jsonl/]],
  [
    "a label the task does not know",
    ["task", "anli_r1", "--train", "nli.jsonl", ...TEST],
    1,
    [/HC6013/, /nli\.jsonl:1/, /entailmnt/, /neutral/],
  ],
  [
    "a file of another task",
    ["task", "svamp", "--train", "nli.jsonl", ...TEST],
    1,
    [/HC6011/, /nli\.jsonl:1/, /fields uid/],
  ],
  ["an unknown task", ["task", "svmap", "--train", "nli.jsonl", ...TEST], 2, [/HC6010/, /did you mean "svamp"/]],
  [
    "a typo in a task's description",
    ["task", "typo.yaml", "--train", "data/train.jsonl", ...TEST],
    2,
    [/HC4002.*chocies/, /typo\.yaml:\d+:1/, /choices/],
  ],
  [
    "a description that is no YAML",
    ["task", "lines.yaml", "--train", "data/train.jsonl", ...TEST],
    2,
    [/HC4001/, /lines\.yaml:3:1/],
  ],
  [
    "the same file for test",
    [...TASK("data/test.jsonl")],
    1,
    [/HC6031/, /same file/, /a test file with examples of its own/],
  ],
  [
    "the same file for validation",
    [...TASK("data/train.jsonl"), "--validation", "data/train.jsonl"],
    1,
    [/HC6031/, /same file/, /--validation-share 0\.1/],
  ],
  [
    "settings in place of a task",
    ["task", "teacher.yaml", "--train", "data/train.jsonl", ...TEST],
    2,
    [/HC6043.*settings of a training/, /keys model/, /heartcut finetune teacher\.yaml/],
  ],
  ["a share that is none", [...TASK("data/train.jsonl"), "--validation-share", "many"], 2, [/number from 0 to 1/]],
  ["a limit of no split", [...TASK("data/train.jsonl"), "--limit", "tarin=3"], 2, [/HC4209/, /tarin=3/]],

  ["a folder that is no model", ["attribute", "nothing", "--input", "x"], 1, [/HC1004/, /nothing\/config\.json/]],
  ["a model that cannot be run", ["attribute", "bloom", "--input", "x"], 1, [/HC1102/, /bloom/, /llama.*t5/]],
  [
    "a split that is none",
    [...ALL, "-o", "new", "--split", "test", "--split", "trian"],
    2,
    [/trian.*train, validation, test/],
  ],
  ["nothing to attribute", ["attribute", "teacher"], 2, [/HC4207/, /--input TEXT/]],
  ["a blank text", ["attribute", "teacher", "--input", " "], 2, [/HC4207/, /no text/]],
  ["--top-k for one text", [...TEXT, "--top-k", "4"], 2, [/--top-k.*--input/]],
  ["--split for one text", [...TEXT, "--split", "test"], 2, [/--split.*--input/]],
  [
    "a run in place of a model",
    ["attribute", "run", "--input", "x"],
    2,
    [/HC6042.*a run/, /for example run\/models\/teacher/, /students\/standard-seed1/],
  ],
  ["a task in place of a model", ["answer", "task", "--task", "task"], 2, [/HC6042.*a prepared task/, /config\.json/]],
  ["a model in place of a task", ["answer", "teacher", "--task", "teacher"], 2, [/HC6042.*a model/, /task\.json/]],
  ["a tokenizer in place of a model", ["attribute", "tokenizer", "--input", "x"], 2, [/HC6042.*a tokenizer/]],
  [
    "an option's value",
    [...TEXT, ...CPU, "--option", "norm=l3"],
    2,
    [/HC6102.*norm/, /"l3"/, /one of: l1, l2/, /write l/],
  ],
  [
    "an option's value out of range",
    [...TEXT, ...CPU, "--method", "integrated_gradients", "--option", "steps=0"],
    2,
    [/HC6102.*steps/, /found +0/, /a number of at least 1/, /left out, it is 32/],
  ],
  ["--seed without chance", [...TEXT, "--seed", "3"], 2, [/HC4211/, /--method gradient/]],
  [
    "another answer without use",
    [...TEXT, "--target", "red", "--contrast", "blue", ...CPU],
    2,
    [/HC4207/, /give both/],
  ],
  [
    "contrast without another answer",
    [...TEXT, "--target", "red", "--option", "scalar=contrastive"],
    2,
    [/HC4207/, /give both/],
  ],
  ["an option the method lacks", [...TEXT, ...CPU, "--option", "nrom=l2"], 2, [/HC6101/, /write norm/]],
  ["an option without a value", [...TEXT, "--option", "norm"], 2, [/HC4208/, /KEY=VALUE/]],
  ["a limit without room", [...TEXT, "--max-input", "0"], 2, [/whole number of at least 1/]],
  ["more outputs than tokens", [...ALL, "-o", "new", "--top-k", "9999"], 2, [/HC6106/, /vocabulary/]],
  [
    "a folder that is no task",
    ["attribute", "teacher", "--task", "data", "-o", "new"],
    1,
    [/HC6040/, /data\/task\.json/],
  ],

  [
    "scores of too few splits",
    [...RATIONALES, "--attributions", "scores", "-o", "new"],
    1,
    [/HC6141/, /attribute the train split/],
  ],
  ["no scores", [...RATIONALES, "-o", "new"], 2, [/HC6202/, /no attributions/]],
  [
    "scores without use",
    [...RATIONALES, "--source", "llm", "--attributions", "scores", "-o", "new"],
    2,
    [/HC6202/, /leave out/],
  ],
  [
    "rationales that are all empty",
    [...RATIONALES, "--source", "human", "-o", "new"],
    1,
    [/HC6206/, /train: \d+ missing/, /fix/],
  ],
  [
    "an option the source lacks",
    [...RATIONALES, "--source", "llm", "--option", "k=3", "-o", "new"],
    2,
    [/HC6201/, /llm/],
  ],
  [
    "a seed without chance",
    [...RATIONALES, "--source", "llm", "--seed", "3", "-o", "new"],
    2,
    [/HC4211/, /--source llm/],
  ],

  [
    "an objective without its rationales",
    ["finetune", "student.yaml", ...TUNE.slice(2), "-o", "new"],
    2,
    [/HC6304/, /rationales/],
  ],
  [
    "rationales without use",
    [...TUNE, "--rationales", "rationales", "-o", "new"],
    2,
    [/HC6302/, /leave rationales out/],
  ],
  [
    "a task in place of settings",
    ["finetune", "colours.yaml", ...TUNE.slice(2), "-o", "new"],
    2,
    [/HC6043.*a task of one's own/, /keys name, input/, /heartcut task colours\.yaml/],
  ],
  [
    "a recipe in place of settings",
    ["finetune", "recipe.yaml", ...TUNE.slice(2), "-o", "new"],
    2,
    [/HC6043.*a whole recipe/, /stands under `train`/],
  ],
  [
    "a model without a tokenizer",
    ["finetune", "teacher.yaml", "--task", "task", "-o", "new"],
    2,
    [/HC4005/, /--tokenizer/],
  ],
  ["a typo in the settings", [...TUNE, "--set", "stesp=3", "-o", "new"], 2, [/HC4002/, /did you mean steps/]],
  [
    "a kind of model that is none",
    [...TUNE, "--set", "model.model_type=bloom", "-o", "new"],
    2,
    [/HC4003.*bloom/, /llama/],
  ],
  ["answers beyond the limit", [...TUNE, "--max-target", "1", "-o", "new"], 1, [/HC6308/, /example 1-/, /at most 1/]],
  [
    "rationales a model does not read",
    ["answer", "teacher", "--task", "task", "--rationales", "rationales"],
    2,
    [/HC6302/, /leave rationales out/],
  ],
  [
    "a task's key in a recipe",
    ["run", "recipe.yaml", "--set", "task.custom.chocies=x"],
    2,
    [/HC4002/, /did you mean choices/],
  ],
];

describe("a mistake is named, with what stands there and what to do", () => {
  it.each(MISTAKES)("%s", (_name, words, status, patterns) => {
    const result = heartcut(...words);
    for (const pattern of patterns) expect(result.stderr).toMatch(pattern);
    expect(result.status).toBe(status);
    expect(result.stdout).toBe("");
    expect(result.stderr).not.toContain("    at ");
  });

  it("as one line of JSON where that is asked for", () => {
    const { stderr, stdout } = heartcut(...TASK("choice.jsonl"), "--format", "json");
    expect(stdout).toBe("");
    expect(JSON.parse(stderr)).toMatchObject({ error: { code: "HC6014", where: "choice.jsonl:2", found: '"purple"' } });
  });
});

describe("no output takes the place of what it is made from", () => {
  it.each<[string, string[], string]>([
    ["raw rows", [...TASK("data/train.jsonl").slice(0, -2), "-o", "data"], "data/train.jsonl"],
    ["the task, by scores", [...ALL, "-o", "task"], "task/train.jsonl"],
    ["the model, by scores", [...ALL, "-o", "teacher"], "teacher/config.json"],
    ["the task, by a model", [...TUNE, "-o", "task"], "task/task.json"],
    ["scores, by rationales", [...RATIONALES, "--source", "llm", "-o", "scores"], "scores/test.jsonl"],
    [
      "the start of a training",
      ["finetune", "teacher.yaml", "--task", "task", "--set", "model=null", "--set", "from=teacher", "-o", "teacher"],
      "teacher/model.safetensors",
    ],
    ["a model from elsewhere", [...TUNE, "-o", "bloom"], "bloom/config.json"],
  ])("%s", async (_name, words, file) => {
    const before = await readFile(join(folder, file));
    const { status, stderr } = heartcut(...words);
    expect(stderr).toMatch(/HC4210[\s\S]*choose a new folder/);
    expect(status).toBe(2);
    expect(await readFile(join(folder, file))).toEqual(before);
  });
});
