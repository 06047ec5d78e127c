import type { InstanceReader } from "../corpus/record.ts";
import { padTokens } from "../models/batch.ts";
import type { Trainer } from "./trainer.ts";

/** Rows scored at once: the loss of a curve point is taken often, its graph should stay small beside training's. */
const ROWS = 8;

/**
 * Held-out LM loss of a model in training: mean over the set's first instances of the per-instance mean NLL, in nats.
 * Documents see each other as they do in training. NaN where no instance has a scored position.
 */
export async function heldOutLoss(trainer: Trainer, reader: InstanceReader, instances: number): Promise<number> {
  const T = Math.max(trainer.length, reader.maxTokens - 1);
  const count = Math.min(instances, reader.length);
  let sum = 0;
  let scored = 0;
  for (let start = 0; start < count; start += ROWS) {
    const sequences = Array.from({ length: Math.min(ROWS, count - start) }, (_, i) => reader.read(start + i));
    const nll = await trainer.model.batchNll(padTokens(sequences, T, { rows: ROWS, eosId: trainer.barrier }));
    for (const [row, tokens] of sequences.entries()) {
      const mask = trainer.mask(tokens);
      const positions = mask.reduce((n, x) => n + x, 0);
      if (positions === 0) continue;
      sum += mask.reduce((total, x, t) => total + (x === 1 ? nll[row * T + t]! : 0), 0) / positions;
      scored++;
    }
  }
  return scored === 0 ? Number.NaN : sum / scored;
}
