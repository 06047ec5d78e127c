import type { TopLogProbs } from "../../distill/record.ts";
import { InternalError } from "../../errors.ts";
import type { TypedArray } from "../../graph/dtype.ts";
import type { TokenBatch } from "../../models/batch.ts";
import type { CausalLM } from "../../models/causal_lm.ts";
import { type EosIds, lossMask, type MaskIds } from "../../models/loss_mask.ts";
import type { ParameterSpec } from "../../models/parameters.ts";
import type { Buffers } from "../../runtime/executable.ts";
import type { CausalObjective, PartialLoss, PositionMask } from "../causal_objective.ts";
import type { CausalLosses } from "../record.ts";
import { type BatchRow, type LossNormalization, meanWeights, type TrainingInstance, weighted } from "../rows.ts";
import type { PositionFlops } from "./flops.ts";
import { distillationGraph, STORED, WEIGHTS } from "./graph.ts";
import { chosenForSampling, rewardsToGo, sampleTexts } from "./on_policy.ts";
import type { DistillationSettings } from "./settings.ts";
import type { OnlineTeacher } from "./teacher.ts";

/** A teacher's stored outputs by instance, k ids at each label position. */
export interface StoredTeacher {
  readonly k: number;
  read(instance: number): TopLogProbs | Promise<TopLogProbs>;
  close(): void | Promise<void>;
}

export type TeacherSide = { readonly online: OnlineTeacher } | { readonly stored: StoredTeacher };

export interface DistillingOptions {
  readonly settings: DistillationSettings;
  readonly mask: PositionMask;
  readonly maskIds: MaskIds;
  readonly barrier: EosIds | undefined;
  readonly normalization: LossNormalization;
  readonly recompute: boolean;
  readonly seed: number;
  readonly flops: PositionFlops;
}

/** (1-r)·LM on the text + r·KD to a teacher, on the text or on what the student writes itself. */
export class Distilling implements CausalObjective {
  constructor(
    private readonly student: CausalLM,
    private readonly teacher: TeacherSide,
    /** Trained beside the model's own weights. */
    private readonly extra: readonly ParameterSpec[],
    private readonly gradients: ReadonlyMap<string, Float32Array>,
    private readonly options: DistillingOptions,
  ) {}

  async rows(instances: readonly TrainingInstance[], step: number): Promise<BatchRow[]> {
    const { settings, mask, maskIds, normalization, seed } = this.options;
    const { onPolicy } = settings;
    const chosen =
      onPolicy === undefined ? instances.map(() => false) : chosenForSampling(instances, onPolicy, seed, step);
    const text = instances.map(mask);
    const giving = instances.filter((_, i) => chosen[i]);
    const sampled = onPolicy === undefined ? [] : await sampleTexts(this.student, giving, onPolicy, seed, step);
    const written = sampled.map(({ tokens, from }) =>
      lossMask(tokens, "miniplm", maskIds).map((x, t) => (t < from ? 0 : x)),
    );
    const lm = meanWeights(text, normalization);
    const kd = meanWeights(
      [...text.map((each, i) => (chosen[i] ? each.map(() => 0) : each)), ...written],
      normalization,
    );
    const rows: BatchRow[] = [];
    for (const [i, { index, tokens }] of instances.entries()) {
      // Without a share of the LM loss such a row has no part in anything.
      if (chosen[i] && settings.weight === 1) continue;
      const stored = "stored" in this.teacher ? await this.teacher.stored.read(index) : undefined;
      rows.push({ tokens, lm: lm[i]!, kd: kd[i]!, stored });
    }
    const rewards = onPolicy?.policyGradient
      ? await this.rewards(
          sampled.map(({ tokens }) => tokens),
          written,
        )
      : [];
    for (const [i, { tokens }] of sampled.entries())
      rows.push({
        tokens,
        lm: new Float32Array(tokens.length - 1),
        kd: kd[instances.length + i]!,
        rewards: rewards[i],
        sampled: true,
      });
    return rows;
  }

  async run(batch: TokenBatch, rows: readonly BatchRow[]): Promise<PartialLoss> {
    const { B, T } = batch;
    const { settings, recompute } = this.options;
    const places = Math.max(...rows.map(({ tokens }) => tokens.length - 1));
    for (const model of "online" in this.teacher ? [this.student, this.teacher.online.model] : [this.student])
      model.checkPlaces(places);
    const segments = batch.visibility !== undefined;
    const shape = { B, T, segments, recompute };
    const executable = await this.student.executable("distillation", shape, () =>
      distillationGraph(
        this.student.description,
        this.extra,
        shape,
        settings,
        "online" in this.teacher ? { online: this.teacher.online.inputs(B, T) } : { storedK: this.teacher.stored.k },
      ),
    );
    const results: Record<string, TypedArray> = {};
    for (const [name, array] of this.gradients) results[`grad.${name}`] = array as Float32Array<ArrayBuffer>;
    const out = await executable.run(
      this.student.feeds({
        ...batchFeeds(batch),
        ...this.weightFeeds(rows, B, T),
        ...(await this.teacherFeeds(batch, rows)),
      }),
      results,
    );
    return this.partial(rows, out, T);
  }

