import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { cp, lstat, mkdir, mkdtemp, readdir, readFile, readlink, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { bringHere } from "../../src/hub/bring.ts";
import { downloadFiles, downloadModel } from "../../src/hub/download.ts";
import { type HubReference, resolveSource } from "../../src/hub/reference.ts";
import { type HubSettings, hubSettings } from "../../src/hub/settings.ts";
import { type ProgressEvent, quietContext, type StageContext } from "../../src/progress.ts";
import { compileForChildren } from "../children.ts";
import { gitSha1, HubServer, sha256, TOKEN } from "./hub_server.ts";

let server: HubServer;
let cache: string;
let settings: Partial<HubSettings>;
let context: StageContext & { events: ProgressEvent[] };

const WEIGHTS = randomBytes(200_000);
const MODEL = {
  "config.json": '{"model_type":"llama"}',
  "model.safetensors": WEIGHTS,
  "tokenizer.json": "{}",
  "tokenizer_config.json": "{ }",
  "README.md": "# tiny",
  "pytorch_model.bin": "pickle",
  "onnx/model.onnx": "onnx",
  "training_args.bin": "pickle",
};
const NEEDED = ["README.md", "config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"];

beforeEach(async () => {
  server = await HubServer.start();
  cache = await mkdtemp(join(tmpdir(), "heartcut-hub-"));
  settings = { cache, endpoint: server.url, token: undefined, pauseMs: 1, attempts: 3, silenceMs: 2000 };
  const events: ProgressEvent[] = [];
  context = { ...quietContext("download"), report: (event) => events.push(event), events };
});
afterEach(async () => {
  await server.stop();
  await rm(cache, { recursive: true, force: true });
});

const hub = (text: string): HubReference => resolveSource(text) as HubReference & { kind: "hub" };
const model = (text = "hf://owner/tiny", own: Partial<HubSettings> = {}) =>
  downloadModel(hub(text), { settings: { ...settings, ...own } }, context);
/** By hash: comparing buffers byte by byte takes seconds. */
const expectWeights = async (folder: string) =>
  expect(sha256(await readFile(join(folder, "model.safetensors")))).toBe(sha256(WEIGHTS));
const fileRequests = () => server.requests("GET", "/resolve/").map(({ path }) => path.split("/").at(-1));

describe("a model", () => {
  it("arrives with what is read of it, and is then asked for no more", async () => {
    const commit = server.put("models/owner/tiny", MODEL);
    const { path, reference, files } = await model();
    expect(files.map(({ name }) => name)).toEqual(NEEDED);
    expect(path).toBe(join(cache, "models--owner--tiny", "snapshots", commit));
    expect(reference).toBe(`hf://owner/tiny@${commit}`);
    expect((await readdir(path)).sort()).toEqual(NEEDED);
    await expectWeights(path);
    expect(await readlink(join(path, "model.safetensors"))).toBe(`../../blobs/${sha256(WEIGHTS)}`);
    expect(await readlink(join(path, "tokenizer.json"))).toBe(`../../blobs/${gitSha1(Buffer.from("{}"))}`);
    expect(await readFile(join(cache, "models--owner--tiny/refs/main"), "utf8")).toBe(commit);
    const last = context.events.filter((event) => event.type === "progress").at(-1);
    expect(last).toMatchObject({ done: 200_000 + 22 + 2 + 3 + 6, total: 200_000 + 22 + 2 + 3 + 6, unit: "bytes" });

    const before = server.seen.length;
    await model();
    expect(server.seen.slice(before).map(({ path }) => path.split("?")[0])).toEqual([
      "/api/models/owner/tiny/revision/main",
    ]);
    await model(`hf://owner/tiny@${commit}`);
    expect(server.seen.length).toBe(before + 1);
  });

  it("is downloaded in shards, or from a folder, or as its tokenizer only", async () => {
    const index = JSON.stringify({
      weight_map: { a: "model-00001-of-00002.safetensors", b: "model-00002-of-00002.safetensors" },
    });
    const files = {
      "config.json": "{}",
      "model.safetensors.index.json": index,
      "model-00001-of-00002.safetensors": "one",
      "model-00002-of-00002.safetensors": "two",
      "consolidated.safetensors": "again",
    };
    server.put("models/owner/sharded", {
      ...Object.fromEntries(Object.entries(files).map(([name, text]) => [`sub/${name}`, text])),
      "tokenizer.json": "{}",
      "config.json": "{}",
    });
    const { path, files: brought } = await model("hf://owner/sharded/sub");
    expect(brought.map(({ name }) => name)).toEqual([
      "sub/config.json",
      "sub/model-00001-of-00002.safetensors",
      "sub/model-00002-of-00002.safetensors",
      "sub/model.safetensors.index.json",
    ]);
    expect(path.endsWith("/sub")).toBe(true);
    const tokenizer = await bringHere("hf://owner/sharded", "tokenizer", { settings }, context);
    expect(tokenizer.hub?.files.map(({ name }) => name)).toEqual(["config.json", "tokenizer.json"]);
    expect(await bringHere("a/local/folder", "model", { settings }, context)).toEqual({ path: "a/local/folder" });
  });

  it("without safetensors is refused, and nothing of it is fetched", async () => {
    server.put("models/owner/pickled", { "config.json": "{}", "pytorch_model.bin": "pickle" });
    await expect(model("hf://owner/pickled")).rejects.toThrow(/HC1607[\s\S]*pytorch_model\.bin/);
    server.put("models/owner/gguf", { "tiny.gguf": "GGUF" });
    await expect(model("hf://owner/gguf")).rejects.toThrow(/HC1607[\s\S]*tiny\.gguf/);
    expect(fileRequests()).toEqual([]);
  });
});

describe("data", () => {
  it("arrives by file, folder or pattern", async () => {
    server.pageSize = 2;
    server.put("datasets/owner/data", {
      "a/1.jsonl": "1",
      "a/2.jsonl": "2",
      "a/b/3.jsonl": "3",
      "a/4.parquet": "4",
      "ä ö#?.jsonl": "5",
      "README.md": "readme",
    });
    const files = async (text: string) =>
      (await downloadFiles(hub(text), { settings }, context)).files.map(({ name }) => name);
    expect(await files("hf://datasets/owner/data/a/*.jsonl")).toEqual(["a/1.jsonl", "a/2.jsonl"]);
    expect(await files("hf://datasets/owner/data@main/a/**/*.jsonl")).toEqual([
      "a/1.jsonl",
      "a/2.jsonl",
      "a/b/3.jsonl",
    ]);
    expect(await files("hf://datasets/owner/data/a")).toEqual(["a/1.jsonl", "a/2.jsonl", "a/4.parquet", "a/b/3.jsonl"]);
    const { path } = await downloadFiles(hub("hf://datasets/owner/data/ä ö#?.jsonl"), { settings }, context);
    expect(path).toContain("datasets--owner--data");
    expect(await readFile(path, "utf8")).toBe("5");
    await expect(files("hf://datasets/owner/data/none")).rejects.toThrow(/HC1602/);
  });

  it("with names that lead elsewhere is refused", async () => {
    const oid = gitSha1(Buffer.from("x"));
    for (const path of ["../x.jsonl", "a/../../x.jsonl", "/etc/x.jsonl", "a\\..\\x.jsonl", "a/./x.jsonl"]) {
      const name = `owner/data${Math.abs(path.length)}`;
      server.put(`datasets/${name}`, { "a.jsonl": path });
      server.forged = [{ type: "file", path, size: 1, oid }];
      server.fault = ({ path: asked }, response) => {
        if (!asked.includes("/resolve/") || asked.endsWith("a.jsonl")) return false;
        response.end("x");
        return true;
      };
      await expect(downloadFiles(hub(`hf://datasets/${name}`), { settings }, context)).rejects.toThrow(/HC1007|HC1601/);
      await rm(join(cache, `datasets--${name.replace("/", "--")}`), { recursive: true });
    }
    expect((await readdir(cache)).sort()).toEqual([".locks"]);
    expect(existsSync(join(cache, "..", "x.jsonl"))).toBe(false);
  });

  it("with hashes that are none is refused", async () => {
    server.put("datasets/owner/data", { "a.jsonl": "1" });
    server.forged = [{ type: "file", path: "b.jsonl", size: 1, oid: "../../../../evil" }];
    await expect(downloadFiles(hub("hf://datasets/owner/data"), { settings }, context)).rejects.toThrow(/HC1608/);
  });
});

describe("a transfer", () => {
  const blob = () => join(cache, "models--owner--tiny/blobs", sha256(WEIGHTS));
  /** Cuts the first transfers of the weights after some bytes. */
  const cutTransfers = (times: number, after: number) => {
    server.fault = ({ host, method, range }, response) => {
      if (host !== "storage" || method !== "GET" || times-- <= 0) return false;
      const from = server.rangesWork ? Number(/[0-9]+/.exec(range ?? "")?.[0] ?? 0) : 0;
      const headers = { "content-length": WEIGHTS.length - from };
      if (from > 0) response.writeHead(206, { ...headers, "content-range": `bytes ${from}-199999/200000` });
      else response.writeHead(200, headers);
      response.write(WEIGHTS.subarray(from, from + after), () => setTimeout(() => response.destroy(), 20));
      return true;
    };
  };

  it("that is cut goes on where it was, however often, while it gets on", async () => {
    server.put("models/owner/tiny", MODEL);
    cutTransfers(5, 30_000);
    const { path } = await model();
    await expectWeights(path);
    const ranges = server.requests("GET", "/objects/").map(({ range }) => range);
    expect(ranges).toEqual([undefined, ...[1, 2, 3, 4, 5].map((n) => `bytes=${n * 30_000}-`)]);
  });

  it("of an earlier process goes on; a torn or too long rest does no harm", async () => {
    server.put("models/owner/tiny", MODEL);
    await mkdir(join(cache, "models--owner--tiny/blobs"), { recursive: true });
    await writeFile(`${blob()}.incomplete`, WEIGHTS.subarray(0, 123_456));
    await model();
    expect(server.requests("GET", "/objects/").map(({ range }) => range)).toEqual(["bytes=123456-"]);

    for (const rest of [randomBytes(1000), randomBytes(200_000), randomBytes(300_000)]) {
      await rm(join(cache, "models--owner--tiny"), { recursive: true });
      await mkdir(join(cache, "models--owner--tiny/blobs"), { recursive: true });
      await writeFile(`${blob()}.incomplete`, rest);
      const { path } = await model();
      await expectWeights(path);
    }
  });

  it("from a server without ranges starts again", async () => {
    server.put("models/owner/tiny", MODEL);
    server.rangesWork = false;
    cutTransfers(1, 50_000);
    const { path } = await model();
    await expectWeights(path);
    expect(server.requests("GET", "/objects/").map(({ range }) => range)).toEqual([undefined, "bytes=50000-"]);
  });

  it.each([
    ["other bytes", (content: Buffer) => Buffer.from(content).fill(1, 100, 101)],
    ["more bytes", (content: Buffer) => Buffer.concat([content, Buffer.from("x")])],
  ])("with %s than listed is thrown away, and fails at the second time", async (_name, spoil) => {
    server.put("models/owner/tiny", MODEL);
    const oid = sha256(WEIGHTS);
    server.objects.set(oid, spoil(WEIGHTS));
    await expect(model()).rejects.toThrow(/HC1605[\s\S]*model\.safetensors/);
    expect(server.requests("GET", "/objects/").length).toBe(2);
    expect(existsSync(blob())).toBe(false);
    expect(existsSync(`${blob()}.incomplete`)).toBe(false);
    server.objects.set(oid, WEIGHTS);
    await expectWeights((await model()).path);
  });

  it("of a small file is checked by git's hash", async () => {
    server.put("models/owner/tiny", MODEL);
    let times = 0;
    server.fault = ({ path }, response) => {
      if (!path.endsWith("/config.json") || times++ > 0) return false;
      response.end('{"model_type":"gpt_2"}');
      return true;
    };
    expect(await readFile(join((await model()).path, "config.json"), "utf8")).toBe(MODEL["config.json"]);
    expect(context.events.some((event) => event.type === "warning")).toBe(true);
  });

  it("waits as the server asks, and gives up on one that stays broken", async () => {
    server.put("models/owner/tiny", MODEL);
    let times = 0;
    server.fault = (_seen, response) => {
      if (times++ >= 2) return false;
      response.writeHead(times === 1 ? 429 : 503, { "retry-after": "0" }).end();
      return true;
    };
    await model();
    expect(times).toBeGreaterThan(2);
    server.fault = (_seen, response) => {
      response.writeHead(429, { "retry-after": "100000" }).end();
      return true;
    };
    const before = server.seen.length;
    await expect(model()).rejects.toThrow(/HC1604[\s\S]*fewer requests/);
    expect(server.seen.length - before).toBe(1);
    server.fault = (_seen, response) => Boolean(response.destroy());
    await expect(model()).rejects.toThrow(/HC1604[\s\S]*connection/);
    expect(server.seen.length - before).toBe(4);
    server.fault = () => true;
    await expect(model("hf://owner/tiny", { silenceMs: 200, attempts: 1 })).rejects.toThrow(/HC1604/);
    server.fault = (_seen, response) => Boolean(response.end("<html>log in to the Wi-Fi</html>"));
    await expect(model()).rejects.toThrow(/HC1608/);
  });

  it("stops on the signal, and the rest comes next time", async () => {
    server.put("models/owner/tiny", MODEL);
    const stop = new AbortController();
    server.fault = ({ host }, response) => {
      if (host !== "storage") return false;
      response.writeHead(200, { "content-length": WEIGHTS.length }).write(WEIGHTS.subarray(0, 70_000));
      setTimeout(() => stop.abort(), 150);
      return true;
    };
    const stopped = downloadModel(hub("hf://owner/tiny"), { settings }, { ...context, signal: stop.signal });
    await expect(stopped).rejects.toThrow(/HC0130/);
    server.fault = () => false;
    await model();
    expect(server.requests("GET", "/objects/").at(-1)?.range).toBe("bytes=70000-");
  });
});

describe("access", () => {
  const gated = { gated: true };

  it("says what to do", async () => {
    server.put("models/owner/tiny", MODEL);
    server.put("models/owner/private", MODEL, { private: true });
    server.put("models/owner/gated", MODEL, gated);
    await expect(model("hf://owner/none")).rejects.toThrow(/HC1602[\s\S]*spelling[\s\S]*hf auth login/);
    await expect(model("hf://owner/private")).rejects.toThrow(/HC1602[\s\S]*private/);
    await expect(model("hf://owner/tiny@v9")).rejects.toThrow(/HC1602[\s\S]*revision/);
    await expect(model("hf://owner/gated")).rejects.toThrow(/HC1603[\s\S]*accept them[\s\S]*HF_TOKEN/);
    await expect(model("hf://owner/private", { token: "hf_wrong" })).rejects.toThrow(/HC1603[\s\S]*token/);
    for (const name of ["private", "gated"]) await model(`hf://owner/${name}`, { token: TOKEN });
  });

  it("keeps the token from every other host, and from every message", async () => {
    server.put("models/owner/private", MODEL, { private: true });
    await model("hf://owner/private", { token: TOKEN });
    const storage = server.seen.filter(({ host }) => host === "storage");
    expect(storage.length).toBe(1);
    expect(storage[0]!.authorization).toBeUndefined();
    expect(
      server.seen.filter(({ host }) => host === "hub").every((seen) => seen.authorization === `Bearer ${TOKEN}`),
    ).toBe(true);
    server.fault = (_seen, response) => {
      response.setHeader("x-error-message", `token ${TOKEN} may not`);
      response.writeHead(403).end();
      return true;
    };
    const error: Error = (await model("hf://owner/private", { token: TOKEN }).catch(
      (thrown: Error) => thrown,
    )) as Error;
    expect(error.message).toMatch(/HC1603/);
    expect(error.message).not.toContain(TOKEN);
  });

  it("takes its settings from the environment as Python does", async () => {
    const home = join(cache, "home");
    await mkdir(home);
    await writeFile(join(home, "token"), "hf_filed\n");
    const of = (environment: NodeJS.ProcessEnv) => hubSettings({}, environment);
    expect(await of({ HF_HOME: home })).toMatchObject({ token: "hf_filed", cache: join(home, "hub"), offline: false });
    expect(
      await of({ HF_HOME: home, HF_TOKEN: " hf_given\n", HF_HUB_CACHE: "/x", HF_HUB_OFFLINE: "ON" }),
    ).toMatchObject({
      token: "hf_given",
      cache: "/x",
      offline: true,
    });
    expect((await of({ XDG_CACHE_HOME: "/x" })).cache).toBe("/x/huggingface/hub");
    expect((await of({ HF_HOME: home, HF_ENDPOINT: "http://mirror:8080/hub/" })).endpoint).toBe(
      "http://mirror:8080/hub",
    );
    for (const HF_ENDPOINT of ["mirror", "ftp://x", "https://user:secret@x"]) {
      const error = (await of({ HF_HOME: home, HF_ENDPOINT }).catch((thrown: Error) => thrown)) as Error;
      expect(error.message).toMatch(/HC1609/);
      expect(error.message).not.toContain("secret");
    }
    await expect(of({ HF_HOME: home, HF_TOKEN: "two words" })).rejects.toThrow(/HC1609/);
  });
});

describe("the cache", () => {
  it("serves offline what it holds, and names what it lacks", async () => {
    const commit = server.put("models/owner/tiny", MODEL);
    await expect(model("hf://owner/tiny", { offline: true })).rejects.toThrow(/HC1606/);
    await model();
    const before = server.seen.length;
    const { path, files } = await model("hf://owner/tiny", { offline: true });
    expect(path.endsWith(commit)).toBe(true);
    expect(files.map(({ name }) => name)).toEqual(NEEDED);
    await rm(join(path, "tokenizer.json"));
    await expect(model("hf://owner/tiny", { offline: true })).rejects.toThrow(/HC1606[\s\S]*missing: tokenizer\.json/);
    expect(server.seen.length).toBe(before);
  });

  it("is read and completed where another tool began it", async () => {
    const commit = server.put("models/owner/tiny", MODEL);
    const repository = join(cache, "models--owner--tiny");
    await mkdir(join(repository, "snapshots", commit), { recursive: true });
    await mkdir(join(repository, "blobs"));
    await mkdir(join(repository, "refs"));
    await writeFile(join(repository, "refs/main"), commit);
    await writeFile(join(repository, "blobs", sha256(WEIGHTS)), WEIGHTS);
    await symlink(`../../blobs/${sha256(WEIGHTS)}`, join(repository, "snapshots", commit, "model.safetensors"));
    await model();
    expect(fileRequests().includes("model.safetensors")).toBe(false);
    expect(fileRequests().length).toBe(4);
  });

  it("works without symbolic links", async () => {
    server.put("models/owner/tiny", MODEL);
    const { path } = await model("hf://owner/tiny", { symlinks: false });
    expect((await lstat(join(path, "model.safetensors"))).isFile()).toBe(true);
    await expectWeights(path);
    const before = fileRequests().length;
    await model("hf://owner/tiny", { symlinks: false });
    expect(fileRequests().length).toBe(before);
  });

  it("is filled once by several processes", async () => {
    server.put("models/owner/tiny", MODEL);
    server.fault = ({ host }) => {
      if (host === "storage") Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300);
      return false;
    };
    const child = join(await compileForChildren("hub"), "test/hub/download_child.js");
    const start = () => promisify(execFile)(process.execPath, [child, cache, server.url]);
    const paths = await Promise.all([start(), start(), start()]);
    expect(new Set(paths.map(({ stdout }) => stdout)).size).toBe(1);
    await expectWeights(paths[0]!.stdout);
    expect(fileRequests().length).toBe(NEEDED.length);
  });

  const python = process.env.HEARTCUT_PYTHON ?? "";
  it.skipIf(python === "")(
    "is understood by Python's huggingface_hub (skipped: HEARTCUT_PYTHON names no Python that has it)",
    async () => {
      const commit = server.put("models/owner/tiny", MODEL);
      await model();
      const script = [
        "import sys, json, huggingface_hub as h",
        "cache, commit = sys.argv[1:]",
        "info = h.scan_cache_dir(cache)",
        "repo = next(iter(info.repos)); rev = next(iter(repo.revisions))",
        "found = [h.try_to_load_from_cache('owner/tiny', n, cache_dir=cache) for n in ('config.json', 'model.safetensors')]",
        "snap = h.snapshot_download('owner/tiny', cache_dir=cache, local_files_only=True, allow_patterns=['*.json', '*.safetensors', 'README.md'])",
        "print(json.dumps([[str(w) for w in info.warnings], repo.repo_id, rev.commit_hash, sorted(rev.refs), sorted(f.file_name for f in rev.files), rev.size_on_disk, found, snap]))",
      ].join("\n");
      const { stdout } = await promisify(execFile)(python, ["-c", script, cache, commit]);
      const snapshot = join(cache, "models--owner--tiny/snapshots", commit);
      expect(JSON.parse(stdout)).toEqual([
        [],
        "owner/tiny",
        commit,
        ["main"],
        NEEDED,
        200_000 + 22 + 2 + 3 + 6,
        [join(snapshot, "config.json"), join(snapshot, "model.safetensors")],
        snapshot,
      ]);
      // And the other way round: what Python downloads through the same paths is used as it is.
      await cp(cache, `${cache}-python`, { recursive: true, verbatimSymlinks: true });
      await rm(join(`${cache}-python`, "models--owner--tiny"), { recursive: true });
      const download =
        "import sys, huggingface_hub as h; print(h.snapshot_download('owner/tiny', cache_dir=sys.argv[1]), end='')";
      await promisify(execFile)(python, ["-c", download, `${cache}-python`], {
        env: { ...process.env, HF_ENDPOINT: server.url, HF_HUB_DISABLE_XET: "1", HF_TOKEN: TOKEN },
      });
      const before = fileRequests().length;
      const { path } = await model("hf://owner/tiny", { cache: `${cache}-python` });
      expect(fileRequests().length).toBe(before);
      await expectWeights(path);
      await rm(`${cache}-python`, { recursive: true });
    },
  );
});
