import { InternalError } from "../../errors.ts";
import { bitsPerByte } from "../../score/bits_per_byte_record.ts";
import type { PreparedRolling } from "./prepared.ts";
import type { TaskMetric, TaskOutcome } from "./record.ts";
import type { ReadSample, SampleValue } from "./sample_files.ts";

/** log p of a whole text, and what its perplexities are taken over. */
export interface RolledText {
  /** Nats. */
  readonly logLikelihood: number;
  readonly words: number;
  /** Of the text as UTF-8. */
  readonly bytes: number;
}

/** Metrics of rolling log-likelihoods, with the unit each is taken over. */
const ROLLING_METRICS = {
  bits_per_byte: "bytes",
  byte_perplexity: "bytes",
  word_perplexity: "words",
} as const;
export type RollingMetricName = keyof typeof ROLLING_METRICS;

/** The metrics with their direction, for a task's record. */
export function describeRollingMetrics(): Pick<TaskMetric, "name" | "higherIsBetter">[] {
  return Object.keys(ROLLING_METRICS).map((name) => ({ name, higherIsBetter: false }));
}

/** The figures of a task over whole texts, from the values of its samples. No request loses tokens: texts are read in windows. */
export function rollingOutcome(
  { task, version, fewshot, of, published, main, chance }: PreparedRolling,
  samples: readonly Pick<ReadSample, "docId" | "values">[],
): TaskOutcome {
  const texts = samples.map(({ docId, values }): RolledText => {
    const [bytes, words] = [values.bits_per_byte, values.word_perplexity];
    if (typeof bytes !== "object" || typeof words !== "object")
      throw new InternalError(`text ${docId} has no log p with its words and bytes`);
    return { logLikelihood: bytes[0], bytes: bytes[1], words: words[1] };
  });
  return {
    ...{ task, version, fewshot, items: samples.length, of, published, cut: 0, main, chance },
    metrics: rollingMetrics(texts),
    perItem: texts.map(({ logLikelihood, bytes }) => logLikelihood / bytes),
    docIds: samples.map(({ docId }) => docId),
  };
}

/** What the metrics are for one text: log p and the units it is taken over. */
export function rollingValues(text: RolledText): Record<RollingMetricName, SampleValue> {
  const of = (name: RollingMetricName): SampleValue => [text.logLikelihood, text[ROLLING_METRICS[name]]];
  return {
    bits_per_byte: of("bits_per_byte"),
    byte_perplexity: of("byte_perplexity"),
    word_perplexity: of("word_perplexity"),
  };
}

/**
 * word_perplexity, byte_perplexity and bits_per_byte over all texts: exp(-Σ log p / Σ units), and -Σ log p / (Σ bytes · ln 2).
 * The standard error is that of the ratio over texts, to first order; the harness gives none.
 * @param items - at least one   Source: Cochran 1977, 6.3, for the error of a ratio
 */
export function rollingMetrics(items: readonly RolledText[]): (TaskMetric & { name: RollingMetricName })[] {
  return (Object.keys(ROLLING_METRICS) as RollingMetricName[]).map((name) => {
    const unit = ROLLING_METRICS[name];
    const units = items.reduce((sum, item) => sum + item[unit], 0);
    const nats = -items.reduce((sum, item) => sum + item.logLikelihood, 0);
    const rate = nats / units;
    const error = ratioError(
      items.map((item) => -item.logLikelihood - rate * item[unit]),
      units,
    );
    if (name === "bits_per_byte")
      return { name, value: bitsPerByte(nats, units), stderr: error && error / Math.LN2, higherIsBetter: false };
    const value = Math.exp(rate);
    return { name, value, stderr: error && error * value, higherIsBetter: false };
  });
}

/** Standard error of a ratio by the deviations of its items from it; null for one item. */
function ratioError(deviations: readonly number[], units: number): number | null {
  const n = deviations.length;
  if (n < 2) return null;
  const squares = deviations.reduce((sum, d) => sum + d * d, 0);
  return Math.sqrt((n * squares) / (n - 1)) / units;
}
