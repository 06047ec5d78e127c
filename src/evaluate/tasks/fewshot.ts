import { isDeepStrictEqual } from "node:util";
import { HeartcutError } from "../../errors.ts";
import { PythonRandom } from "./python_random.ts";
import type { Row } from "./row.ts";
import { type EvaluationTask, readQuestion, workedExample } from "./task.ts";

/** Seed of the examples in lm-evaluation-harness. */
export const FEWSHOT_SEED = 1234;
/** Between worked examples. */
const SEPARATOR = "\n\n";

interface FewshotOptions {
  /** Rows of the questions, from the first of the file on: each draws, so that a part of them has the examples it has in the whole. */
  readonly rows: readonly Row[];
  readonly pool: readonly Row[];
  /** Whether the examples come from the file that is asked. */
  readonly own: boolean;
  readonly count: number;
  readonly seed: number;
  /** File of the pool, for messages. */
  readonly from: string;
}

/**
 * The worked examples in front of each question, drawn and written as lm-evaluation-harness does: one stream of random
 * numbers over all questions. A question's own row never is among its examples; where the harness would allow it (tasks
 * that have nothing but a test split), the row behind it in the file takes its place.
 * @returns a text for each row, which ends where the question begins
 * @throws HeartcutError HC3511 if there are too few examples; HC3505, HC3506 at one that cannot be read
 * Source: lm-evaluation-harness 0.4.13, ContextSampler and fewshot_context
 */
export function fewshotContexts(task: EvaluationTask, options: FewshotOptions): string[] {
  const written = new Map<number, string>();
  return chooseExamples(task, options).map((chosen) =>
    chosen
      .map((at) => {
        const text = written.get(at) ?? workedExample(readQuestion(task, options.pool[at]!), task.delimiter);
        written.set(at, text);
        return text + SEPARATOR;
      })
      .join(""),
  );
}

/** Rows of the pool that are the examples of each question. @throws HeartcutError HC3511 if there are too few */
export function chooseExamples(
  task: Pick<EvaluationTask, "name" | "drawsSpare">,
  { rows, pool, own, count, seed, from }: FewshotOptions,
): number[][] {
  const needed = count + (task.drawsSpare || own ? 1 : 0);
  if (pool.length < needed) throw tooFew(task.name, pool.length, needed, from);
  const random = new PythonRandom(seed);
  return rows.map(({ doc }) => {
    const isOther = (at: number) => !isDeepStrictEqual(pool[at]!.doc, doc);
    const drawn = random.sample(pool.length, task.drawsSpare ? count + 1 : count);
    const others = task.drawsSpare || own ? drawn.filter(isOther) : drawn;
    if (others.length >= count) return others.slice(0, count);
    const rest = pool.flatMap((_, at) => (isOther(at) ? [at] : []));
    if (rest.length < count) throw tooFew(task.name, rest.length, count, from);
    return task.drawsSpare
      ? random.sample(rest.length, count).map((i) => rest[i]!)
      : withoutQuestion(drawn, pool.length, isOther);
  });
}

/** The drawn rows, in place of each that is the question the next of the file that is neither it nor drawn. */
function withoutQuestion(drawn: readonly number[], size: number, isOther: (at: number) => boolean): number[] {
  const kept = new Set(drawn.filter(isOther));
  return drawn.map((at) => {
    let next = at;
    while (!isOther(next) || (next !== at && kept.has(next))) next = (next + 1) % size;
    kept.add(next);
    return next;
  });
}

function tooFew(task: string, found: number, needed: number, from: string): HeartcutError {
  return new HeartcutError("HC3511", {
    what: "there are too few worked examples",
    where: from,
    found: `${found} rows to draw from`,
    expected: `at least ${needed} for ${task}, the question itself left out`,
    fix: "ask for fewer (fewshot), or name a file with more",
  });
}
