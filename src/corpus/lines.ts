import { createReadStream } from "node:fs";
import { pipeline, type Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { HeartcutError, printable } from "../errors.ts";
import { defaultLimits } from "../formats/limits.ts";

/**
 * The lines of a text file in order, without their line ends; .gz and .zst are unpacked. Not DuckDB: its readers take a
 * truncated .gz for a whole one and lose the rest without a word.
 * @throws HeartcutError HC2012 if the compression is broken or cut off, or a line is over the limit
 */
export async function* readLines(path: string, name: string): AsyncGenerator<Buffer> {
  let waiting: Buffer[] = [];
  let waitingBytes = 0;
  let line = 1;
  try {
    for await (const chunk of unpacked(path)) {
      let from = 0;
      for (;;) {
        const end = chunk.indexOf(10, from);
        const part = chunk.subarray(from, end < 0 ? chunk.length : end);
        waitingBytes += part.length;
        if (waitingBytes > defaultLimits.jsonlLineBytes) throw tooLong(name, line);
        if (end < 0) {
          if (part.length > 0) waiting.push(part);
          break;
        }
        yield waiting.length === 0 ? part : Buffer.concat([...waiting, part]);
        waiting = [];
        waitingBytes = 0;
        line++;
        from = end + 1;
      }
    }
  } catch (error) {
    if (error instanceof HeartcutError) throw error;
    throw new HeartcutError(
      "HC2012",
      {
        what: "a corpus file cannot be read to its end",
        where: `${name}:${line}`,
        found: printable(error instanceof Error ? error.message : String(error)),
        fix: "get the file again: it is cut off or damaged",
      },
      { cause: error },
    );
  }
  if (waitingBytes > 0) yield Buffer.concat(waiting);
}

function unpacked(path: string): AsyncIterable<Buffer> {
  const packed = createReadStream(path, { highWaterMark: 256 * 1024 });
  if (/\.zst$/i.test(path)) return unzstd(packed);
  if (!/\.gz$/i.test(path)) return packed as AsyncIterable<Buffer>;
  // pipeline, not pipe: an error or an early end on one side closes the other; the reader of the result sees the error.
  return pipeline(packed, createGunzip(), () => {}) as AsyncIterable<Buffer>;
}

/** Node 20 has no zstd of its own. */
async function* unzstd(packed: Readable): AsyncGenerator<Buffer> {
  const { Decompress } = await import("fzstd");
  let ready: Buffer[] = [];
  const decompress = new Decompress((chunk) => ready.push(Buffer.from(chunk)));
  for await (const chunk of packed) {
    decompress.push(chunk as Buffer);
    yield* ready;
    ready = [];
  }
  decompress.push(new Uint8Array(0), true);
  yield* ready;
}

function tooLong(name: string, line: number): HeartcutError {
  return new HeartcutError("HC2012", {
    what: "a line is too long",
    where: `${name}:${line}`,
    expected: `at most ${defaultLimits.jsonlLineBytes} bytes`,
    fix: "split the document, or write the corpus as Parquet",
  });
}
