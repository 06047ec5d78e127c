import { HeartcutError } from "../errors.ts";
import { Random } from "../random.ts";

/** What a plan needs to know of the data: how many label positions each instance has. */
export interface InstanceSizes {
  readonly length: number;
  /** Tokens of instance i; one less are label positions. */
  size(i: number): number;
}

/** How long to train: exactly one of these. */
export interface TrainingLength {
  /** Label positions, scored or not. */
  readonly tokens?: number | undefined;
  readonly steps?: number | undefined;
  /** Passes over the data. */
  readonly epochs?: number | undefined;
  /** Training FLOPs, a teacher that reads along and text that the student writes included. */
  readonly flops?: number | undefined;
}

/**
 * Which instances each step sees: an endless stream of seeded permutations, one per epoch, cut into batches.
 * A function of (sizes, batch, seed) alone, so a resumed training needs to know its step and nothing else.
 */
export class DataPlan {
  readonly totalSteps: number;
  private epoch = -1;
  private order: Int32Array = new Int32Array(0);

  /** @throws HeartcutError HC1302 for an empty data set or one without label positions, HC1303 unless one length > 0 is given */
  constructor(
    private readonly data: InstanceSizes,
    private readonly batch: number,
    private readonly seed: number,
    length: TrainingLength,
    /** FLOPs per label position, for a length in FLOPs. */
    flopsPerPosition = Number.NaN,
  ) {
    if (data.length === 0)
      throw new HeartcutError("HC1302", {
        what: "there is nothing to train on",
        found: "0 instances",
        fix: "check the filter and the corpus",
      });
    const given = Object.entries(length).filter(([, value]) => value !== undefined);
    if (given.length !== 1 || !(given[0]![1]! > 0))
      throw new HeartcutError("HC1303", {
        what: "the length of a training is not clear",
        found: given.map(([key, value]) => `${key} ${value}`).join(", ") || "nothing",
        expected: "one of tokens, steps, epochs, flops, above 0",
      });
    if (length.steps !== undefined) this.totalSteps = Math.ceil(length.steps);
    else if (length.epochs !== undefined) this.totalSteps = Math.ceil((length.epochs * data.length) / batch);
    else if (length.tokens !== undefined) this.totalSteps = Math.ceil(stepsFor(length.tokens, batch, data));
    else this.totalSteps = nearestSteps(stepsFor(length.flops! / flopsPerPosition, batch, data));
  }

  /** Instances of a step, counted from 0. */
  instancesOf(step: number): number[] {
    return Array.from({ length: this.batch }, (_, i) => {
      const position = step * this.batch + i;
      const epoch = Math.floor(position / this.data.length);
      if (epoch !== this.epoch) {
        this.order = new Random(this.seed, `train/order/epoch-${epoch}`).permutation(this.data.length);
        this.epoch = epoch;
      }
      return this.order[position % this.data.length]!;
    });
  }
}

/** Steps of a training held to a number of FLOPs: the nearest, at least one, so that it misses them by as little as it can. */
export function nearestSteps(steps: number): number {
  return Math.max(1, Math.round(steps));
}

/**
 * Steps, no whole number, whose batches hold so many label positions on average. Taken from the mean instance and not
 * from the order, so that trainings which differ by their seed alone take the same number of steps.
 */
function stepsFor(tokens: number, batch: number, data: InstanceSizes): number {
  let positions = 0;
  for (let i = 0; i < data.length; i++) positions += Math.max(0, data.size(i) - 1);
  if (positions === 0)
    throw new HeartcutError("HC1302", {
      what: "there is nothing to train on",
      found: `${data.length} instances without a label position`,
      fix: "check the filter and the corpus",
    });
  return (tokens * data.length) / (batch * positions);
}
