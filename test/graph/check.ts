import { expect } from "vitest";
import { gradients } from "../../src/graph/autodiff.ts";
import type { TypedArray } from "../../src/graph/dtype.ts";
import { mul, sumAll } from "../../src/graph/ops/index.ts";
import { constant, input, type Value } from "../../src/graph/value.ts";
import { Random } from "../../src/random.ts";
import { Executable } from "../../src/runtime/executable.ts";
import type { Case, Draw } from "./cases.ts";

const isIndex = (draw: Draw) => typeof draw.kind === "object";

function draw({ shape, kind = "normal" }: Draw, random: Random): number[] {
  return Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => {
    if (typeof kind === "object") return random.below(kind.below);
    const x = random.normal();
    if (kind === "positive") return Math.abs(x) + 0.3;
    return kind === "awayFromZero" ? x + Math.sign(x) * 0.3 : x;
  });
}

const maxDifference = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Array.from(a).reduce((m, x, i) => Math.max(m, Math.abs(x - b[i]!)), 0);

/** Values against the plain reference in both precisions, and gradients against central differences in float64. */
export async function checkCase(name: string, { inputs: draws, build, reference, step }: Case): Promise<void> {
  const random = new Random(7, name);
  const drawn = draws.map((d) => draw(d, random));
  const results: number[][] = [];
  for (const dtype of ["float64", "float32"] as const) {
    const values = draws.map((d, i) => input(`x${i}`, isIndex(d) ? "int32" : dtype, d.shape));
    const feeds: Record<string, TypedArray> = {};
    for (const [i, d] of draws.entries())
      feeds[`x${i}`] = isIndex(d)
        ? Int32Array.from(drawn[i]!)
        : new (dtype === "float64" ? Float64Array : Float32Array)(drawn[i]!);
    const y = build(...values);
    const forward = await Executable.compile({ y });
    const out = Array.from((await forward.run(feeds)).y as Float64Array);
    results.push(out);
    await forward.dispose();
    if (reference !== undefined)
      expect(maxDifference(out, reference(...drawn)), `${name} ${dtype} against the reference`).toBeLessThan(
        dtype === "float64" ? 1e-9 : 2e-5,
      );
    if (dtype === "float32") continue;
    const floats = values.filter((_, i) => !isIndex(draws[i]!));
    await checkGradients(name, y, floats, feeds, random, { step });
  }
  expect(maxDifference(results[0]!, results[1]!), `${name} float32 against float64`).toBeLessThan(1e-4);
}

/** Compares reverse mode with central differences (rtol 1e-6) for every element of every given input. */
export async function checkGradients(
  name: string,
  y: Value,
  wrt: readonly Value[],
  feeds: Record<string, TypedArray>,
  random: Random,
  { step = 1e-5, stride = 1 }: { step?: number | undefined; stride?: number } = {},
): Promise<void> {
  const size = y.shape.reduce((a, b) => a * b, 1);
  const weights = constant(
    Float64Array.from({ length: size }, () => random.normal()),
    "float64",
    y.shape,
  );
  const loss = sumAll(mul(y, weights));
  const lossOnly = await Executable.compile({ loss });
  const grads = await Executable.compile(Object.fromEntries(gradients(loss, wrt).map((g, i) => [`g${i}`, g])));
  const analytic = await grads.run(feeds);
  for (const [i, x] of wrt.entries()) {
    if (x.origin.kind !== "input") throw new Error("expected inputs");
    const data = feeds[x.origin.name] as Float64Array;
    for (let j = 0; j < data.length; j += stride) {
      const kept = data[j]!;
      data[j] = kept + step;
      const plus = Number((await lossOnly.run(feeds)).loss![0]);
      data[j] = kept - step;
      const minus = Number((await lossOnly.run(feeds)).loss![0]);
      data[j] = kept;
      const numeric = (plus - minus) / (2 * step);
      const value = Number(analytic[`g${i}`]![j]);
      const error = Math.abs(value - numeric) / Math.max(1, Math.abs(numeric));
      expect(error, `${name}: gradient ${j} of ${x.origin.name}: ${value} against ${numeric}`).toBeLessThan(1e-6);
    }
  }
  await lossOnly.dispose();
  await grads.dispose();
}