  flops(rows: readonly BatchRow[]): number {
    const { trained, read, sampled } = this.options.flops;
    let total = 0;
    for (const row of rows) {
      const positions = Math.max(0, row.tokens.length - 1);
      const reads = row.kd.some((x) => x !== 0);
      total += positions * (trained + (reads ? read : 0) + (row.sampled ? sampled : 0));
    }
    return total;
  }

  async dispose(): Promise<void> {
    if ("online" in this.teacher) await this.teacher.online.dispose();
    else await this.teacher.stored.close();
  }

  /** Rewards of sampled texts: both models read them once more. */
  private async rewards(texts: readonly Int32Array[], scored: readonly Uint8Array[]): Promise<Float32Array[]> {
    if (!("online" in this.teacher)) throw new InternalError("rewards: a store has none of sampled text");
    const { barrier } = this.options;
    const of = (model: CausalLM) => model.tokenNll(texts, { eosId: barrier });
    const [teacher, student] = [await of(this.teacher.online.model), await of(this.student)];
    return texts.map((_, i) => rewardsToGo(teacher[i]!, student[i]!, scored[i]!));
  }

  private weightFeeds(rows: readonly BatchRow[], B: number, T: number): Record<string, TypedArray> {
    const { weight } = this.options.settings;
    const nll = new Float32Array(B * T);
    const kd = new Float32Array(B * T);
    const matching = new Float32Array(B * T);
    for (const [row, { lm, kd: distance, rewards }] of rows.entries())
      for (let t = 0; t < lm.length; t++) {
        const place = row * T + t;
        matching[place] = distance[t]!;
        kd[place] = weight * distance[t]!;
        nll[place] = (1 - weight) * lm[t]! + (rewards === undefined ? 0 : weight * distance[t]! * rewards[t]!);
      }
    return { [WEIGHTS.nll]: nll, [WEIGHTS.distillation]: kd, [WEIGHTS.matching]: matching };
  }

  private async teacherFeeds(batch: TokenBatch, rows: readonly BatchRow[]): Promise<Buffers> {
    if ("online" in this.teacher) return this.teacher.online.read(batch);
    const { k } = this.teacher.stored;
    const places = batch.B * batch.T * k;
    // Padding has no weight, but its losses must be numbers: one sure id each.
    const ids = new Int32Array(places);
    const logProbs = new Float32Array(places).fill(NO_MASS);
    for (let place = 0; place < places; place += k) logProbs[place] = 0;
    for (const [row, { stored }] of rows.entries()) {
      ids.set(stored!.ids, row * batch.T * k);
      logProbs.set(stored!.logProbs, row * batch.T * k);
    }
    return { [STORED.ids]: ids, [STORED.logProbs]: logProbs };
  }

  private partial(rows: readonly BatchRow[], out: Buffers, T: number): PartialLoss {
    const { settings } = this.options;
    const sum = (name: string, of: "lm" | "kd") =>
      out[name] === undefined
        ? undefined
        : rows.reduce((all, row, i) => all + weighted(row[of], out[name] as Float32Array, i, T), 0);
    const losses: CausalLosses = {
      lm: sum("nll", "lm")!,
      kd: sum("kd", "kd"),
      teacher_entropy: sum("teacher_entropy", "kd"),
      kl: sum("kl", "kd"),
      hidden: sum("hidden", "kd"),
      attention: sum("attention", "kd"),
    };
    const loss =
      (1 - settings.weight) * losses.lm +
      settings.weight * losses.kd! +
      (settings.hidden?.weight ?? 0) * (losses.hidden ?? 0) +
      (settings.attention?.weight ?? 0) * (losses.attention ?? 0);
    return { loss, losses };
  }
}

/** Log-probability of ids that pad a row of stored ones. */
const NO_MASS = -100;

function batchFeeds({ ids, targets, visibility }: TokenBatch): Record<string, TypedArray> {
  const feeds = { ids, targets, ...(visibility !== undefined && { visibility }) };
  return feeds as Record<string, TypedArray>;
}
