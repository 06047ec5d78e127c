import { createHash, randomBytes } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** A file as the fake hub stores it. */
export interface StoredFile {
  content: Buffer;
  lfs: boolean;
}

export interface StoredRepository {
  private: boolean;
  gated: boolean;
  /** Branches and tags. */
  refs: Map<string, string>;
  commits: Map<string, Map<string, StoredFile>>;
}

/** One request that reached the hub or its storage. */
export interface Seen {
  host: "hub" | "storage";
  method: string;
  path: string;
  authorization: string | undefined;
  range: string | undefined;
}

/** Handles a request in the server's place; true if it did. */
export type Fault = (seen: Seen, response: ServerResponse, request: IncomingMessage) => boolean;

export const TOKEN = "hf_correct";
const LFS_BYTES = 1000;

/** Two HTTP servers that speak the paths of the Hugging Face hub and of its storage, with what tests need to see and to break. */
export class HubServer {
  readonly repositories = new Map<string, StoredRepository>();
  readonly objects = new Map<string, Buffer>();
  readonly seen: Seen[] = [];
  fault: Fault = () => false;
  /** What is put in the tree listing beside the real files. */
  forged: object[] = [];
  pageSize = 1000;
  rangesWork = true;
  /** Chunk size of multipart uploads; 0: one PUT. */
  multipart = 0;
  private readonly parts = new Map<string, Buffer[]>();

  private constructor(
    private readonly hub: Server,
    private readonly storage: Server,
  ) {}

