import { HeartcutError } from "../errors.ts";
import type { TopLogProbs } from "./record.ts";
import { LOWEST_LOG_PROB } from "./store_precision.ts";

/** A softmax in single precision misses log p = 0 by its rounding; values this little above it are kept as 0. */
const ROUNDING = 1e-3;

/**
 * Refuses a teacher's answer that is no list of likeliest tokens, before any of it is stored.
 * @param answer - for one sequence of `positions` + 1 tokens   @param where - which one, for the message
 * @throws HeartcutError HC3403 for counts that do not fit, HC3404 for an id outside the vocabulary or twice in a row, HC3405
 *   for a value that is no log-probability, HC3406 for a row that rises, HC3407 for a row of more than the whole mass
 */
export function checkTopLogProbs(
  { ids, logProbs }: TopLogProbs,
  { positions, topK: k, vocabSize }: { positions: number; topK: number; vocabSize: number },
  where: string,
): void {
  const expected = positions * k;
  if (ids.length !== expected || logProbs.length !== expected)
    throw new HeartcutError("HC3403", {
      what: "the teacher answered with the wrong number of values",
      where,
      found: `${ids.length} ids and ${logProbs.length} log-probabilities`,
      expected: `${expected}: ${k} for each of ${positions} label positions`,
      fix: "check that the teacher sees the instance as it is (no cut to its context length, no added tokens)",
    });
  // Position at which an id was seen last: one array for all rows, no set to fill and empty.
  const seen = new Int32Array(vocabSize).fill(-1);
  for (let t = 0; t < positions; t++) {
    const refuse = (
      code: `HC${number}`,
      j: number,
      what: string,
      found: string,
      wanted: string,
      fix: string,
    ): never => {
      throw new HeartcutError(code, {
        what,
        where: `${where}, position ${t}, rank ${j}`,
        found,
        expected: wanted,
        why: "students would learn from it",
        fix,
      });
    };
    let mass = 0;
    for (let j = 0; j < k; j++) {
      const id = ids[t * k + j]!;
      const logProb = logProbs[t * k + j]!;
      if (!(id >= 0 && id < vocabSize))
        refuse(
          "HC3404",
          j,
          "the teacher named a token that is not in its vocabulary",
          `id ${id}`,
          `0 … ${vocabSize - 1}`,
          FIX.ids,
        );
      if (seen[id] === t)
        refuse(
          "HC3404",
          j,
          "the teacher named a token twice at one position",
          `id ${id}`,
          `${k} different ids`,
          FIX.ids,
        );
      seen[id] = t;
      if (!(logProb >= LOWEST_LOG_PROB && logProb <= ROUNDING))
        refuse(
          "HC3405",
          j,
          "the teacher gave a value that is no log-probability",
          String(logProb),
          `${LOWEST_LOG_PROB} … 0`,
          FIX.values,
        );
      if (j > 0 && logProb > logProbs[t * k + j - 1]!)
        refuse(
          "HC3406",
          j,
          "the teacher's tokens do not stand by falling probability",
          `${logProb} behind ${logProbs[t * k + j - 1]}`,
          "no value above the one before it",
          FIX.order,
        );
      mass += Math.exp(logProb);
    }
    if (mass > 1 + ROUNDING)
      refuse(
        "HC3407",
        k - 1,
        "the teacher's tokens have more than the whole probability",
        String(mass),
        "a sum of at most 1",
        FIX.values,
      );
  }
}

const FIX = {
  ids: "check that the teacher's vocabulary is the one its backend reports",
  values: "run the teacher in float32 (half precision may overflow), and check that its weights are finite",
  order: "have the backend sort its answer, and give natural logarithms",
} as const;
