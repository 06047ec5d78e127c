import { randomBytes } from "node:crypto";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { writeSafetensors } from "../../src/formats/safetensors.ts";
import { downloadModel } from "../../src/hub/download.ts";
import { type PushOptions, pushModel } from "../../src/hub/push.ts";
import type { HubSettings } from "../../src/hub/settings.ts";
import { quietContext } from "../../src/progress.ts";
import { HubServer, sha256, TOKEN } from "./hub_server.ts";

let server: HubServer;
let root: string;
let folder: string;
let settings: Partial<HubSettings>;

const SENT = [
  "README.md",
  "config.json",
  "generation_config.json",
  "model.safetensors",
  "tokenizer.json",
  "tokenizer_config.json",
  "training.json",
];

beforeEach(async () => {
  server = await HubServer.start();
  root = await mkdtemp(join(tmpdir(), "heartcut-push-"));
  folder = join(root, "student");
  await writeModel();
  settings = { endpoint: server.url, token: TOKEN, pauseMs: 1, attempts: 3, cache: join(root, "cache") };
});
afterEach(async () => {
  await server.stop();
  await rm(root, { recursive: true, force: true });
});

/** A finished model, with everything beside it that a training leaves. */
async function writeModel(): Promise<void> {
  await mkdir(join(folder, "checkpoints/step-5"), { recursive: true });
  const data = new Float32Array(randomBytes(40_000).buffer.slice(0, 4000));
  const weights = await writeSafetensors(join(folder, "model.safetensors"), [
    { name: "w", dtype: "F32", shape: [10, 100], data },
  ]);
  const texts = {
    "README.md": "---\nlibrary_name: transformers\n---\n# tiny\n",
    "config.json": '{"model_type":"llama"}',
    "generation_config.json": "{}",
    "tokenizer.json": `{"padding":"${"x".repeat(3000)}"}`,
    "tokenizer_config.json": "{}",
    "training.json": JSON.stringify({ weights: [{ name: "model.safetensors", ...weights }] }),
    "metrics.jsonl": "{}\n",
    "predictions.jsonl": "{}\n",
    "optimizer.bin": "x",
    ".model.part": "x",
    "checkpoints/step-5/model.safetensors": "x",
  };
  for (const [name, text] of Object.entries(texts)) await writeFile(join(folder, name), text);
}

const push = (options: PushOptions = {}, own: Partial<HubSettings> = {}) =>
  pushModel(folder, "owner/student", { ...options, settings: { ...settings, ...own } }, quietContext());
const files = (branch = "main") => {
  const { refs, commits } = server.repositories.get("models/owner/student")!;
  return commits.get(refs.get(branch)!)!;
};

