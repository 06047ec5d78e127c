import { isUtf8 } from "node:buffer";

/** A part of tokenizer.json that the native library would not refuse but abort the whole process at. */
export interface UnsafePart {
  found: string;
  expected: string;
}

/**
 * Looks for what makes tokenizers 0.23 panic where it cannot unwind (found by fuzzing; a panic there ends the process):
 * template processors that name undeclared tokens, broken SentencePiece character maps, merges of tokens that do not exist.
 */
export function findUnsafePart(json: Record<string, unknown>): UnsafePart | undefined {
  // By their fields, not by `type`: the library takes these parts without it too.
  for (const part of objectsIn([json.post_processor, json.normalizer])) {
    const unsafe = "single" in part || "special_tokens" in part ? uncoveredTemplate(part) : undefined;
    if (unsafe) return unsafe;
    if (part.type === "Precompiled" || "precompiled_charsmap" in part) {
      const broken = brokenCharacterMap(part.precompiled_charsmap);
      if (broken) return broken;
    }
  }
  return inconsistentMerge(json.model as Record<string, unknown>);
}

/** All objects below some values, at any depth. */
function* objectsIn(values: unknown[]): Generator<Record<string, unknown>> {
  const waiting = [...values];
  while (waiting.length > 0) {
    const value = waiting.pop();
    if (typeof value !== "object" || value === null) continue;
    if (!Array.isArray(value)) yield value as Record<string, unknown>;
    for (const child of Object.values(value)) if (typeof child === "object") waiting.push(child);
  }
}

function uncoveredTemplate(template: Record<string, unknown>): UnsafePart | undefined {
  const declared = Object.keys(Object(template.special_tokens));
  for (const [side, sequences] of [
    ["single", ["A"]],
    ["pair", ["A", "B"]],
  ] as const) {
    for (const piece of objectsIn([template[side]])) {
      const { id: token } = Object(piece.SpecialToken) as { id?: unknown };
      if (typeof token === "string" && !declared.includes(token))
        return {
          found: `a post-processor that uses ${JSON.stringify(token)}`,
          expected: "the token under its special_tokens",
        };
      const { id: sequence } = Object(piece.Sequence) as { id?: unknown };
      if (sequence !== undefined && !(sequences as readonly unknown[]).includes(sequence))
        return {
          found: `a post-processor whose ${side} part uses sequence ${JSON.stringify(sequence)}`,
          expected: sequences.join(" or "),
        };
    }
  }
  return undefined;
}

/**
 * The fault of a character map whose double-array trie can lead out of its arrays.
 * Layout: uint32 size in bytes of the trie, its uint32 units, then NUL-ended replacement strings that leaves point into.
 * Source: darts-clone's DoubleArrayUnit.
 */
function brokenCharacterMap(base64: unknown): UnsafePart | undefined {
  const broken = {
    found: "a normalizer with a broken precompiled_charsmap",
    expected: "SentencePiece's compiled rules, in base64",
  };
  if (typeof base64 !== "string" || Buffer.from(base64, "base64").toString("base64") !== base64) return broken;
  const bytes = Buffer.from(base64, "base64");
  const size = bytes.length < 4 ? 0 : bytes.readUInt32LE(0);
  if (size === 0 || size % 1024 !== 0 || 4 + size > bytes.length) return broken;
  const strings = bytes.subarray(4 + size);
  if (!isUtf8(strings)) return broken;
  const units = size / 4;
  const unit = (i: number) => bytes.readUInt32LE(4 + 4 * i);
  for (let i = 0; i < units; i++) {
    const value = unit(i);
    // The highest bit marks the value of a leaf, which is reached through its parent only.
    if (value >= 2 ** 31) continue;
    const child = (i ^ ((value >>> 10) << ((value & 0x200) >>> 6))) >>> 0;
    // The units of all 256 next bytes lie in one block of 256.
    if (child >= units) return broken;
    if ((value & 0x100) === 0) continue;
    const at = unit(child) & 0x7fffffff;
    if (at >= strings.length || (at > 0 && strings[at - 1] !== 0)) return broken;
  }
  return undefined;
}

function inconsistentMerge(model: Record<string, unknown>): UnsafePart | undefined {
  const { vocab, merges } = model;
  if (!Array.isArray(merges) || Array.isArray(vocab)) return undefined;
  const prefix = typeof model.continuing_subword_prefix === "string" ? model.continuing_subword_prefix : "";
  const exists = (token: unknown): token is string =>
    typeof token === "string" && Object.hasOwn(vocab as object, token);
  for (const merge of merges) {
    const [left, right, ...more]: unknown[] =
      typeof merge === "string" ? merge.split(" ") : Array.isArray(merge) ? merge : [];
    const pair = exists(left) && exists(right) && more.length === 0 && right.startsWith(prefix);
    if (!pair || !exists(left + right.slice(prefix.length)))
      return {
        found: `the merge ${JSON.stringify(merge)?.slice(0, 80)}`,
        expected: "two tokens of the vocabulary, and their joint text a third",
      };
  }
  return undefined;
}
