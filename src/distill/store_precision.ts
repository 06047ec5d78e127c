import { float16ToFloat32, float32ToFloat16 } from "../formats/float_conversion.ts";

/**
 * How log-probabilities are kept: as they are (float32), as half precision (float16), or as whole multiples of a step of
 * 1/256, 1/64 or 1/16 nat.
 */
export const STORE_PRECISIONS = ["float32", "float16", "step256", "step64", "step16"] as const;
export type StorePrecision = (typeof STORE_PRECISIONS)[number];

/** KL(teacher || stored) is below 3.1e-5 nats at it, and half the size of the exact store is gone. */
export const DEFAULT_PRECISION: StorePrecision = "step64";

/** The lowest log-probability that is stored: the largest finite float16. */
export const LOWEST_LOG_PROB = -65504;

/** Mass left over that is told from none: below it lies the rounding of float32 log-probabilities. */
export const LEAST_REST = 2 ** -24;

/** Turns the cost -log p of a token into a whole number that grows with it, and back. */
export interface CostCode {
  /** Codes of costs of 0 or more, one by one. */
  encode(costs: Float32Array, codes: Uint32Array): void;
  decode(codes: Uint32Array, costs: Float32Array): void;
  /** The largest code there is. */
  readonly last: number;
  /** Whether costs come back as they were, so that nothing needs to be made one distribution again. */
  readonly exact: boolean;
}

const FLOAT32: CostCode = {
  // The bits of floating-point numbers of one sign stand in the order of the numbers.
  encode: (costs, codes) => codes.set(new Uint32Array(costs.buffer, costs.byteOffset, costs.length)),
  decode: (codes, costs) => new Uint32Array(costs.buffer, costs.byteOffset, costs.length).set(codes),
  last: 0x477fe000,
  exact: true,
};

const FLOAT16: CostCode = {
  encode(costs, codes) {
    const halves = new Uint16Array(costs.length);
    float32ToFloat16(costs, halves);
    codes.set(halves);
  },
  decode: (codes, costs) => float16ToFloat32(Uint16Array.from(codes), costs),
  last: 0x7bff,
  exact: false,
};

const steps = (perNat: number): CostCode => ({
  encode(costs, codes) {
    for (let i = 0; i < costs.length; i++) codes[i] = Math.round(costs[i]! * perNat);
  },
  decode(codes, costs) {
    for (let i = 0; i < codes.length; i++) costs[i] = codes[i]! / perNat;
  },
  last: -LOWEST_LOG_PROB * perNat,
  exact: false,
});

/** The code of each precision. */
export const COST_CODES: Readonly<Record<StorePrecision, CostCode>> = {
  float32: FLOAT32,
  float16: FLOAT16,
  step256: steps(256),
  step64: steps(64),
  step16: steps(16),
};
