import { createHash, type Hash } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, mkdir, open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { HeartcutError } from "../errors.ts";
import { guarded, nodeFileSystem, PIECE_BYTES, readFully, syncFolder, writeFully } from "../formats/file_system.ts";
import type { HubClient, OpenResponse } from "./client.ts";
import { blobHash, type HubFile } from "./listing.ts";
import { Transient, withRetries } from "./retry.ts";

const KEPT = "what has arrived is kept: the same command goes on from there";

/** Told of bytes that have arrived since the last call; negative when they had to be thrown away. */
export type BytesListener = (bytes: number) => void;

/**
 * Downloads one file as a blob of the cache. The bytes gather in `<blob>.incomplete`, where an earlier attempt (of huggingface_hub,
 * too) is taken up; the name is given only when the content has the hash that the repository's listing promises.
 * @throws HeartcutError HC1605 if it has another hash twice; HC1602-HC1604, HC1608 of the hub; HC1001-HC1005; Interrupted
 */
export async function downloadBlob(
  client: HubClient,
  url: URL,
  file: HubFile,
  path: string,
  listener: BytesListener,
): Promise<void> {
  const incomplete = `${path}.incomplete`;
  await guarded(path, KEPT, () => mkdir(dirname(path), { recursive: true }));
  for (let attempt = 1; ; attempt++) {
    const found = await receive(client, url, file, incomplete, listener);
    if (found === blobHash(file)) break;
    await guarded(incomplete, KEPT, () => rm(incomplete, { force: true }));
    if (attempt === 2) throw wrongContent(client, file, found);
    listener(-file.bytes);
    const { stage } = client.context;
    client.context.report({
      type: "warning",
      stage,
      message: `${file.path} arrived with other content than listed; it is fetched once more`,
    });
  }
  await guarded(path, KEPT, async () => {
    await rename(incomplete, path);
    await syncFolder(nodeFileSystem, dirname(path));
  });
}

/** Completes a file to its listed length. @returns the hash of its content, in the form that the listing has */
async function receive(
  client: HubClient,
  url: URL,
  file: HubFile,
  incomplete: string,
  listener: BytesListener,
): Promise<string> {
  const handle = await guarded(incomplete, KEPT, () => open(incomplete, constants.O_RDWR | constants.O_CREAT));
  try {
    const target = await Target.resume(handle, file, incomplete, listener);
    let before = target.at;
    await withRetries(
      client.settings,
      client.context,
      async () => {
        before = target.at;
        if (target.at < file.bytes) await receiveOnce(client, url, file, target);
      },
      () => target.at > before,
    );
    await guarded(incomplete, KEPT, () => handle.sync());
    return target.hash.digest("hex");
  } finally {
    await handle.close();
  }
}

/** One request, from where the file stands. @throws Transient if the connection ends too early */
async function receiveOnce(client: HubClient, url: URL, file: HubFile, target: Target): Promise<void> {
  const from = target.at;
  const response = await client.open(url, from > 0 ? { range: `bytes=${from}-` } : {});
  const { body } = response;
  // A server that knows no ranges (200), or another length of the file (416), starts at the first byte.
  if (from > 0 && (response.status !== 206 || startOfRange(response) !== from)) await target.restart();
  if (response.status === 416 || body === null) {
    await body?.cancel();
    throw new Transient(client.unexpected(`status ${response.status} for ${file.path}`, url));
  }
  if (response.status === 206 && startOfRange(response) !== target.at) {
    await body.cancel();
    throw new Transient(client.unexpected(`another range of ${file.path} than was asked for`, url));
  }
  const chunks = body[Symbol.asyncIterator]();
  for (;;) {
    // Only reading is the network's fault; an error of the disk must stay one.
    const { done, value } = await chunks.next().catch((error: unknown) => {
      throw client.cutShort(error, url);
    });
    if (done === true) break;
    const chunk = value as Uint8Array;
    if (target.at + chunk.length > file.bytes) {
      await chunks.return?.();
      // Longer than listed: cut off, the hash then tells that it is another file.
      await target.write(chunk.subarray(0, file.bytes - target.at));
      target.hash.update("longer than listed");
      return;
    }
    await target.write(chunk);
  }
  if (target.at < file.bytes)
    throw new Transient(client.unexpected(`${target.at} of ${file.bytes} bytes of ${file.path}`, url));
}

/** A file that grows at its end, with the hash of what it holds. */
class Target {
  private constructor(
    private readonly handle: FileHandle,
    private readonly file: HubFile,
    private readonly path: string,
    private readonly listener: BytesListener,
    public hash: Hash,
    public at: number,
  ) {}

  /** Takes up what an earlier attempt left, hashing it; what is longer than the file can be is thrown away. */
  static async resume(handle: FileHandle, file: HubFile, path: string, listener: BytesListener): Promise<Target> {
    return guarded(path, KEPT, async () => {
      const target = new Target(handle, file, path, listener, startHash(file), 0);
      const { size } = await handle.stat();
      if (size > file.bytes) await handle.truncate(0);
      else
        for (const piece = new Uint8Array(Math.min(PIECE_BYTES, size)); target.at < size; ) {
          const count = await readFully(handle, piece, target.at);
          target.hash.update(piece.subarray(0, count));
          target.at += count;
        }
      listener(target.at);
      return target;
    });
  }

  async write(chunk: Uint8Array): Promise<void> {
    await guarded(this.path, KEPT, () => writeFully(this.handle, chunk, this.at));
    this.hash.update(chunk);
    this.at += chunk.length;
    this.listener(chunk.length);
  }

  async restart(): Promise<void> {
    await guarded(this.path, KEPT, () => this.handle.truncate(0));
    this.listener(-this.at);
    this.at = 0;
    this.hash = startHash(this.file);
  }
}

/** SHA-256 of the content for a large file, else git's hash of a blob: sha1 over "blob <bytes>", a zero byte and the content. */
function startHash({ sha256, bytes }: HubFile): Hash {
  return sha256 === undefined ? createHash("sha1").update(`blob ${bytes}\0`) : createHash("sha256");
}

function startOfRange(response: OpenResponse): number | undefined {
  const match = /^bytes ([0-9]+)-/.exec(response.headers.get("content-range") ?? "");
  return match === null ? undefined : Number(match[1]);
}

function wrongContent(client: HubClient, file: HubFile, found: string): HeartcutError {
  return new HeartcutError("HC1605", {
    what: "a downloaded file is not the one that the repository lists",
    where: `${client.asked.reference}/${file.path}`,
    found: `hash ${found}, twice`,
    expected: `hash ${blobHash(file)}, ${file.bytes} bytes`,
    why: "nothing of it was kept: weights or data that were altered on the way must not be used",
    fix: "check HF_ENDPOINT and any proxy in between, and run the same command again",
  });
}