  static async start(): Promise<HubServer> {
    const hub = createServer();
    const storage = createServer();
    const server = new HubServer(hub, storage);
    hub.on("request", (request, response) => void server.answer("hub", request, response));
    storage.on("request", (request, response) => void server.answer("storage", request, response));
    for (const each of [hub, storage]) await new Promise<void>((resolve) => each.listen(0, "127.0.0.1", resolve));
    return server;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.hub.address() as AddressInfo).port}`;
  }

  get storageUrl(): string {
    return `http://127.0.0.1:${(this.storage.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    for (const each of [this.hub, this.storage]) {
      each.closeAllConnections();
      await new Promise((resolve) => each.close(resolve));
    }
  }

  /** Puts a commit on main. @param key - models/owner/name or datasets/owner/name   @returns its hash */
  put(
    key: string,
    files: Record<string, string | Buffer>,
    options: { private?: boolean; gated?: boolean } = {},
  ): string {
    const repository = this.repositories.get(key) ?? {
      private: options.private ?? false,
      gated: options.gated ?? false,
      refs: new Map(),
      commits: new Map(),
    };
    const stored = Object.entries(files).map(([path, text]) => {
      const content = Buffer.from(text);
      return [path, { content, lfs: isLarge(path, content.length) }] as const;
    });
    for (const [, { content, lfs }] of stored) if (lfs) this.objects.set(sha256(content), content);
    const commit = sha1(Buffer.from(JSON.stringify([key, stored])));
    repository.commits.set(commit, new Map(stored));
    repository.refs.set("main", commit);
    this.repositories.set(key, repository);
    return commit;
  }

  /** Requests of a method whose path contains a text. */
  requests(method: string, part: string): Seen[] {
    return this.seen.filter((seen) => seen.method === method && seen.path.includes(part));
  }

  private async answer(host: Seen["host"], request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = "GET", url = "/", headers } = request;
    const { authorization, range } = headers;
    const seen = { host, method, path: url, authorization, range };
    this.seen.push(seen);
    if (this.fault(seen, response, request)) return;
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    const path = decodeURI(new URL(url, "http://x").pathname);
    if (host === "storage") this.answerStorage(method, path, range, body, response);
    else this.answerHub(method, url, path, authorization, range, body, response);
  }

  private answerHub(
    method: string,
    url: string,
    path: string,
    authorization: string | undefined,
    range: string | undefined,
    body: Buffer,
    response: ServerResponse,
  ): ServerResponse {
    if (authorization !== undefined && authorization !== `Bearer ${TOKEN}`)
      return refuse(response, 401, undefined, "Invalid credentials in Authorization header");
    if (method === "POST") return this.answerPost(path, authorization, body, response);
    const api = /^\/api\/((?:models|datasets)\/[^/]+\/[^/]+)\/(revision|tree)\/([^/]+)/.exec(path);
    const file = /^\/(?:(datasets)\/)?([^/]+\/[^/]+)\/resolve\/([^/]+)\/(.+)$/.exec(path);
    const key = api?.[1] ?? `${file?.[1] ?? "models"}/${file?.[2]}`;
    const repository = this.repositories.get(key);
    if (repository === undefined || (repository.private && authorization === undefined))
      return refuse(response, authorization === undefined ? 401 : 404, "RepoNotFound", "Repository not found");
    const revision = decodeURIComponent(api?.[3] ?? file?.[3] ?? "");
    const commit = repository.refs.get(revision) ?? (revision === "HEAD" ? repository.refs.get("main")! : revision);
    const tree = repository.commits.get(commit);
    if (tree === undefined) return refuse(response, 404, "RevisionNotFound", "Revision not found");
    if (api?.[2] === "revision")
      return json(response, { _id: "1", id: key, sha: commit, private: repository.private, gated: repository.gated });
    if (api?.[2] === "tree") return this.answerTree(new URL(url, this.url), tree, response);
    if (repository.gated && authorization === undefined)
      return refuse(response, 401, "GatedRepo", "Access is restricted");
    const stored = tree.get(decodeURIComponent(file![4]!));
    if (stored === undefined) return refuse(response, 404, "EntryNotFound", "Entry not found");
    response.setHeader("x-repo-commit", commit);
    if (stored.lfs) {
      const oid = sha256(stored.content);
      response.setHeader("x-linked-etag", `"${oid}"`);
      response.setHeader("x-linked-size", stored.content.length);
      return response.writeHead(302, { location: `${this.storageUrl}/objects/${oid}` }).end();
    }
    response.setHeader("etag", `"${gitSha1(stored.content)}"`);
    return this.sendBytes(stored.content, range, response);
  }

  private answerTree(url: URL, tree: Map<string, StoredFile>, response: ServerResponse): ServerResponse {
    const entries: object[] = [...tree].map(([path, { content, lfs }]) => {
      const entry = { type: "file", path, size: content.length };
      if (!lfs) return { ...entry, oid: gitSha1(content) };
      const oid = sha256(content);
      return { ...entry, oid: gitSha1(Buffer.from(oid)), lfs: { oid, size: content.length, pointerSize: 130 } };
    });
    entries.push({ type: "directory", path: "onnx", size: 0, oid: "0".repeat(40) }, ...this.forged);
    const from = Number(url.searchParams.get("cursor") ?? 0);
    const page = entries.slice(from, from + this.pageSize);
    if (from + this.pageSize < entries.length) {
      url.searchParams.set("cursor", String(from + this.pageSize));
      response.setHeader("link", `<${url.href}>; rel="next"`);
    }
    return json(response, page);
  }

  private answerPost(
    path: string,
    authorization: string | undefined,
    body: Buffer,
    response: ServerResponse,
  ): ServerResponse {
    if (authorization === undefined) return refuse(response, 401, undefined, "Invalid username or password.");
    if (path === "/api/repos/create") {
      const { name, organization, visibility } = JSON.parse(body.toString());
      this.put(`models/${organization}/${name}`, { ".gitattributes": "" }, { private: visibility !== "public" });
      return json(response, { url: `${this.url}/${organization}/${name}`, id: "1" });
    }
    const lfs = /^\/([^/]+\/[^/]+)\.git\/info\/lfs\/objects\/batch$/.exec(path);
    if (lfs !== null) return this.answerBatch(JSON.parse(body.toString()), response);
    const [, key = "", action, branch = ""] =
      /^\/api\/(models\/[^/]+\/[^/]+)\/(preupload|commit|branch)\/(.+)$/.exec(path) ?? [];
    const repository = this.repositories.get(key);
    if (repository === undefined) return refuse(response, 404, "RepoNotFound", "Repository not found");
    if (action === "branch") {
      repository.refs.set(branch, repository.refs.get("main")!);
      return json(response, {});
    }
    if (action === "preupload") {
      const { files } = JSON.parse(body.toString()) as { files: { path: string; size: number }[] };
      const modes = files.map(({ path: name, size }) => ({
        path: name,
        uploadMode: isLarge(name, size) ? "lfs" : "regular",
      }));
      return json(response, { files: modes });
    }
    const tree = new Map(repository.commits.get(repository.refs.get(branch)!));
    for (const line of body.toString().split("\n")) {
      const { key: kind, value } = JSON.parse(line);
      if (kind === "header" && value.parentCommit !== repository.refs.get(branch))
        return refuse(response, 412, undefined, "A commit has happened since");
      if (kind === "file") tree.set(value.path, { content: Buffer.from(value.content, "base64"), lfs: false });
      if (kind === "lfsFile") tree.set(value.path, { content: this.objects.get(value.oid)!, lfs: true });
      if (kind === "deletedFile") tree.delete(value.path);
    }
    const commit = randomBytes(20).toString("hex");
    repository.commits.set(commit, tree);
    repository.refs.set(branch, commit);
    return json(response, { commitOid: commit, commitUrl: `${this.url}/commit/${commit}`, hookOutput: "" });
  }

  private answerBatch(
    { objects }: { objects: { oid: string; size: number }[] },
    response: ServerResponse,
  ): ServerResponse {
    const answers = objects.map(({ oid, size }) => {
      if (this.objects.has(oid)) return { oid, size };
      if (this.multipart === 0)
        return { oid, size, actions: { upload: { href: `${this.storageUrl}/objects/${oid}` } } };
      const count = Math.ceil(size / this.multipart);
      const header: Record<string, string> = { chunk_size: String(this.multipart) };
      for (let i = 1; i <= count; i++) header[String(i).padStart(5, "0")] = `${this.storageUrl}/parts/${oid}/${i}`;
      return { oid, size, actions: { upload: { href: `${this.storageUrl}/complete/${oid}`, header } } };
    });
    return json(response, { transfer: this.multipart === 0 ? "basic" : "multipart", objects: answers });
  }

  private answerStorage(
    method: string,
    path: string,
    range: string | undefined,
    body: Buffer,
    response: ServerResponse,
  ): ServerResponse {
    const [, kind, oid = "", part] = path.split("/");
    if (method === "GET") return this.sendBytes(this.objects.get(oid)!, range, response);
    if (kind === "parts") {
      const parts = this.parts.get(oid) ?? [];
      parts[Number(part) - 1] = body;
      this.parts.set(oid, parts);
      response.setHeader("etag", `"${part}"`);
    } else {
      const content = kind === "complete" ? Buffer.concat(this.parts.get(oid)!) : body;
      if (sha256(content) !== oid) return refuse(response, 400, undefined, "wrong content");
      this.objects.set(oid, content);
    }
    return response.end();
  }

  private sendBytes(content: Buffer, range: string | undefined, response: ServerResponse): ServerResponse {
    const from = this.rangesWork ? Number(/^bytes=([0-9]+)-$/.exec(range ?? "")?.[1] ?? Number.NaN) : Number.NaN;
    if (Number.isNaN(from)) return response.writeHead(200, { "content-length": content.length }).end(content);
    if (from >= content.length) return response.writeHead(416).end();
    const part = content.subarray(from);
    response.writeHead(206, {
      "content-length": part.length,
      "content-range": `bytes ${from}-${content.length - 1}/${content.length}`,
    });
    return response.end(part);
  }
}

export function sha256(content: Buffer): string {
  return createHash("sha256").update(content).digest("hex");
}

export function gitSha1(content: Buffer): string {
  return sha1(Buffer.concat([Buffer.from(`blob ${content.length}\0`), content]));
}

function sha1(content: Buffer): string {
  return createHash("sha1").update(content).digest("hex");
}

function isLarge(path: string, bytes: number): boolean {
  return path.endsWith(".safetensors") || bytes > LFS_BYTES;
}

function json(response: ServerResponse, value: unknown): ServerResponse {
  response.setHeader("content-type", "application/json");
  return response.end(JSON.stringify(value));
}

function refuse(response: ServerResponse, status: number, code: string | undefined, message: string): ServerResponse {
  if (code !== undefined) response.setHeader("x-error-code", code);
  response.setHeader("x-error-message", message);
  response.setHeader("content-type", "application/json");
  return response.writeHead(status).end(JSON.stringify({ error: message }));
}
