import { mkdtemp, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { evaluateTaskScores } from "../../src/evaluate/evaluate_task_scores.ts";
import { readTaskEvaluation } from "../../src/evaluate/task_comparison_files.ts";
import { compareTasks, type TaskComparisonInput } from "../../src/evaluate/task_comparisons.ts";
import type { ModelTasks, TaskOutcome } from "../../src/evaluate/tasks/record.ts";
import { quietContext } from "../../src/progress.ts";

const ITEMS = [200, 150, 120];
const SHARE = { base: [0.4, 0.55, 0.3], new: [0.52, 0.6, 0.31] };

/** Right and wrong answers from a Lehmer generator, as the reference draws them. */
function answers(task: number, seed: number, share: number, n: number): number[] {
  let x = (task * 7919 + seed * 104729 + 12345) % 2147483647;
  return Array.from({ length: n }, () => {
    x = (x * 48271) % 2147483647;
    return Number(x / 2147483647 < share);
  });
}

function outcome(task: string, perItem: number[], more: Partial<TaskOutcome> = {}): TaskOutcome {
  const n = perItem.length;
  const value = perItem.reduce((sum, x) => sum + x, 0) / n;
  return {
    task,
    version: 1,
    fewshot: 0,
    items: n,
    of: n,
    cut: 0,
    metrics: [{ name: "acc", value, stderr: Math.sqrt((value * (1 - value)) / (n - 1)), higherIsBetter: true }],
    main: "acc",
    chance: 0.25,
    perItem,
    docIds: [...perItem.keys()],
    ...more,
  };
}

function model(name: keyof typeof SHARE, seed: number): ModelTasks {
  const first = name === "base" ? 1 : 11;
  const tasks = ITEMS.map((n, t) => outcome(`task-${t}`, answers(first + t, seed, SHARE[name][t]!, n)));
  return { model: name, tasks };
}

function lineup(seeds: number[], more: Partial<TaskComparisonInput> = {}): TaskComparisonInput {
  const students = seeds.flatMap((seed) =>
    (["base", "new"] as const).map((name) => ({ name, seed, tasks: model(name, seed) })),
  );
  return { students, baseline: "base", seed: 1, resamples: 2000, ...more };
}

describe("three seeds", () => {
  const { scores, averages, comparisons, limited } = compareTasks(lineup([1, 2, 3]));

  test("means, t intervals and both tests are those of scipy 1.17", () => {
    expect(scores.map(({ student, task }) => `${student} ${task}`)).toHaveLength(6);
    const newest = scores.filter(({ student }) => student === "new");
    expect(newest[0]!.mean).toBeCloseTo(0.525, 12);
    // Seeds of "new" lie closer together than 200 questions allow, those of "base" further apart.
    expect([scores[0], newest[0]].map((one) => one!.intervalOver)).toEqual(["seeds", "items"]);
    const bounds = [scores[0], newest[0]].flatMap((one) => one!.interval!);
    for (const [i, end] of [0.230032983852332, 0.5366336828143345, 0.4556247792110147, 0.5943752207889854].entries())
      expect(bounds[i]).toBeCloseTo(end, 9);
    expect(comparisons.map(({ task }) => task)).toEqual(["task-0", "task-1", "task-2", "average"]);
    expect(comparisons[0]).toMatchObject({ a: "base", b: "new", seeds: [1, 2, 3], intervalOver: "seeds", items: 200 });
    const wanted = [
      [0.1416666666666667, 0.008856260490780116, 0.2744770728425533, 0.044340385413913184],
      [0.02888888888888889, -0.07886318605611652, 0.1366409638338943, 0.3679183701757898],
      [0.03333333333333335, -0.061531242506585655, 0.12819790917325236, 0.26970325665977846],
      [0.06796296296296296, 0.007407109729452049, 0.12851881619647387, 0.040308849311031035],
    ];
    for (const [i, { difference, interval, pSeeds }] of comparisons.entries())
      for (const [k, value] of [difference, ...interval, pSeeds!].entries())
        expect(value).toBeCloseTo(wanted[i]![k]!, 9);
    const mcnemar = comparisons.map(({ pMcNemar }) => pMcNemar);
    expect(mcnemar[0]! / 8.509686149239116e-7).toBeCloseTo(1, 9);
    expect(mcnemar[1]).toBeCloseTo(0.40879939923849284, 9);
    expect(mcnemar[3]).toBeNull();
  });

  test("Holm adjusts over the tasks of the pair and leaves the average alone", () => {
    const adjusted = comparisons.map(({ pHolm }) => pHolm);
    expect(adjusted[0]).toBeCloseTo(3 * 0.044340385413913184, 9);
    expect(adjusted[1]).toBeCloseTo(2 * 0.26970325665977846, 9);
    expect(adjusted[2]).toBeCloseTo(2 * 0.26970325665977846, 9);
    expect(adjusted[3]).toBeNull();
  });

  test("the average is the plain mean of the shares", () => {
    expect(averages).toHaveLength(2);
    const own = scores.filter(({ student }) => student === "new");
    expect(averages[1]!.mean).toBeCloseTo(own.reduce((sum, one) => sum + one.mean, 0) / 3, 12);
    expect(averages[1]).toMatchObject({ chance: 0.25, intervalOver: "items", tasks: ["task-0", "task-1", "task-2"] });
    expect(limited).toBe(false);
  });
});

describe("intervals of scores", () => {
  const scoresOf = (...shares: number[]) => {
    const students = shares.map((share, i) => {
      const perItem = Array.from({ length: 100 }, (_, item) => Number(item < 100 * share));
      return { name: "s", seed: i + 1, tasks: { model: "s", tasks: [outcome("t", perItem)] } };
    });
    return compareTasks({ students, seed: 1 }).scores[0]!;
  };

  test("stay within what a share can be", () => {
    expect(scoresOf(0.4, 0.6)).toMatchObject({ mean: 0.5, interval: [0, 1], intervalOver: "seeds" });
  });

  test("are over items where seeds lie closer together than questions allow", () => {
    for (const shares of [
      [0.5, 0.5],
      [0.5, 0.5, 0.51],
    ]) {
      const { interval, intervalOver } = scoresOf(...shares);
      expect(intervalOver).toBe("items");
      expect((interval![1] - interval![0]) / 2).toBeCloseTo(1.96 * Math.sqrt(0.25 / 99), 3);
    }
  });

  test("say something where every answer is wrong: Wilson's", () => {
    const { interval, intervalOver } = scoresOf(0, 0);
    expect(intervalOver).toBe("items");
    expect(interval![0]).toBe(0);
    // scipy.stats.binomtest(0, 100).proportion_ci(method="wilson")
    expect(interval![1]).toBeCloseTo(0.03699349820698568, 9);
  });
});

test("with one seed, intervals are over items: the bootstrap's is near the normal one, McNemar gives p", () => {
  const { scores, averages, comparisons } = compareTasks(lineup([1], { resamples: 10_000 }));
  expect(scores[0]).toMatchObject({ intervalOver: "items" });
  const half = (scores[0]!.interval![1] - scores[0]!.interval![0]) / 2;
  expect(half).toBeCloseTo(1.959963984540054 * scores[0]!.seeds[0]!.stderr!, 12);
  expect(averages[0]!.seeds[0]!.stderr).toBeGreaterThan(0);
  const wanted = [
    [0.095, 0.09585650812935848, 0.06705179535289094],
    [0.02666666666666667, 0.11421394213786963, 0.7310088822226056],
    [0, 0.1136351229878799, 1],
    [(0.095 + 0.02666666666666667) / 3, 0.06248995015337084],
  ];
  for (const [i, one] of comparisons.entries()) {
    expect(one).toMatchObject({ intervalOver: "items", pSeeds: null });
    expect(one.interval).toEqual(one.itemInterval);
    expect(one.difference).toBeCloseTo(wanted[i]![0]!, 12);
    expect((one.interval[1] - one.interval[0]) / 2 / wanted[i]![1]!).toBeCloseTo(1, 1);
    if (i < 3) expect(one.pMcNemar).toBeCloseTo(wanted[i]![2]!, 9);
  }
});

test("perplexities are compared by log-likelihood and stay out of the average", () => {
  const lm = (shift: number): TaskOutcome => {
    const perItem = [-3.5, -1.25, -2, -4].map((x) => x + shift);
    const value = Math.exp(-perItem.reduce((sum, x) => sum + x, 0) / 4);
    const metrics = [{ name: "perplexity", value, stderr: null, higherIsBetter: false }];
    return outcome("lm", perItem, { metrics, main: "perplexity", chance: null });
  };
  const students = (["base", "new"] as const).map((name, i) => ({
    name,
    seed: 1,
    tasks: { model: name, tasks: [...model(name, 1).tasks, lm(i / 2)] },
  }));
  const { scores, averages, comparisons } = compareTasks({ students, baseline: "base", seed: 1, resamples: 100 });
  expect(averages[0]!.tasks).not.toContain("lm");
  expect(scores[3]).toMatchObject({ task: "lm", higherIsBetter: false, interval: null });
  expect(comparisons[3]).toMatchObject({
    metric: "log_likelihood",
    higherIsBetter: true,
    difference: 0.5,
    pMcNemar: null,
    pHolm: null,
  });
});

test("turning a pair around turns every sign, and the order of items does not matter", () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(1), fc.nat(1)), { minLength: 2, maxLength: 12 }),
      fc.integer(),
      (pairs, shuffle) => {
        const order = [...pairs.keys()].sort((i, j) => ((i * 7 + shuffle) % 5) - ((j * 7 + shuffle) % 5) || i - j);
        const one = outcome(
          "t",
          pairs.map(([x]) => x),
        );
        const other = outcome(
          "t",
          order.map((i) => pairs[i]![1]),
          { docIds: order },
        );
        const students = [one, other].map((each, i) => ({
          name: "ab"[i]!,
          seed: 1,
          tasks: { model: "", tasks: [each] },
        }));
        const options = { seed: 3, resamples: 200 };
        const [forward] = compareTasks({ students, baseline: "a", ...options }).comparisons;
        const [back] = compareTasks({ students, baseline: "b", ...options }).comparisons;
        expect(back!.difference).toBeCloseTo(-forward!.difference, 12);
        expect(back!.pMcNemar).toBe(forward!.pMcNemar);
        expect(forward!.difference).toBeCloseTo(pairs.reduce((sum, [x, y]) => sum + y - x, 0) / pairs.length, 12);
      },
    ),
    { numRuns: 50 },
  );
});

