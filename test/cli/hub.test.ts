import { spawn } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { execute as answer } from "../../src/cli/commands/answer.ts";
import { execute as capture } from "../../src/cli/commands/capture.ts";
import { execute as convert } from "../../src/cli/commands/convert.ts";
import { execute as evaluate } from "../../src/cli/commands/evaluate.ts";
import { execute as generate } from "../../src/cli/commands/generate.ts";
import { execute as inspect } from "../../src/cli/commands/inspect.ts";
import { execute as pack } from "../../src/cli/commands/pack.ts";
import { execute as score } from "../../src/cli/commands/score.ts";
import { execute as sequences } from "../../src/cli/commands/sequences.ts";
import { execute as task } from "../../src/cli/commands/task.ts";
import { execute as tokenizer } from "../../src/cli/commands/tokenizer.ts";
import { EXIT, exitCodeOf } from "../../src/cli/terminal.ts";
import { readStoreSummary } from "../../src/distill/store.ts";
import { HeartcutError } from "../../src/errors.ts";
import { HubServer } from "../hub/hub_server.ts";
import { tinyModel, tinyText } from "../hub/tiny_model.ts";
import { buildForChildren } from "../run/built.ts";

let server: HubServer;
let folder: string;
let commit: string;
const context = { report: () => {}, signal: new AbortController().signal };
const at = (name: string) => join(folder, name);
const TEACHER = "hf://owner/teacher";
const TEXTS = "hf://datasets/owner/texts/train/*.jsonl";

beforeEach(async () => {
  server = await HubServer.start();
  folder = await mkdtemp(join(tmpdir(), "heartcut-cli-hub-"));
  const lines = Array.from({ length: 60 }, (_, i) => `${JSON.stringify({ text: tinyText(i) })}\n`).join("");
  commit = server.put("models/owner/teacher", await tinyModel());
  server.put("models/owner/other", await tinyModel(2));
  server.put("datasets/owner/texts", { "train/a.jsonl": lines, "notes.txt": tinyText(7) });
  for (const [name, value] of Object.entries(environment())) vi.stubEnv(name, value);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await server.stop();
  await rm(folder, { recursive: true, force: true });
});

function environment() {
  return { HF_ENDPOINT: server.url, HF_HOME: at("home"), HF_HUB_CACHE: at("cache"), HF_TOKEN: "", HF_HUB_OFFLINE: "" };
}

/** Requests for weights. */
const weights = () => server.requests("GET", ".safetensors").length;

