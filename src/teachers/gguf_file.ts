import { open } from "node:fs/promises";
import { HeartcutError } from "../errors.ts";
import { guarded, readFully } from "../formats/file_system.ts";
import type { Tokenizer } from "../tokenizers/tokenizer.ts";

/** Counts beyond these belong to no model: a header that claims more is an attack on whoever allocates for it. */
const MOST_TENSORS = 10_000_000n;
const MOST_KEYS = 100_000n;

/**
 * Looks at the head of a GGUF file before llama.cpp does: magic, version and counts.
 * @throws HeartcutError HC1004 if it is missing, HC3306 if it is no GGUF file that can be read   Source: ggml docs/gguf.md
 */
export async function checkGgufHeader(path: string): Promise<void> {
  const head = Buffer.alloc(24);
  const read = await guarded(path, "nothing was changed", async () => {
    const file = await open(path, "r");
    try {
      return await readFully(file, head, 0);
    } finally {
      await file.close();
    }
  });
  const fault = (found: string, expected: string) =>
    new HeartcutError("HC3306", {
      what: "this is no GGUF file that can be read",
      where: path,
      found,
      expected,
      fix: "give a .gguf file as llama.cpp's convert_hf_to_gguf.py writes it",
    });
  if (read < 24 || head.toString("latin1", 0, 4) !== "GGUF")
    throw fault(read < 24 ? `${read} bytes` : "another kind of file", "the letters GGUF at the start");
  const version = head.readUInt32LE(4);
  if (version < 2 || version > 3) throw fault(`version ${version}`, "version 2 or 3, little-endian");
  const [tensors, keys] = [head.readBigUInt64LE(8), head.readBigUInt64LE(16)];
  if (tensors > MOST_TENSORS || keys > MOST_KEYS)
    throw fault(`${tensors} tensors and ${keys} keys`, `at most ${MOST_TENSORS} and ${MOST_KEYS}`);
}

/**
 * Refuses a GGUF file whose vocabulary is not the tokenizer's: ids would mean other tokens. Rows beyond the tokenizer are padding.
 * @param tokens - pieces of the file by id   @throws HeartcutError HC3307 naming the first id that differs
 */
export function requireGgufVocabulary(tokens: readonly string[], tokenizer: Tokenizer, path: string): void {
  for (let id = 0; id < tokenizer.vocabSize; id++) {
    const [expected, found] = [tokenizer.tokenOf(id), tokens[id]];
    // Ids without a token are padding; converters write the "▁" of added tokens as a space.
    if (expected === undefined || (found !== undefined && plain(found) === plain(expected))) continue;
    throw new HeartcutError("HC3307", {
      what: "the GGUF file was made for another tokenizer",
      where: path,
      found: `id ${id} is ${JSON.stringify(found ?? null)} to the file, which has ${tokens.length} tokens`,
      expected: `${JSON.stringify(expected)}, one of the tokenizer's ${tokenizer.vocabSize}`,
      why: "the same ids would stand for other text",
      fix: "use the tokenizer of the model the file was converted from",
    });
  }
}

const plain = (piece: string) => piece.replaceAll("▁", " ");