test("seeds are paired by number; those of one side alone are left out, and no common one is an error", () => {
  const students = lineup([1, 2, 3]).students.filter(({ name, seed }) => name === "new" || seed !== 2);
  const { scores, comparisons } = compareTasks(lineup([], { students }));
  expect(comparisons[0]!.seeds).toEqual([1, 3]);
  expect(scores.find(({ student }) => student === "new")!.seeds).toHaveLength(3);
  const apart = lineup([1]).students.map((one) => (one.name === "new" ? { ...one, seed: 2 } : one));
  expect(() => compareTasks(lineup([], { students: apart }))).toThrow(/HC3582[\s\S]*base: seeds 1; new: seeds 2/);
});

describe("what cannot be compared is refused", () => {
  const changed = (change: Partial<TaskOutcome>): TaskComparisonInput => {
    const input = lineup([1]);
    const [base, other] = input.students as [TaskComparisonInput["students"][0], TaskComparisonInput["students"][0]];
    const [first, ...rest] = other.tasks.tasks;
    return {
      ...input,
      students: [base, { ...other, tasks: { model: "", tasks: [{ ...first!, ...change }, ...rest] } }],
    };
  };
  const docIds = Array.from({ length: 200 }, (_, i) => (i === 7 ? 900 : i));
  test.each([
    ["version", changed({ version: 2 }), /HC3580[\s\S]*version[\s\S]*new, seed 1: 2[\s\S]*base, seed 1: 1/],
    ["few-shot", changed({ fewshot: 5 }), /HC3580[\s\S]*worked examples/],
    [
      "limit",
      changed({ items: 100, docIds: docIds.slice(0, 100), perItem: docIds.slice(0, 100).map(() => 1) }),
      /HC3580/,
    ],
    ["questions", changed({ docIds }), /HC3580[\s\S]*question 8[\s\S]*question 7 in its place/],
    ["task", changed({ task: "else" }), /HC3580[\s\S]*else, task-1/],
    ["metric", changed({ main: "acc_norm" }), /HC3580[\s\S]*main metric/],
    ["answers", changed({ perItem: [1] }), /HC3585[\s\S]*200 items/],
    ["no number", changed({ perItem: docIds.map(() => Number.NaN) }), /HC3585[\s\S]*NaN/],
    ["twice", lineup([1, 1]), /HC3581[\s\S]*seed 1 twice/],
    ["nothing", lineup([]), /HC3584/],
    ["baseline", lineup([1], { baseline: "old" }), /HC3206[\s\S]*base, new/],
  ])("%s", (_, input, message) => {
    expect(() => compareTasks(input)).toThrow(message);
  });
});

