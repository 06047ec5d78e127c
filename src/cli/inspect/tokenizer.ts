import { printable } from "../../errors.ts";
import type { TokenizerJson } from "../../tokenizers/definition.ts";
import type { JobResult } from "../job.ts";
import { formatCount } from "../terminal.ts";
import { more } from "./data.ts";

/** Family, vocabulary and special tokens of a tokenizer. @param path - its folder or tokenizer.json */
export async function inspectTokenizer(path: string, rows: number): Promise<JobResult> {
  const { loadTokenizer } = await import("../../tokenizers/tokenizer.ts");
  const { readDefinition } = await import("../../tokenizers/definition.ts");
  const tokenizer = await loadTokenizer(path);
  const { json, tokens, special } = await readDefinition(path, Number.POSITIVE_INFINITY);
  const family = familyOf(json);
  const specials = Object.fromEntries(
    Object.entries(tokenizer.specials)
      .filter(([, id]) => id !== undefined)
      .map(([role, id]: [string, number]) => [role, { id, token: tokenizer.tokenOf(id) }]),
  );
  const first = tokens.slice(0, rows).map((token, id) => ({ id, token }));
  const around = (ids: Int32Array) => [...ids].map((id) => tokenizer.tokenOf(id) ?? String(id));
  const [prefix, suffix] = [around(tokenizer.prefix), around(tokenizer.suffix)];
  const roles = Object.entries(specials).map(([role, { id, token }]) => `${role} ${JSON.stringify(token)} (${id})`);
  return {
    text: printable(
      [
        `${path}: tokenizer, ${family}, ${formatCount(tokens.length)} tokens, ${formatCount(special.size)} of them special`,
        `special   ${roles.join(", ") || "none"}`,
        `a text    ${[...prefix, "…", ...suffix].join(" ")}`,
        ...first.map(({ id, token }) => `${String(id).padStart(8)}  ${JSON.stringify(token)}`),
        ...more(tokens.length, rows),
      ].join("\n"),
    ),
    data: { family, vocabulary: tokens.length, specials, prefix, suffix, fingerprint: tokenizer.fingerprint, first },
  };
}

/** "byte-level BPE", "BPE with byte fallback", "Unigram" …, as the field calls them. */
function familyOf({ model, pre_tokenizer, decoder }: TokenizerJson): string {
  if (JSON.stringify([pre_tokenizer, decoder]).includes('"ByteLevel"')) return `byte-level ${model.type}`;
  return model.byte_fallback === true ? `${model.type} with byte fallback` : model.type;
}
