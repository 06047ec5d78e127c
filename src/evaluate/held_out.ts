import { HeartcutError } from "../errors.ts";
import { bitsPerByte, type TextBytesRow } from "../score/bits_per_byte_record.ts";
import type { NllRow } from "../score/record.ts";
import { type BootstrapOptions, bootstrapMean } from "./intervals.ts";
import type { BitsPerByteLoss, HeldOutLoss } from "./record.ts";

/** One model's NLLs on one held-out set. */
export interface HeldOutScores {
  model: string;
  set: string;
  /** In instance order, without gaps. */
  rows: readonly NllRow[];
  /** Source of each row's instance. */
  sources: readonly string[];
  /** Bytes of each row's instance, from countTextBytes over the same instances; gives the loss in bits per byte too. */
  bytes?: readonly Pick<TextBytesRow, "tokens" | "scored_bytes">[] | undefined;
}

/** Held-out LM loss: the mean over instances of their mean NLL, in nats per token, with a bootstrap interval over instances.
 * Instances without a scored position do not count.
 * @throws HeartcutError HC3201 if nothing was scored, HC3207 as bitsPerByteLoss   Source: MiniPLM, arXiv:2410.17215 */
export function heldOutLoss(scores: HeldOutScores, options: Omit<BootstrapOptions, "stream">): HeldOutLoss {
  const perInstance: number[] = [];
  const bySource = new Map<string, { sum: number; instances: number }>();
  let tokens = 0;
  for (const [at, row] of scores.rows.entries()) {
    if (row.tokens === 0) continue;
    perInstance.push(row.nll_mean);
    tokens += row.tokens;
    const source = scores.sources[at]!;
    const group = bySource.get(source) ?? { sum: 0, instances: 0 };
    group.sum += row.nll_mean;
    group.instances++;
    bySource.set(source, group);
  }
  if (perInstance.length === 0) {
    throw new HeartcutError("HC3201", {
      what: "the held-out set has nothing to measure",
      where: `set ${scores.set}, model ${scores.model}`,
      found: `${scores.rows.length} instances, none with a scored position`,
      fix: "hold out more of the corpus",
    });
  }
  return {
    model: scores.model,
    set: scores.set,
    loss: perInstance.reduce((sum, x) => sum + x, 0) / perInstance.length,
    interval: bootstrapMean(perInstance, { ...options, stream: `evaluate/bootstrap/${scores.set}` }),
    instances: perInstance.length,
    tokens,
    bySource: [...bySource.keys()].sort().map((source) => {
      const { sum, instances } = bySource.get(source)!;
      return { source, loss: sum / instances, instances };
    }),
    perInstance,
    ...(scores.bytes !== undefined && { bitsPerByte: bitsPerByteLoss(scores, scores.bytes, options) }),
  };
}

/**
 * Held-out loss in bits per byte: sum of the NLLs of all scored targets / (sum of their UTF-8 bytes · ln 2). An EOS target counts
 * with its NLL and no bytes. The interval is that of the ratio, each instance standing for its deviation from it.
 * @param bytes - in instance order   @throws HeartcutError HC3207 if they are of other instances or there are none
 */
export function bitsPerByteLoss(
  scores: HeldOutScores,
  bytes: NonNullable<HeldOutScores["bytes"]>,
  options: Omit<BootstrapOptions, "stream">,
): BitsPerByteLoss {
  const { rows, model, set } = scores;
  const fault = (found: string) =>
    new HeartcutError("HC3207", {
      what: "the bytes are not those of the held-out set as it was scored",
      where: `set ${set}, model ${model}`,
      found,
      expected: `text in ${rows.length} instances with the scored positions of the scores`,
      fix: "count the bytes of the scored instances, under the same mask",
    });
  const other = rows.findIndex((row, i) => row.tokens !== bytes[i]?.tokens);
  if (other >= 0 || bytes.length !== rows.length)
    throw fault(`${bytes.length} instances${other >= 0 ? `, the first that differs is ${other}` : ""}`);
  const scored = rows.flatMap((row, i) =>
    row.tokens === 0 ? [] : [{ nats: row.nll_sum, bytes: bytes[i]!.scored_bytes }],
  );
  const total = scored.reduce((sum, instance) => sum + instance.bytes, 0);
  if (total === 0) throw fault("no byte of scored text");
  const loss = bitsPerByte(
    scored.reduce((sum, instance) => sum + instance.nats, 0),
    total,
  );
  // Mean of these is the ratio itself, their spread its own to first order (Cochran 1977, 6.3).
  const mean = total / scored.length;
  const linearised = scored.map((instance) => loss + bitsPerByte(instance.nats, mean) - (loss * instance.bytes) / mean);
  return {
    loss,
    interval: bootstrapMean(linearised, { ...options, stream: `evaluate/bootstrap/${set}` }),
    bytes: total,
  };
}
