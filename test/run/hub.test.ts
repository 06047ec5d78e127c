import { mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { InstanceRow } from "../../src/corpus/record.ts";
import { readStoreSummary } from "../../src/distill/store.ts";
import { readParquet } from "../../src/formats/parquet.ts";
import type { HubSettings } from "../../src/hub/settings.ts";
import type { ProgressEvent } from "../../src/progress.ts";
import { parseAnyRecipe } from "../../src/run/any_recipe.ts";
import { HubInputs } from "../../src/run/hub_inputs.ts";
import { parseRecipe } from "../../src/run/recipe.ts";
import { bringRecipe, localRecipe } from "../../src/run/recipe_places.ts";
import { runRecipe } from "../../src/run/run.ts";
import { HubServer, sha256 } from "../hub/hub_server.ts";
import { TINY, tinyModel, tinyText } from "../hub/tiny_model.ts";

let server: HubServer;
let folder: string;
let events: ProgressEvent[];
let settings: Partial<HubSettings>;
const context = {
  report: (event: ProgressEvent) => events.push(event),
  signal: new AbortController().signal,
};

beforeEach(async () => {
  server = await HubServer.start();
  folder = await mkdtemp(join(tmpdir(), "heartcut-run-hub-"));
  events = [];
  settings = { endpoint: server.url, cache: join(folder, "cache"), token: undefined, pauseMs: 1, attempts: 2 };
});
afterEach(async () => {
  await server.stop();
  await rm(folder, { recursive: true, force: true });
});

const lines = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, i) => `${JSON.stringify({ text: tinyText(from + i) })}\n`).join("");

const RECIPE = `name: tiny
device: cpu
corpus: { path: ["hf://datasets/owner/texts/train/*.jsonl", "hf://datasets/owner/more@main/train"], heldOutShare: 0.1 }
tokenizer: { path: hf://owner/teacher }
pack: { length: 32 }
teacher: { path: hf://owner/teacher@main }
reference: { train: { model: ${JSON.stringify(TINY)}, steps: 2, batch: { instances: 4 } } }
select: { half: { method: difference }, chance: { method: random } }
student: { train: { model: ${JSON.stringify(TINY)}, steps: 3, batch: { instances: 4 } } }
students: [{ name: half, selection: half, distill: { from: store, topK: 4 } }, { name: chance, selection: chance }]
evaluate: { every: 2, baseline: chance }
report: { examples: 2 }
`;

async function putInputs(): Promise<string> {
  server.put("datasets/owner/texts", {
    "train/a.jsonl": lines(0, 150),
    "train/b.jsonl": lines(150, 300),
    "c.jsonl": "no",
  });
  server.put("datasets/owner/more", { "train/a.jsonl": lines(300, 400), "README.md": "# more" });
  return server.put("models/owner/teacher", { ...(await tinyModel()), "README.md": "---\nlicense: mit\n---\n" });
}

function run(name: string, own: Partial<HubSettings> = {}) {
  const options = { heartcutVersion: "0", commands: { rerun: "again", elsewhere: "there" } };
  const recipe = parseRecipe("tiny.yaml", RECIPE);
  return runRecipe(recipe, { ...options, folder: join(folder, name), hub: { ...settings, ...own } }, context);
}

/** SHA-256 of every file of a run but those that hold times. */
async function artefacts(name: string): Promise<Map<string, string>> {
  const root = join(folder, name);
  const files = new Map<string, string>();
  for (const file of (await readdir(root, { recursive: true })).sort()) {
    if (/^(run|report)\.(json|html)$|log\.jsonl$|manifest\.jsonl$|stages/.test(file)) continue;
    if ((await stat(join(root, file))).isFile()) files.set(file, sha256(await readFile(join(root, file))));
  }
  return files;
}

describe("a run whose teacher, tokenizer and corpus are on the hub", () => {
  it("is the same again offline, and from another place; no record names the place", async () => {
    const commit = await putInputs();
    await run("first");
    const first = await artefacts("first");
    const text = (name: string) => readFile(join(folder, "first", name), "utf8");
    for (const name of [...first.keys(), "run.json", "log.jsonl", "manifest.jsonl", "report.html"])
      expect((await readFile(join(folder, "first", name))).includes(join(folder, "cache")), name).toBe(false);
    expect(JSON.parse(await text("run.json")).recipe).toContain("path: hf://owner/teacher@main");
    expect(JSON.parse((await text("log.jsonl")).split("\n")[0]!).references).toContain(`hf://owner/teacher@${commit}`);
    const card = await text("students/half-seed1/README.md");
    expect(card).toMatch(new RegExp(`teacher.*: hf://owner/teacher@${commit}, .*sha256`));
    expect(card).toContain("names the licence mit");
    expect(card).toMatch(/datasets:\n {2}- owner\/texts\n {2}- owner\/more/);
    expect((await readStoreSummary(join(folder, "first/capture/half-top4"))).teacherName).toBe(
      "hf://owner/teacher@main",
    );

    // Documents of equal file names go by the repository's, so that they stay apart.
    const rows = await readParquet<InstanceRow>(join(folder, "first/pack/pool/instances.parquet"));
    const names = new Set(rows.map(({ first_document }) => first_document.replace(/:\d+$/, "")));
    expect([...names].sort()).toEqual(["b.jsonl", "owner/more/train/a.jsonl", "owner/texts/train/a.jsonl"]);

    const asked = server.seen.length;
    await run("first", { offline: true });
    expect(events.some((event) => event.type === "stage" && event.status === "reused")).toBe(true);
    await run("offline", { offline: true });
    expect(server.seen.length).toBe(asked);
    await run("elsewhere", { cache: join(folder, "another cache"), symlinks: false });
    for (const name of ["offline", "elsewhere"]) expect(await artefacts(name)).toEqual(first);
  });

  it("stops before it begins where the cache lacks something offline", async () => {
    await putInputs();
    await expect(run("a", { offline: true })).rejects.toThrow(
      /HC1606[\s\S]*hf:\/\/datasets\/owner\/texts[\s\S]*offline/,
    );
    await bringRecipe(parseRecipe("tiny.yaml", RECIPE), settings, context);
    const snapshots = join(folder, "cache/models--owner--teacher/snapshots");
    await rm(join(snapshots, (await readdir(snapshots))[0]!, "model.safetensors"));
    await expect(run("a", { offline: true })).rejects.toThrow(/HC1606[\s\S]*missing: model\.safetensors/);
    await expect(readdir(join(folder, "a"))).rejects.toThrow("ENOENT");
  });

  it("sees by its content that the branch has moved on", async () => {
    await putInputs();
    await run("a");
    server.put("models/owner/teacher", { ...(await tinyModel()), "README.md": "only the card is new" });
    await run("a");
    server.put("models/owner/teacher", await tinyModel(2));
    await expect(run("a")).rejects.toThrow(/HC4101[\s\S]*teacher\/model\.safetensors/);
  });
});

