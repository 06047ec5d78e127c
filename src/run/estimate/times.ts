import { ASSUMED_WITHIN } from "./assumed_corpus.ts";
import type { Rate } from "./kinds.ts";
import type { Range } from "./record.ts";
import type { StageWork } from "./stage_work.ts";

/** Bytes of text that one pass gets through in a second: training a tokenizer and packing took 1 s for 2.5 to 4.3 MB. */
const TEXT_RATE = 3.5e6;
/** Text is not measured here: it may take so many times longer or shorter. */
const TEXT_FACTOR = 2;

const NOTHING: Range = { expected: 0, low: 0, high: 0 };

/** The sum of ranges; their ends add up, as a slow machine is slow for all. */
export function sumOf(ranges: readonly Range[]): Range {
  return ranges.reduce(
    (sum, each) => ({ expected: sum.expected + each.expected, low: sum.low + each.low, high: sum.high + each.high }),
    NOTHING,
  );
}

/** Every end of a range times a factor. */
export function scaled({ expected, low, high }: Range, factor: number): Range {
  return { expected: factor * expected, low: factor * low, high: factor * high };
}

/**
 * Time of a stage: of each kind of work, its FLOPs (padding included) over the kind's speed, and the start of its graphs; text by
 * its bytes.
 * @param rates - by label   @param assumed - whether amounts of data were assumed   @returns null where something is not known
 */
export function stageSeconds(work: StageWork, rates: ReadonlyMap<string, Rate>, assumed: boolean): Range | null {
  if (work.remote !== null) return null;
  const text = work.textBytes / TEXT_RATE + work.fixedSeconds;
  const ranges: Range[] = [{ expected: text, low: text / TEXT_FACTOR, high: text * TEXT_FACTOR }];
  const within = assumed && work.byData ? ASSUMED_WITHIN : 0;
  for (const { kind, flops, padding } of work.parts) {
    const rate = rates.get(kind);
    if (rate === undefined || flops === null) return null;
    const { median, low, high } = rate.flopsPerSecond;
    const computed = flops * padding;
    ranges.push({
      expected: computed / median + rate.startSeconds,
      low: ((1 - within) * computed) / high + rate.startSeconds,
      high: ((1 + within) * computed) / low + rate.startSeconds,
    });
  }
  return sumOf(ranges);
}
