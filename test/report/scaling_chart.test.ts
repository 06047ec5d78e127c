import { describe, expect, it } from "vitest";
import { fitScalingLaw } from "../../src/evaluate/scaling/fit.ts";
import { quietContext } from "../../src/progress.ts";
import { scalingChart, scalingSvg } from "../../src/report/charts/scaling.ts";
import { curve } from "../evaluate/scaling/curves.ts";

const LAW = { A: 2.19e7, a: 0.41, E: 3.3 };

async function fits(noise: number, resamples: number, names = ["raw", "<difference> & more"]) {
  return Promise.all(
    names.map(async (student, i) => {
      const points = [1, 2].flatMap((seed) =>
        curve({ ...LAW, E: LAW.E - 0.1 * i }, 6e19, { seed, noise, points: 300 }),
      );
      const law = await fitScalingLaw(points, { seed: 1, resamples }, quietContext());
      return { student, fit: law.fit, points: law.points };
    }),
  );
}

/** All coordinates of marks and paths. */
const numbers = (text: string) => [...text.matchAll(/(?:c?x|c?y)="(-?[\d.]+)"/g)].map((match) => Number(match[1]));

describe("scaling chart", () => {
  it.each([1040, 350])("stays inside at %d pixels, says everything in words, and hides no marker", async (width) => {
    const drawn = String(scalingChart({ set: "pool", fits: await fits(0.002, 10) }, width));
    expect(drawn).not.toMatch(/NaN|Infinity|undefined|<difference>/);
    for (const value of numbers(drawn)) expect(value >= 0 && value <= width).toBe(true);
    const marks = drawn.match(/class="mark"/g)!.length;
    expect(marks).toBeGreaterThan(20);
    expect(marks).toBeLessThan(700);
    expect(drawn.match(/class="fit-beyond"/g)).toHaveLength(2);
    expect(drawn.match(/class="band"/g)).toHaveLength(2);
    expect(drawn).toMatch(
      /<desc>raw: \d+ points to 6\.00\s×\s10¹⁹ FLOPs, E 3\.\d{3}, A .*foretold at 6\.00\s×\s10²⁰ FLOPs/,
    );
  });

  it("cuts a band off that would flatten the curves", async () => {
    const [one] = await fits(0.001, 5, ["raw"]);
    const wide = { ...one!, fit: { ...one!.fit, band: one!.fit.band.map((at) => ({ ...at, low: 0, high: 400 })) } };
    const drawn = String(scalingChart({ set: "pool", fits: [wide] }, 1040));
    const ticks = [...drawn.matchAll(/text-anchor="end">([\d.]+)</g)].map((match) => Number(match[1]));
    expect(Math.max(...ticks)).toBeLessThan(6);
    for (const value of numbers(drawn)) expect(value >= 0 && value <= 1040).toBe(true);
  });

  it("stands alone as a file, without bands where nothing was resampled", async () => {
    const text = scalingSvg({ set: "a & b", fits: await fits(0.001, 0) });
    expect(text).toContain("prefers-color-scheme: dark");
    expect(text).toContain("a &#38; b");
    expect(text).not.toMatch(/class="band"|Bands:/);
  });
});
