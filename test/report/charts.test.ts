import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { costScale, costTicks } from "../../src/report/charts/axes.ts";
import { spread } from "../../src/report/charts/frame.ts";
import { binned } from "../../src/report/charts/histogram.ts";
import { density } from "../../src/report/charts/ridgelines.ts";
import {
  bytes,
  clipped,
  compact,
  count,
  duration,
  flops,
  listed,
  nats,
  percent,
  plain,
  signed,
} from "../../src/report/format.ts";

describe("numbers in words", () => {
  it.each([
    [count(1_234_567), "1,234,567"],
    [count(-3), "−3"],
    [compact(530_432), "530\u00a0k"],
    [compact(9_999), "9,999"],
    [compact(1_543_210), "1.54\u00a0M"],
    [compact(999_950), "1.00\u00a0M"],
    [bytes(512), "512\u00a0B"],
    [bytes(4_112_345), "4.11\u00a0MB"],
    [nats(3.41251), "3.413"],
    [nats(-0.00001), "0.000"],
    [signed(0.0214), "+0.021"],
    [signed(-0.0214), "−0.021"],
    [signed(0.0001), "0.000"],
    [signed(Number.NaN), "–"],
    [percent(0.4949), "49\u00a0%"],
    [flops(3.15e13), "3.15\u00a0×\u00a010¹³"],
    [flops(9.999e12), "1.00\u00a0×\u00a010¹³"],
    [duration(0.42), "0.4\u00a0s"],
    [duration(59.7), "1\u00a0min\u00a000\u00a0s"],
    [duration(3725), "1\u00a0h\u00a002\u00a0min"],
    [listed(["a", "b", "c"]), "a, b and c"],
    [clipped("abcdef", 4), "abc…"],
    [clipped("😀😀", 2), "😀😀"],
    [plain(0.123456), "0.1235"],
    [plain(3), "3"],
  ])("%s", (found, expected) => {
    expect(found).toBe(expected);
  });
});

describe("histogram", () => {
  it("loses no value", () => {
    const values = fc.array(fc.float({ min: -10, max: 10, noNaN: true }), { maxLength: 200 });
    fc.assert(
      fc.property(
        values,
        fc.tuple(fc.float({ min: -5, max: 0, noNaN: true }), fc.float({ min: 1, max: 5, noNaN: true })),
        (list, range) => {
          const { counts, below, above, edges } = binned(Float32Array.from(list), range, 12);
          expect(counts.reduce((sum, n) => sum + n, 0) + below + above).toBe(list.length);
          expect(below).toBe(list.filter((value) => value < range[0]).length);
          expect(edges).toHaveLength(13);
        },
      ),
    );
  });

  it("puts values into the right bins", () => {
    expect(binned(Float32Array.of(0, 0.5, 1, 1.5, 2, 3, -1), [0, 2], 2)).toEqual({
      edges: [0, 1, 2],
      counts: [2, 3],
      below: 1,
      above: 1,
    });
  });
});

describe("density", () => {
  it("has area one and its peak at the values", () => {
    const values = Array.from({ length: 500 }, (_, i) => 1 + 0.1 * Math.sin(i));
    const curve = density(values, [-1, 3], 81);
    expect(curve.reduce((sum, value) => sum + value, 0) * (4 / 80)).toBeCloseTo(1, 2);
    const peak = curve.indexOf(Math.max(...curve));
    expect(Math.abs(-1 + peak * (4 / 80) - 1)).toBeLessThan(0.15);
  });
});

describe("labels", () => {
  it("are moved apart, kept in order and inside", () => {
    const wishes = fc.array(fc.double({ min: 0, max: 300, noNaN: true }), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(wishes, (list) => {
        const places = spread(list, 30, 0, 300);
        const order = list.map((_, i) => i).sort((a, b) => list[a]! - list[b]!);
        for (let i = 1; i < order.length; i++) expect(places[order[i]!]! - places[order[i - 1]!]!).toBeGreaterThan(29);
        if (list.length === 1) expect(places).toEqual(list);
      }),
    );
  });
});

describe("cost axis", () => {
  it("is logarithmic over wide ranges and never has more ticks than fit", () => {
    fc.assert(
      fc.property(
        fc.double({ min: 1, max: 1e21, noNaN: true }),
        fc.double({ min: 1.05, max: 1e4, noNaN: true }),
        (low, factor) => {
          const scale = costScale([low, low * factor], [0, 100]);
          expect("base" in scale).toBe((low * factor) / low >= 4);
          for (const { value, label } of costTicks(scale, 6, "flops")) {
            expect(scale(value)).toBeGreaterThan(-1);
            expect(scale(value)).toBeLessThan(101);
            expect(label).not.toMatch(/NaN|undefined/);
          }
        },
      ),
    );
  });

  it("writes FLOPs as powers of ten and tokens with units", () => {
    const labels = (cost: "flops" | "tokens") =>
      costTicks(costScale([1e5, 1e6], [0, 100]), 4, cost).map(({ label }) => label);
    expect(labels("flops")).toEqual(["10⁵", "2·10⁵", "5·10⁵", "10⁶"]);
    expect(labels("tokens")).toEqual(["100\u00a0k", "200\u00a0k", "500\u00a0k", "1\u00a0M"]);
  });
});