describe("references as arguments", () => {
  it("of models, tokenizers, texts and instances", async () => {
    const length = 32;
    await pack({ corpus: [TEXTS], tokenizer: TEACHER, out: at("pool"), length, seed: 1 }, context);
    expect(weights()).toBe(0);
    const own = { instances: at("pool"), device: "cpu" };
    const scored = await score({ model: `${TEACHER}@${commit}`, out: at("scores"), ...own }, context);
    expect(scored.data).toMatchObject({ instances: expect.any(Number) });

    const { text } = await generate(
      { model: TEACHER, prompt: "The river", maxTokens: 4, temperature: 0, seed: 1, device: "cpu" },
      context,
    );
    expect(text).toMatch(/^The river/);

    const models = [TEACHER, "hf://owner/other@main"];
    const compared = await evaluate({ models, out: at("compared"), seed: 1, ...own }, context);
    expect(compared.text).toMatch(/teacher {2}\d[\s\S]*other {2}\d[\s\S]*other - teacher/);
    expect(await readdir(at("compared/scores"))).toEqual(["other", "teacher"]);

    // The same instances from the hub: a folder of a data set.
    const names = await readdir(at("pool"));
    const stored = await Promise.all(names.map(async (name) => [`pool/${name}`, await readFile(at(`pool/${name}`))]));
    server.put("datasets/owner/packed", Object.fromEntries(stored));
    const instances = "hf://datasets/owner/packed/pool";
    const again = await evaluate({ models, out: at("again"), seed: 1, ...own, instances }, context);
    expect(again.text).toBe(compared.text);

    await capture({ model: TEACHER, out: at("store"), topK: 4, precision: "step64", ...own, instances }, context);
    expect((await readStoreSummary(at("store"))).teacherName).toBe(TEACHER);
    await sequences(
      { model: TEACHER, out: at("texts"), promptTokens: 4, count: 3, afterEos: "end", temperature: 1, ...own },
      context,
    );
    const written = await readFile(at("texts/sequences.json"), "utf8");
    expect(written).toContain(TEACHER);
    expect(written).not.toContain(folder);
    await convert(
      { instances, from: TEACHER, to: "hf://owner/other", output: at("converted"), overflow: "drop" },
      context,
    );
    expect((await inspect({ path: TEACHER, rows: 1 }, context)).text).toContain("model.embed_tokens.weight");
    expect((await inspect({ path: instances, rows: 1 }, context)).text).toMatch(/instance/);
    expect((await inspect({ path: "hf://datasets/owner/texts/train/a.jsonl", rows: 1 }, context)).text).toContain(
      "The river",
    );
  });

  it("bring no weights where a size is asked for", async () => {
    await pack({ corpus: [TEXTS], tokenizer: TEACHER, out: at("pool"), length: 32, seed: 1 }, context);
    const asked = { model: TEACHER, instances: at("pool"), out: at("store"), topK: 4, precision: "step64" } as const;
    const { text } = await capture({ ...asked, dryRun: true, device: "cpu" }, context);
    expect(text).toContain("nothing was written");
    expect(weights()).toBe(0);
  });

  it("of text files give the repository's name as their source, not the cache's folder", async () => {
    const spec = { tokenizer: TEACHER, length: 32, seed: 1 };
    const { data } = await pack(
      { corpus: ["hf://datasets/owner/texts/notes.txt"], out: at("notes"), ...spec },
      context,
    );
    expect(data).toMatchObject({ bySource: [{ source: "texts" }] });
  });

  it("of a task's files and a tokenizer's text", async () => {
    const row = (i: number) =>
      `${JSON.stringify({ ID: `s-${i}`, Body: `Ann has ${i} eggs.`, Question: "How many eggs?", Equation: `( ${i} + 0.0 )`, Answer: i })}\n`;
    server.put("datasets/owner/svamp", { "train.jsonl": [1, 2, 3, 4].map(row).join(""), "test.jsonl": row(9) });
    const file = (split: string) => [`hf://datasets/owner/svamp@main/${split}.jsonl`];
    const given = { task: "svamp", validationShare: 0.25, seed: 1, out: at("task") };
    const { text } = await task({ ...given, train: file("train"), test: file("test") }, context);
    expect(text).toMatch(/svamp, train 3.*test 1/);
    const trained = await tokenizer({ corpus: [TEXTS], vocabSize: 280, out: at("tokenizer") }, context);
    expect(trained.text).toContain("from 60 documents");
  });

  it("of a model to be asked need a place for the answers: the cache is not written into", async () => {
    const asked = {
      model: TEACHER,
      task: at("task"),
      split: "test",
      maxInput: 8,
      maxTarget: 8,
      device: "cpu",
    } as const;
    await expect(answer(asked, context)).rejects.toThrow(/HC4215[\s\S]*--out/);
  });

  it("that are none, or cannot be had, are told by exit codes", async () => {
    const faultOf = (model: string) =>
      generate({ model, prompt: "x", maxTokens: 1, temperature: 0, seed: 1, device: "cpu" }, context).then(
        () => 0,
        (error: Error) => exitCodeOf(error),
      );
    expect(await faultOf("hf:owner/teacher")).toBe(EXIT.usage);
    expect(await faultOf("https://huggingface.co/owner/teacher")).toBe(EXIT.usage);
    expect(await faultOf("hf://owner/nothing")).toBe(EXIT.failed);
    vi.stubEnv("HF_ENDPOINT", "ftp://x");
    expect(await faultOf(TEACHER)).toBe(EXIT.usage);
    for (const [code, exit] of [
      ["HC1604", EXIT.resumable],
      ["HC1613", EXIT.resumable],
      ["HC1611", EXIT.usage],
      ["HC1606", EXIT.failed],
    ] as const)
      expect(exitCodeOf(new HeartcutError(code, { what: "x" }))).toBe(exit);
  });
});

describe("--offline", () => {
  it("reaches the thread that works, before and behind the command's name", { timeout: 120_000 }, async () => {
    const main = join(buildForChildren("cli-hub"), "cli/main.js");
    const heartcut = (...words: string[]) =>
      new Promise<{ status: number | null; output: string }>((resolve) => {
        const child = spawn(process.execPath, [main, ...words], {
          cwd: folder,
          env: { ...process.env, ...environment() },
        });
        let output = "";
        for (const stream of [child.stdout, child.stderr])
          stream.on("data", (chunk) => {
            output += chunk;
          });
        child.on("close", (status) => resolve({ status, output }));
      });
    const words = ["generate", TEACHER, "-p", "The river", "--max-tokens", "2", "--device", "cpu"];
    const missing = await heartcut(...words, "--offline");
    expect(missing.status).toBe(1);
    expect(missing.output).toMatch(/HC1606[\s\S]*hf:\/\/owner\/teacher@main[\s\S]*no --offline/);
    expect(server.seen).toEqual([]);
    const online = await heartcut(...words);
    expect(online.output).toContain(`hf://owner/teacher@${commit}`);
    expect(online.status).toBe(0);
    const asked = server.seen.length;
    expect((await heartcut("--offline", ...words)).output).toContain("The river");
    expect(server.seen.length).toBe(asked);
    await writeFile(at("config.json"), "{}");
    expect((await heartcut("push", ".", "owner/new", "--offline")).output).toContain("cannot be pushed offline");
  });
});
