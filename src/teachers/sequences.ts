import { HeartcutError } from "../errors.ts";
import type { Teacher } from "./record.ts";

type Limited = Pick<Teacher, "name" | "vocabSize" | "maxTokens">;

/** Refuses what a teacher cannot answer for, before anything is asked. @throws HeartcutError HC3302, HC3303 */
export function checkSequences(teacher: Limited, sequences: readonly Int32Array[]): void {
  for (const [row, ids] of sequences.entries()) {
    const bad = ids.findIndex((id) => id < 0 || id >= teacher.vocabSize);
    if (bad >= 0)
      throw new HeartcutError("HC3302", {
        what: "a token id is outside the teacher's vocabulary",
        where: `${teacher.name}, sequence ${row}, place ${bad}`,
        found: `id ${ids[bad]}`,
        expected: `0 … ${teacher.vocabSize - 1}`,
        fix: "use the tokenizer that belongs to this teacher",
      });
    if (ids.length > teacher.maxTokens)
      throw new HeartcutError("HC3303", {
        what: "a sequence is longer than the teacher can read",
        where: `${teacher.name}, sequence ${row}`,
        found: `${ids.length} tokens`,
        expected: `at most ${teacher.maxTokens}`,
        fix: "pack shorter instances (pack.length), or open the teacher with a longer context",
      });
  }
}

/** Refuses a k that no distribution over the vocabulary has. @throws HeartcutError HC3304 */
export function checkTopK(teacher: Limited, k: number): void {
  if (Number.isInteger(k) && k >= 1 && k <= teacher.vocabSize) return;
  throw new HeartcutError("HC3304", {
    what: "that many likeliest tokens cannot be given",
    where: teacher.name,
    found: `k = ${k}`,
    expected: `a whole number from 1 to ${teacher.vocabSize}, the size of the vocabulary`,
    fix: "choose a k in that range",
  });
}