test("folders are read, tasks.json is published and read back, limited runs and other models are told", async () => {
  const folder = await mkdtemp(join(tmpdir(), "heartcut-tasks-"));
  const output = join(folder, "evaluate/tasks.json");
  const read = async (path: string): Promise<ModelTasks> => {
    const [name, seed] = path.split("-") as ["base" | "new", string];
    const { tasks } = model(name, Number(seed));
    return { model: path, tasks: tasks.map((one) => ({ ...one, of: 1000 })) };
  };
  const students = ["base-1", "new-1", "base-2", "new-2"].map((path) => {
    const [name, seed] = path.split("-") as [string, string];
    return { name, seed: Number(seed), folder: path };
  });
  const others = [{ model: "teacher", folder: "new-9" }];
  const input = { students, others, baseline: "base", seed: 1, resamples: 200, output, read };
  const evaluation = await evaluateTaskScores(input, quietContext());
  expect(await readTaskEvaluation(output)).toEqual(evaluation);
  expect(evaluation.limited).toBe(true);
  expect(evaluation.others.map(({ model: name, task }) => `${name} ${task}`)).toEqual(
    ["task-0", "task-1", "task-2", "average"].map((task) => `teacher ${task}`),
  );
  const first = await readFile(output, "utf8");
  await evaluateTaskScores(input, quietContext());
  expect(await readFile(output, "utf8")).toBe(first);
  await writeFile(output, first.replace('"pSeeds"', '"other"'));
  await expect(readTaskEvaluation(output)).rejects.toThrow(/HC3586[\s\S]*comparisons\.0\.pSeeds/);
  const stop = new AbortController();
  stop.abort();
  await expect(evaluateTaskScores(input, { ...quietContext(), signal: stop.signal })).rejects.toThrow(/HC0130/);
});