describe("what is brought", () => {
  it("of one revision is of one commit, whatever happens to the branch meanwhile", async () => {
    const files = { "config.json": "{}", "model.safetensors": "w", "tokenizer.json": "{}" };
    const commit = server.put("models/owner/tiny", files);
    const inputs = new HubInputs(settings, context);
    const model = await inputs.bring("hf://owner/tiny", "model");
    server.put("models/owner/tiny", { ...files, "tokenizer.json": "{ }" });
    const tokenizer = await inputs.bring("hf://owner/tiny@main", "tokenizer");
    expect(tokenizer).toEqual(model);
    expect(model).toMatchObject({ reference: `hf://owner/tiny@${commit}`, name: "owner/tiny" });
    expect(await inputs.bring("models/tiny", "model")).toBeUndefined();
    expect(events.filter(({ type }) => type === "stage")).toMatchObject([
      { stage: "hf://owner/tiny@main", status: "start" },
      { stage: `hf://owner/tiny@${commit}`, status: "done" },
      { stage: "hf://owner/tiny@main", status: "start" },
      { stage: `hf://owner/tiny@${commit}`, status: "done" },
    ]);
  });

  it("of an exported graph or a file in parts is all that belongs to it", async () => {
    const part = (n: number) => `gguf/big-0000${n}-of-00002.gguf`;
    server.put("models/owner/exports", {
      "onnx/model.onnx": "graph",
      "onnx/model.onnx_data": "weights",
      "onnx/other.onnx": "graph",
      [part(1)]: "1",
      [part(2)]: "2",
      "gguf/small.gguf": "3",
    });
    const inputs = new HubInputs(settings, context);
    const bring = async (path: string) => (await inputs.bring(`hf://owner/exports/${path}`, "files"))!.path;
    const onnx = await bring("onnx/model.onnx");
    const gguf = await bring(part(1));
    const root = join(onnx, "../..");
    expect([onnx, gguf]).toEqual([join(root, "onnx/model.onnx"), join(root, part(1))]);
    expect((await readdir(join(root, "onnx"))).sort()).toEqual(["model.onnx", "model.onnx_data"]);
    expect((await readdir(join(root, "gguf"))).sort()).toEqual([part(1), part(2)].map((name) => name.slice(5)));
  });

  it("of a recipe of token rationales is its task, models and scores, and the recipe stays as it was written", async () => {
    const data = (name: string) => `hf://datasets/owner/task@v1/${name}.jsonl`;
    const text = `method: rationale
name: r
task: { name: svamp, train: ["${data("a")}", local.jsonl], validation: { share: 0.1 }, test: "${data("test")}" }
tokenizer: { path: hf://owner/tokenizer }
teacher: { train: { from: hf://owner/teacher, steps: 1 } }
attribute: { given: { method: imported, file: { train: "${data("scores")}" } } }
rationales: { tokens: { source: saliency } }
students:
  - { name: s, train: { from: hf://owner/student/sub, steps: 1 } }
  - { name: t, train: { model: { model_type: t5 }, steps: 1 } }
`;
    const recipe = parseAnyRecipe("r.yaml", text);
    const commit = server.put("datasets/owner/task", { "a.jsonl": "1", "test.jsonl": "2", "scores.jsonl": "3" });
    server.repositories.get("datasets/owner/task")!.refs.set("v1", commit);
    const model = { "config.json": "{}", "model.safetensors": "w", "tokenizer.json": "{}" };
    server.put("models/owner/tokenizer", model);
    server.put("models/owner/teacher", model);
    server.put(
      "models/owner/student",
      Object.fromEntries(Object.entries(model).map(([name, file]) => [`sub/${name}`, file])),
    );
    const places = await bringRecipe(recipe, settings, context);
    expect([...places.keys()].sort()).toEqual(
      [
        data("a"),
        data("scores"),
        data("test"),
        "hf://owner/student/sub",
        "hf://owner/teacher",
        "hf://owner/tokenizer",
      ].sort(),
    );
    const local = JSON.stringify(localRecipe(recipe, places));
    expect(local).not.toContain("hf://");
    expect(local).toContain("local.jsonl");
    expect(recipe).toEqual(parseAnyRecipe("r.yaml", text));
    for (const { path } of places.values()) await stat(path);
  });
});
