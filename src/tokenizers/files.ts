import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { publishFile } from "../formats/publish.ts";

/** Whether a file of a folder belongs to its tokenizer. */
export function isTokenizerFile(name: string): boolean {
  return ["tokenizer.json", "tokenizer.json.gz", "tokenizer_config.json", "special_tokens_map.json"].includes(name);
}

/** Copies a tokenizer's files into another folder, such as that of a model. @throws HeartcutError HC10xx as publishFile */
export async function copyTokenizer(from: string, to: string): Promise<void> {
  for (const name of (await readdir(from)).filter(isTokenizerFile)) {
    const bytes = await readFile(join(from, name));
    await publishFile(join(to, name), (sink) => sink.write(bytes));
  }
}
