import { describe, expect, it } from "vitest";
import { gradients } from "../../src/graph/autodiff.ts";
import { add, concat, gather, matmul, mul, scatterAdd, slice, sumAll, zeros } from "../../src/graph/ops/index.ts";
import { printGraph } from "../../src/graph/print.ts";
import { input } from "../../src/graph/value.ts";
import { ExecutableCache } from "../../src/runtime/cache.ts";
import { availableDevices, resolveDevice } from "../../src/runtime/device.ts";
import { Executable } from "../../src/runtime/executable.ts";

const x = () => input("x", "float32", [4, 2]);

describe("Executable", () => {
  it("feeds row ranges as views, joins outputs in place and adds scattered rows", async () => {
    const table = x();
    const ids = input("ids", "int32", [3]);
    const half = (start: number) => slice(table, { axis: 0, start, end: start + 2 });
    const joined = concat([add(half(0), half(2)), mul(half(2), half(0))], 0);
    const executable = await Executable.compile({
      y: scatterAdd(joined, ids, gather(table, ids)),
      z: scatterAdd(zeros("float32", [4, 2]), ids, gather(table, ids)),
    });
    const feeds = { x: Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8), ids: Int32Array.of(1, 1, 3) };
    const { y, z } = await executable.run(feeds);
    expect(Array.from(y as Float32Array)).toEqual([6, 8, 10 + 6, 12 + 8, 5, 12, 21 + 7, 32 + 8]);
    expect(Array.from(z as Float32Array)).toEqual([0, 0, 6, 8, 0, 0, 7, 8]);
    // Again, into a buffer of the caller: nothing of the first run may linger.
    const into = new Float32Array(8).fill(9);
    await executable.run(feeds, { z: into });
    expect(Array.from(into)).toEqual([0, 0, 6, 8, 0, 0, 7, 8]);
    await executable.dispose();
    await expect(executable.run(feeds)).rejects.toThrow(/internal: run of a disposed/);
  });

  it("says which input is missing or misshapen", async () => {
    const executable = await Executable.compile({ y: sumAll(x()) });
    await expect(executable.run({})).rejects.toThrow(/input x float32\[4,2\] was not fed/);
    await expect(executable.run({ x: new Float32Array(7) })).rejects.toThrow(
      /expected float32\[4,2\], got Float32Array of 7/,
    );
    await executable.dispose();
  });

  it("reuses its result buffers", async () => {
    const executable = await Executable.compile({ y: add(x(), x()) }).catch(() => undefined);
    expect(executable).toBeUndefined();
    const v = x();
    const twice = await Executable.compile({ y: add(v, v) });
    const first = (await twice.run({ x: new Float32Array(8).fill(1) })).y;
    const second = (await twice.run({ x: new Float32Array(8).fill(2) })).y;
    expect(second).toBe(first);
    await twice.dispose();
  });

  it("keeps as many graphs as it may, the latest used ones", async () => {
    const cache = new ExecutableCache(2);
    let compiled = 0;
    const get = (key: string) =>
      cache.get(key, () => {
        compiled++;
        return Executable.compile({ y: sumAll(x()) });
      });
    const a = await get("a");
    await get("b");
    expect(await get("a")).toBe(a);
    await get("c");
    expect(await get("a")).toBe(a);
    await get("b");
    expect(compiled).toBe(4);
    await cache.dispose();
  });
});

describe("devices", () => {
  it("takes the CPU where nothing else is, and names the mend for what is not there", () => {
    expect(availableDevices()).toContain("cpu");
    expect(["cpu", "cuda"]).toContain(resolveDevice("auto"));
    if (!availableDevices().includes("cuda"))
      expect(() => resolveDevice("cuda")).toThrow(
        /HC1201: device cuda is not available[\s\S]*npm rebuild onnxruntime-node/,
      );
  });
});

it("graphs print readably, and shape errors say what was expected", () => {
  const a = input("a", "float32", [2, 3]);
  const loss = sumAll(matmul(a, input("b", "float32", [3, 1])));
  expect(printGraph({ loss, g: gradients(loss, [a])[0]! })).toMatchInlineSnapshot(`
    "%0 float32[2,3] = input a
    %1 float32[3,1] = input b
    %2 float32[2,1] = matmul(%0, %1)
    %3 float32[1,1] = sum(%2) {"axes":[0,1]}
    %4 float32[] = reshape(%3) {"shape":[]}
    %5 float32[] = constant [1]
    %6 float32[1,1] = reshape(%5) {"shape":[1,1]}  # grad
    %7 float32[2,1] = expand(%6) {"shape":[2,1]}  # grad
    %8 float32[2,3] = matmul(%7, %1) {"transB":true}  # grad
    return loss = %4
    return g = %8"
  `);
  expect(() => matmul(a, a)).toThrow(
    /matmul: expected factors .* equal inner size, got float32\[2,3\] and float32\[2,3\]/,
  );
  expect(() => add(a, input("c", "int32", [2, 3]))).toThrow(
    /add: expected equal types, got float32\[2,3\] and int32\[2,3\]/,
  );
});
