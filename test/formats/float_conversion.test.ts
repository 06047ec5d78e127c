import { expect, test } from "vitest";
import {
  bfloat16ToFloat32,
  float16ToFloat32,
  float32ToBfloat16,
  float32ToFloat16,
} from "../../src/formats/float_conversion.ts";

const allBits = Uint16Array.from({ length: 65536 }, (_, i) => i);

/** Value of a binary float by its definition. */
function definedValue(bits: number, exponentBits: number, fractionBits: number): number {
  const sign = bits >>> 15 === 1 ? -1 : 1;
  const exponent = (bits >>> fractionBits) & ((1 << exponentBits) - 1);
  const fraction = (bits & ((1 << fractionBits) - 1)) / 2 ** fractionBits;
  const bias = 2 ** (exponentBits - 1) - 1;
  if (exponent === 2 ** exponentBits - 1) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (exponent === 0 ? fraction * 2 ** (1 - bias) : (1 + fraction) * 2 ** (exponent - bias));
}

const FORMATS = [
  { name: "float16", widen: float16ToFloat32, round: float32ToFloat16, exponent: 5, fraction: 10, infinity: 0x7c00 },
  { name: "bfloat16", widen: bfloat16ToFloat32, round: float32ToBfloat16, exponent: 8, fraction: 7, infinity: 0x7f80 },
] as const;

test.each(FORMATS)("all 65,536 values of $name are widened exactly", ({ widen, exponent, fraction }) => {
  const wide = new Float32Array(65536);
  widen(allBits, wide);
  for (let bits = 0; bits < 65536; bits++)
    if (!Object.is(wide[bits], definedValue(bits, exponent, fraction)))
      expect([bits, wide[bits]]).toEqual([bits, definedValue(bits, exponent, fraction)]);
});

test.each(FORMATS)(
  "$name is rounded to nearest, ties to even, at and around every tie",
  ({ widen, round, infinity }) => {
    const wide = new Float32Array(65536);
    widen(allBits, wide);
    const one = new Uint16Array(1);
    const rounded = (x: number) => {
      round(Float32Array.of(x), one);
      return one[0]!;
    };
    const step = new Float32Array(1);
    const word = new Uint32Array(step.buffer);
    for (const sign of [0, 0x8000]) {
      for (let low = 0; low < infinity; low++) {
        const high = low + 1;
        // The value behind the largest finite one, were there no infinity, bounds what is rounded down.
        const top = high === infinity ? 2 * wide[low]! - wide[low - 1]! : wide[high]!;
        step[0] = (wide[low]! + top) / 2;
        const tie = word[0]!;
        const even = low % 2 === 0 ? low : high;
        for (const [offset, expected] of [
          [-1, low],
          [0, even],
          [1, high],
        ] as const) {
          word[0] = tie + offset;
          const got = rounded(sign === 0 ? step[0] : -step[0]);
          if (got !== (expected | sign)) expect({ low, offset, got }).toEqual({ low, offset, got: expected | sign });
        }
      }
    }
  },
);

test.each(FORMATS)(
  "NaN stays NaN and infinity infinity in $name, through a round trip of all bits",
  ({ widen, round, infinity }) => {
    const wide = new Float32Array(65536);
    const back = new Uint16Array(65536);
    widen(allBits, wide);
    round(wide, back);
    for (let bits = 0; bits < 65536; bits++) {
      if (Number.isNaN(wide[bits])) expect((back[bits]! & 0x7fff) > infinity).toBe(true);
      else if (back[bits] !== bits) expect([bits, back[bits]]).toEqual([bits, bits]);
    }
    // Signalling NaNs whose payload sits in bits that are cut off.
    const signalling = new Float32Array(Uint32Array.of(0x7f800001, 0xff800001).buffer);
    round(signalling, back);
    expect([back[0]! & 0x7fff, back[1]! & 0x7fff].every((bits) => bits > infinity)).toBe(true);
    round(Float32Array.of(3.4028234663852886e38, -3.4028234663852886e38), back);
    expect([back[0], back[1]]).toEqual([infinity, infinity | 0x8000]);
  },
);
