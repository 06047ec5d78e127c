import { describe, expect, it } from "vitest";
import { InternalError, ShapeError } from "../../src/errors.ts";
import { gradients } from "../../src/graph/autodiff.ts";
import { writeOnnx } from "../../src/graph/onnx.ts";
import { add, mul, scale, scan, sumAll } from "../../src/graph/ops/index.ts";
import { printGraph } from "../../src/graph/print.ts";
import { input, type Value } from "../../src/graph/value.ts";
import { Executable } from "../../src/runtime/executable.ts";

const x = () => input("x", "float64", [3, 2]);
const factor = () => input("factor", "float64", [2]);
const zero = () => input("zero", "float64", [2]);
const feeds = { x: Float64Array.of(1, 2, 3, 4, 5, 6), factor: Float64Array.of(10, 100), zero: Float64Array.of(0, 0) };

/** Running sums of x · factor: the state before each step and twice the last one. */
const runningSums = (reverse: boolean) =>
  scan(([total], [row], [by]) => ({ state: [add(total!, mul(row!, by!))], results: [total!, total!] }), {
    state: [zero()],
    sequences: [x()],
    fixed: [factor()],
    reverse,
  });

async function run(outputs: Record<string, Value>): Promise<Record<string, number[]>> {
  const graph = await Executable.compile(outputs);
  const out = await graph.run(feeds);
  await graph.dispose();
  return Object.fromEntries(Object.entries(out).map(([name, array]) => [name, Array.from(array, Number)]));
}

describe("scan", () => {
  it("carries a state over the first axis, in both directions; results stand where their slices stood", async () => {
    const [forward, backward] = [runningSums(false), runningSums(true)];
    const inputsOnce = await run({ last: forward.state[0]!, before: forward.results[0]!, again: forward.results[1]! });
    expect(inputsOnce).toEqual({ last: [90, 1200], before: [0, 0, 10, 200, 40, 600], again: [0, 0, 10, 200, 40, 600] });
    expect(await run({ last: backward.state[0]!, before: backward.results[0]! })).toEqual({
      last: [90, 1200],
      before: [80, 1000, 50, 600, 0, 0],
    });
  });

  it("runs inside another", async () => {
    const { results } = scan(
      ([total], [row]) => {
        const inner = scan(([n], [one], [t]) => ({ state: [add(n!, mul(one!, t!))], results: [n!] }), {
          state: [total!],
          sequences: [row!],
          fixed: [scale(total!, 2)],
        });
        return { state: [inner.state[0]!], results: [inner.results[0]!] };
      },
      { state: [input("start", "float64", [])], sequences: [x()] },
    );
    const graph = await Executable.compile({ y: results[0]! });
    const { y } = await graph.run({ ...feeds, start: Float64Array.of(1) });
    // n ← n + x · 2 t within a row, t the number with which the row began.
    expect(Array.from(y as Float64Array)).toEqual([1, 3, 7, 49, 105, 1155]);
    await graph.dispose();
  });

  it("is one node with its body, however long the loop and however many outputs are used", () => {
    const sizes = [3, 3000].map((steps) => {
      const { state, results } = scan(([s], [v]) => ({ state: [add(s!, v!)], results: [s!] }), {
        state: [zero()],
        sequences: [input("x", "float64", [steps, 2])],
      });
      return writeOnnx({ last: state[0]!, all: results[0]! }).bytes.length;
    });
    expect(sizes[1]! - sizes[0]!).toBeLessThan(10);
    expect(printGraph({ y: runningSums(true).state[0]! })).toMatch(
      /scan\(.*\) \{"loop":\{"steps":3,"reverse":true\},"output":0\}/,
    );
  });

  it("refuses what it cannot run", () => {
    const step = (state: readonly Value[]) => ({ state, results: [] });
    const short = input("y", "float64", [2, 2]);
    expect(() => scan(step, { state: [zero()], sequences: [x(), short] })).toThrow(ShapeError);
    expect(() => scan(step, { state: [zero()], sequences: [] })).toThrow(ShapeError);
    const growing = () => ({ state: [x()], results: [] });
    expect(() => scan(growing, { state: [zero()], sequences: [x()] })).toThrow(/float64\[2\].*float64\[3,2\]/);
    const outside = factor();
    const peeking = scan(([s]) => ({ state: [add(s!, outside)], results: [] }), { state: [zero()], sequences: [x()] });
    expect(() => writeOnnx({ y: peeking.state[0]! })).toThrow(/body reads factor/);
    const sums = runningSums(false);
    expect(() => gradients(sumAll(sums.state[0]!), [...sums.state[0]!.inputs])).toThrow(InternalError);
  });
});
