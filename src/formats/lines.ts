import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import { createGunzip } from "node:zlib";
import { HeartcutError } from "../errors.ts";
import { describeSystemError, guarded } from "./file_system.ts";
import { type Limits, withLimits } from "./limits.ts";

/** One line of a file. */
export interface Line {
  /** Counted from 1. */
  number: number;
  text: string;
  /** First byte behind the line and its newline; in the unpacked text where the file is gzip. */
  end: number;
}

/**
 * The lines of a UTF-8 text file, plain or gzip (told by content), with bounded memory.
 * A byte order mark at the start and a carriage return before the newline are dropped; blank lines are counted and given.
 * @throws HeartcutError HC1004 (missing), HC1006 (a line over limits.jsonlLineBytes), HC1050 (not UTF-8), HC1051 (damaged gzip)
 */
export async function* readLines(path: string, options: { limits?: Partial<Limits> } = {}): AsyncGenerator<Line> {
  const limit = withLimits(options.limits).jsonlLineBytes;
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  const pending: Buffer[] = [];
  let pendingBytes = 0;
  let number = 0;
  let end = 0;
  const take = (last: Buffer): Line => {
    const bytes = pendingBytes === 0 ? last : Buffer.concat([...pending.splice(0), last]);
    pendingBytes = 0;
    number++;
    let text: string;
    try {
      text = decoder.decode(bytes);
    } catch (cause) {
      throw new HeartcutError(
        "HC1050",
        { what: "the line is not UTF-8", where: `${path}:${number}`, fix: "save the file as UTF-8" },
        { cause },
      );
    }
    if (number === 1 && text.startsWith("\ufeff")) text = text.slice(1);
    return { number, text: text.endsWith("\r") ? text.slice(0, -1) : text, end };
  };
  for await (const chunk of unpacked(path)) {
    let start = 0;
    for (;;) {
      const newline = chunk.indexOf(10, start);
      const stop = newline < 0 ? chunk.length : newline;
      if (pendingBytes + stop - start > limit) throw tooLong(`${path}:${number + 1}`, limit);
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

async function* unpacked(path: string): AsyncGenerator<Buffer> {
  const packed = await guarded(path, "nothing was changed", () => isGzip(path));
  const file = createReadStream(path, { highWaterMark: 256 * 1024 });
  if (!packed) {
    try {
      for await (const chunk of file) yield chunk as Buffer;
    } catch (error) {
      throw describeSystemError(error, path, "nothing was changed");
    }
    return;
  }
  const gunzip = createGunzip({ chunkSize: 256 * 1024 });
  file.on("error", (error) => gunzip.destroy(error));
  file.pipe(gunzip);
  try {
    for await (const chunk of gunzip) yield chunk as Buffer;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (!code?.startsWith("Z_")) throw describeSystemError(error, path, "nothing was changed");
    throw new HeartcutError(
      "HC1051",
      { what: "the gzip file is damaged or cut off", where: path, found: message, fix: "fetch the file again" },
      { cause: error },
    );
  } finally {
    file.destroy();
  }
}

async function isGzip(path: string): Promise<boolean> {
  const file = await open(path, "r");
  try {
    const start = new Uint8Array(2);
    await file.read(start, 0, 2, 0);
    return start[0] === 0x1f && start[1] === 0x8b;
  } finally {
    await file.close();
  }
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