describe("pushModel", () => {
  it("makes a private repository and sends the model, and only the model", async () => {
    const result = await push();
    expect(result).toMatchObject({ url: `${server.url}/owner/student`, visibility: "private", created: true });
    expect(result.files.map(({ name, change }) => [name, change])).toEqual(SENT.map((name) => [name, "new"]));
    expect(server.repositories.get("models/owner/student")!.private).toBe(true);
    expect(result.commit).toBe(server.repositories.get("models/owner/student")!.refs.get("main"));
    expect([...files().keys()].sort()).toEqual([".gitattributes", ...SENT]);
    expect([...files()].filter(([, { lfs }]) => lfs).map(([name]) => name)).toEqual([
      "model.safetensors",
      "tokenizer.json",
    ]);
    expect(server.seen.filter(({ host }) => host === "storage").every(({ authorization }) => !authorization)).toBe(
      true,
    );
    // What was pushed comes back as the same files.
    const reference = { type: "model", name: "owner/student", revision: "main", path: "" } as const;
    const back = await downloadModel(reference, { settings }, quietContext());
    expect(back.commit).toBe(result.commit);
  });

  it("sends nothing that is there already, and then only what has changed", async () => {
    const first = await push();
    const before = server.seen.length;
    const again = await push();
    expect(again.files.every(({ change }) => change === "unchanged")).toBe(true);
    expect(again.commit).toBe(first.commit);
    expect(server.seen.slice(before).every(({ method }) => method === "GET")).toBe(true);
    await writeFile(join(folder, "README.md"), "# other\n");
    const { files: changed } = await push({ message: "Say more" });
    expect(changed.filter(({ change }) => change !== "unchanged").map(({ name }) => name)).toEqual(["README.md"]);
    expect(files().get("README.md")!.content.toString()).toBe("# other\n");
    expect(server.requests("PUT", "/").length).toBe(2);
  });

  it("sends large files in parts where the hub asks for that, and goes on after a failed one", async () => {
    server.multipart = 1500;
    let failures = 0;
    server.fault = ({ method, path }, response) => {
      if (method !== "PUT" || !path.endsWith("/2") || failures++ > 0) return false;
      response.writeHead(500).end();
      return true;
    };
    await push();
    expect(failures).toBeGreaterThan(1);
    expect(server.objects.has(sha256(files().get("model.safetensors")!.content))).toBe(true);
  });

  it("removes weights of an earlier push that would be loaded in place of the new ones", async () => {
    server.put(
      "models/owner/student",
      { "model-00001-of-00002.safetensors": "old", "model.safetensors.index.json": "{}", "notes.md": "mine" },
      { private: true },
    );
    const { files: changes } = await push();
    expect(changes.filter(({ change }) => change === "delete").map(({ name }) => name)).toEqual([
      "model-00001-of-00002.safetensors",
      "model.safetensors.index.json",
    ]);
    expect([...files().keys()].sort()).toEqual([...SENT, "notes.md"].sort());
  });

  it("tells in a dry run what it would send, without token or network, and looks at the folder first", async () => {
    const result = await push({ dryRun: true }, { token: undefined, offline: true });
    expect(result).toMatchObject({ created: null, commit: null, card: expect.stringContaining("# tiny") });
    expect(result.files.map(({ name, change }) => [name, change])).toEqual(SENT.map((name) => [name, "unknown"]));
    expect(server.seen).toEqual([]);
    await rm(join(folder, "README.md"));
    await expect(push({}, { token: undefined })).rejects.toThrow(/HC1610[\s\S]*fix +write README\.md/);
  });

  it("pushes to a branch, which it makes", async () => {
    server.put("models/owner/student", { "notes.md": "mine" }, { private: true });
    await push({ revision: "v2" });
    expect([...files("v2").keys()].sort()).toEqual([...SENT, "notes.md"].sort());
    expect([...files("main").keys()]).toEqual(["notes.md"]);
    await expect(push({ revision: "a".repeat(40) })).rejects.toThrow(/HC1601/);
  });

  it("makes nothing public, and keeps nothing private, unasked", async () => {
    server.put("models/owner/student", { "notes.md": "mine" });
    await expect(push()).rejects.toThrow(/HC1611[\s\S]*--public/);
    await push({ public: true });
    server.repositories.get("models/owner/student")!.private = true;
    await expect(push({ public: true })).rejects.toThrow(/HC1611[\s\S]*no effect/);
  });

  it("needs a token that the hub accepts, and the network", async () => {
    await expect(push({}, { token: undefined })).rejects.toThrow(/HC1612[\s\S]*settings\/tokens/);
    await expect(push({}, { token: "hf_other" })).rejects.toThrow(/HC1603/);
    await expect(push({}, { offline: true })).rejects.toThrow(/HC1606/);
    await expect(pushModel(folder, "student", { settings }, quietContext())).rejects.toThrow(/HC1601/);
    server.fault = ({ method }, response) => {
      if (method !== "POST") return false;
      response.setHeader("x-error-message", "You do not have the right to create a model under owner");
      response.writeHead(403).end();
      return true;
    };
    await expect(push()).rejects.toThrow(/HC1603[\s\S]*right to create/);
  });

  it("makes no second commit when the answer to the first is lost", async () => {
    let commits = 0;
    server.fault = ({ path }, response) => {
      if (!path.includes("/commit/")) return false;
      commits++;
      return Boolean(response.destroy());
    };
    await expect(push()).rejects.toThrow(/HC1604/);
    expect(commits).toBe(1);
    server.fault = () => false;
    const puts = server.requests("PUT", "/").length;
    await push();
    expect(server.requests("PUT", "/").length).toBe(puts);
  });

  it.each([
    ["a training that has not ended", () => rm(join(folder, "training.json"))],
    ["no model card", () => rm(join(folder, "README.md"))],
    ["no tokenizer", () => rm(join(folder, "tokenizer.json"))],
    ["no config", () => rm(join(folder, "config.json"))],
    ["torn weights", () => writeFile(join(folder, "model.safetensors"), "torn")],
    [
      "other weights than the training wrote",
      async () => {
        const data = new Float32Array(1000);
        await writeSafetensors(join(folder, "model.safetensors"), [{ name: "w", dtype: "F32", shape: [1000], data }]);
      },
    ],
    ["stray shards", () => writeFile(join(folder, "model-00001-of-00002.safetensors"), "x")],
  ])("refuses a folder with %s", async (_name, spoil) => {
    await spoil();
    await expect(push()).rejects.toThrow(/HC1610|HC101[0-9]/);
    expect(server.seen).toEqual([]);
  });
});
