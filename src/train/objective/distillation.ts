import type { TeacherOutputRow } from "../../attribute/record.ts";
import {
  COEFFICIENTS,
  DISTILLATION_LOSSES,
  type DistillationLossName,
  distillationLoss,
} from "../../distill/distillation_losses.ts";
import { sparseDistillation } from "../../distill/sparse_distillation.ts";
import { HeartcutError } from "../../errors.ts";
import { mul, reshape, sum } from "../../graph/ops/index.ts";
import { input } from "../../graph/value.ts";
import type { PairBatch } from "../../models/pairs.ts";
import type { Term } from "./term.ts";

export { COEFFICIENTS, DISTILLATION_LOSSES, type DistillationLossName };

export interface Distillation {
  readonly weight: number;
  readonly loss: DistillationLossName;
  /** Of both distributions; no factor T² is put on. */
  readonly temperature: number;
  /** β or λ, for the losses that have one. */
  readonly coefficient?: number;
}

/**
 * Distance of the student's distribution from the teacher's stored one at each token of the answer, mean over tokens.
 * The student's [B,T,V] logits are never made: k rows of its head and the NLL that is there already give log q.
 * @param outputs - by example id: the teacher's rows, of as many ids each
 */
export function distillation(settings: Distillation, outputs: ReadonlyMap<string, TeacherOutputRow>): Term {
  const K = [...outputs.values()][0]!.ids[0]!.length;
  const loss = distillationLoss(settings.loss, settings.coefficient);
  const tables = new Map([...outputs].map(([id, row]) => [id, tableOf(row, K)]));
  return {
    name: "distillation",
    weight: settings.weight,
    needsAttention: false,
    unitsOf: (id) => outputs.get(id)?.target.length ?? 0,
    rows: ({ graph, decoded, inputs, nll, shape: { B, T }, dtype }) => {
      const flat = (name: string, type: "int32" | typeof dtype) => reshape(input(name, type, [B, T, K]), [B * T, K]);
      const teacher = { ids: flat("distillation.ids", "int32"), logProbs: flat("distillation.log_probs", dtype) };
      const student = { hidden: decoded.hidden, head: graph.head, nll, targets: reshape(inputs.targets, [B * T]) };
      const perToken = sparseDistillation(student, teacher, loss, { temperature: settings.temperature }).losses;
      const places = input("distillation.places", dtype, [B, T]);
      return reshape(sum(mul(reshape(perToken, [B, T]), places), [1]), [B]);
    },
    feeds: (ids, { B, T }: PairBatch) => {
      const feeds = {
        "distillation.ids": new Int32Array(B * T * K),
        "distillation.log_probs": new Float32Array(B * T * K),
        "distillation.places": new Float32Array(B * T),
      };
      for (const [row, id] of ids.entries()) {
        const table = tables.get(id);
        if (table === undefined) continue;
        feeds["distillation.ids"].set(table.ids, row * T * K);
        feeds["distillation.log_probs"].set(table.logProbs, row * T * K);
        feeds["distillation.places"].fill(1, row * T, row * T + table.ids.length / K);
      }
      return feeds;
    },
  };
}

/** A row as arrays: ids [m,K] and their log-probabilities [m,K]. */
function tableOf({ id, ids, logProbs }: TeacherOutputRow, K: number): { ids: Int32Array; logProbs: Float32Array } {
  const table = { ids: new Int32Array(ids.length * K), logProbs: new Float32Array(ids.length * K) };
  for (const [t, row] of logProbs.entries()) {
    if (row.length !== K || ids[t]?.length !== K)
      throw new HeartcutError("HC6311", {
        what: "the teacher's outputs do not hold equally many ids at every place",
        where: `example ${id}, place ${t}`,
        found: `${ids[t]?.length ?? 0} ids, ${row.length} log-probabilities`,
        expected: `${K} of both, as in the first row`,
        fix: "write the teacher's outputs again with one topK",
      });
    table.ids.set(ids[t], t * K);
    table.logProbs.set(row, t * K);
  }
  return table;
}
