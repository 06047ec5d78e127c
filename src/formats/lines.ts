import { createReadStream, type ReadStream } from "node:fs";
import { open } from "node:fs/promises";
import { createGunzip } from "node:zlib";
import { HeartcutError, printable } from "../errors.ts";
import { describeSystemError, guarded } from "./file_system.ts";
import { type Limits, withLimits } from "./limits.ts";

/** One line of a file. */
export interface Line {
  /** Counted from 1. */
  number: number;
  text: string;
  /** False where bytes were not UTF-8; the text then has U+FFFD in their place. */
  utf8: boolean;
  /** First byte behind the line and its newline; in the unpacked text where the file is compressed. */
  end: number;
}

/** Settings of readLines. */
export interface LineOptions {
  limits?: Partial<Limits>;
  /** What messages call the file; default its path. */
  name?: string;
  /** "mark" hands out lines that are not UTF-8 with `utf8: false`. Default "refuse". */
  notUtf8?: "refuse" | "mark";
}

/**
 * The lines of a UTF-8 text file, plain, gzip or zstd (told by content, then by name), with bounded memory.
 * A byte order mark at the start and a carriage return before the newline are dropped; blank lines are counted and given.
 * @throws HeartcutError HC1004 (missing), HC1006 (a line over limits.jsonlLineBytes), HC1050 (not UTF-8), HC1051 (damaged compression)
 */
export async function* readLines(path: string, options: LineOptions = {}): AsyncGenerator<Line> {
  const limit = withLimits(options.limits).jsonlLineBytes;
  const refuse = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  const replace = new TextDecoder("utf-8", { ignoreBOM: true });
  const pending: Buffer[] = [];
  let pendingBytes = 0;
  let number = 0;
  let end = 0;
  const where = () => `${options.name ?? path}:${number + 1}`;
  const take = (last: Buffer): Line => {
    const bytes = pendingBytes === 0 ? last : Buffer.concat([...pending.splice(0), last]);
    pendingBytes = 0;
    let text: string;
    let utf8 = true;
    try {
      text = refuse.decode(bytes);
    } catch (cause) {
      if (options.notUtf8 !== "mark") throw notUtf8(where(), cause);
      text = replace.decode(bytes);
      utf8 = false;
    }
    number++;
    if (number === 1 && text.startsWith("\ufeff")) text = text.slice(1);
    return { number, text: text.endsWith("\r") ? text.slice(0, -1) : text, utf8, end };
  };
  for await (const chunk of unpacked(path, where)) {
    let start = 0;
    for (;;) {
      const newline = chunk.indexOf(10, start);
      const stop = newline < 0 ? chunk.length : newline;
      if (pendingBytes + stop - start > limit) throw tooLong(where(), limit);
      const piece = chunk.subarray(start, stop);
      if (newline < 0) {
        if (piece.length > 0) pending.push(piece);
        pendingBytes += piece.length;
        end += piece.length;
        break;
      }
      end += piece.length + 1;
      yield take(piece);
      start = newline + 1;
    }
  }
  if (pendingBytes > 0) yield take(Buffer.alloc(0));
}

async function* unpacked(path: string, where: () => string): AsyncGenerator<Buffer> {
  const packing = await guarded(path, "nothing was changed", () => packingOf(path));
  const file = createReadStream(path, { highWaterMark: 256 * 1024 });
  try {
    if (packing === "gzip") yield* gunzipped(file, where);
    else if (packing === "zstd") yield* unzstd(file, where);
    else for await (const chunk of file) yield chunk as Buffer;
  } catch (error) {
    throw describeSystemError(error, path, "nothing was changed");
  } finally {
    file.destroy();
  }
}

async function* gunzipped(file: ReadStream, where: () => string): AsyncGenerator<Buffer> {
  const gunzip = createGunzip({ chunkSize: 256 * 1024 });
  file.on("error", (error) => gunzip.destroy(error));
  file.pipe(gunzip);
  try {
    for await (const chunk of gunzip) yield chunk as Buffer;
  } catch (error) {
    throw (error as NodeJS.ErrnoException).code?.startsWith("Z_") ? damaged("gzip", where(), error) : error;
  }
}

/** Few bytes of zstd can unpack to 128 KiB: so little is handed over at once that a bomb meets the line limit first. */
const ZSTD_PIECE = 1024;

/** Node 20 has no zstd of its own. */
async function* unzstd(file: ReadStream, where: () => string): AsyncGenerator<Buffer> {
  const { Decompress } = await import("fzstd");
  let ready: Buffer[] = [];
  const decompress = new Decompress((chunk) => ready.push(Buffer.from(chunk)));
  const push = (bytes: Uint8Array, last: boolean): Buffer[] => {
    ready = [];
    try {
      decompress.push(bytes, last);
    } catch (error) {
      throw damaged("zstd", where(), error);
    }
    return ready;
  };
  for await (const chunk of file as AsyncIterable<Buffer>) {
    for (let at = 0; at < chunk.length; at += ZSTD_PIECE) yield* push(chunk.subarray(at, at + ZSTD_PIECE), false);
  }
  yield* push(new Uint8Array(0), true);
}

/** The first bytes decide, neither signature being UTF-8; a name without its signature is left to the decoder to refuse. */
async function packingOf(path: string): Promise<"gzip" | "zstd" | undefined> {
  const file = await open(path, "r");
  try {
    const start = Buffer.alloc(4);
    await file.read(start, 0, 4, 0);
    if (start.readUInt16BE() === 0x1f8b) return "gzip";
    if (start.readUInt32LE() === 0xfd2fb528) return "zstd";
  } finally {
    await file.close();
  }
  return /\.gz$/i.test(path) ? "gzip" : /\.zst$/i.test(path) ? "zstd" : undefined;
}

function damaged(packing: string, where: string, cause: unknown): HeartcutError {
  return new HeartcutError(
    "HC1051",
    {
      what: `the ${packing} file is damaged or cut off`,
      where,
      found: printable((cause as Error).message),
      fix: "fetch the file again",
    },
    { cause },
  );
}

function notUtf8(where: string, cause: unknown): HeartcutError {
  return new HeartcutError(
    "HC1050",
    { what: "the line is not UTF-8", where, fix: "save the file as UTF-8" },
    { cause },
  );
}

function tooLong(where: string, limit: number): HeartcutError {
  return new HeartcutError("HC1006", {
    what: "a line is over its length limit",
    where,
    expected: `at most ${limit} bytes`,
    why: "a file without newlines would fill the memory",
    fix: "write one record a line, or raise limits.jsonlLineBytes",
  });
}
