import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { asksFor } from "../../src/report/asked.ts";
import { castOf } from "../../src/report/cast.ts";
import { summarize } from "../../src/report/facts.ts";
import { findingsOf } from "../../src/report/findings.ts";
import { loadReportData } from "../../src/report/load.ts";
import { renderReport } from "../../src/report/page.ts";
import type { ReportData } from "../../src/report/record.ts";
import { renderMarkdownTable } from "../../src/report/summary.ts";
import { tasksDuringTraining } from "../../src/report/task_curves.ts";
import { taskFindingsOf } from "../../src/report/task_findings.ts";
import { limitedInWords, taskVerdict } from "../../src/report/task_verdict.ts";
import { finishedRun } from "./fixture.ts";
import { writeRunFolder } from "./run_folder.ts";
import { type ScienceOptions, withScience } from "./science_fixture.ts";
import { structure } from "./skeleton.ts";
import { familiesRun, methodsRun } from "./students_fixture.ts";

const run = (options: ScienceOptions = {}, seeds = [1, 2, 3]) =>
  withScience(finishedRun({ instances: 300, seeds }), options);
const tasksOf = (data: ReportData) => taskFindingsOf(data.tasks!, castOf(data));

describe("what the tasks say", () => {
  it("is that nothing differs where nothing does, and that all guess where they do", () => {
    const words = taskVerdict(tasksOf(run({ skill: 0 })));
    expect(words).toMatch(
      /^No task differs significantly between “difference” and “random” students \(4\stasks; smallest/,
    );
    expect(words).toContain("On average over 4\u00a0tasks the difference is");
    expect(words).toMatch(/within noise\./);
    expect(words).toContain(
      "No student is clear of guessing on any task that has a chance level: at this size all are at chance.",
    );
  });

  it("names the tasks that differ, by Holm's p", () => {
    const findings = tasksOf(run({ gains: { piqa: 0.3, hellaswag: -0.2 }, items: 400 }));
    const words = taskVerdict(findings);
    expect(words).toContain(
      "“difference” students are significantly better on piqa and worse on hellaswag than “random” students (Holm's adjusted p below 0.05); no significant difference on lambada_openai and arc_easy.",
    );
    const [pair] = findings.pairs;
    const piqa = pair!.contrasts.find(({ task }) => task === "piqa")!;
    expect(piqa).toMatchObject({ verdict: "better", share: true });
    expect(piqa.gain).toBeCloseTo(piqa.seeds.reduce((sum, gain) => sum + gain, 0) / 3, 12);
  });

  it("is the same whichever of the two a comparison names first", () => {
    const data = run({ gains: { piqa: 0.3 } });
    const flip = ([low, high]: [number, number]): [number, number] => [-high, -low];
    const comparisons = data.tasks!.comparisons.map((one) => ({
      ...one,
      a: one.b,
      b: one.a,
      difference: -one.difference,
      interval: flip(one.interval),
      itemInterval: flip(one.itemInterval),
    }));
    const turned = { ...data, tasks: { ...data.tasks!, comparisons } };
    expect(tasksOf(turned)).toEqual(tasksOf(data));
  });

  it("turns a metric of which less is better", () => {
    const data = run();
    const [one, ...rest] = data.tasks!.comparisons;
    const worse = { ...one!, difference: 2, interval: [1, 3] as [number, number], higherIsBetter: false, pHolm: 0.01 };
    const [pair] = tasksOf({ ...data, tasks: { ...data.tasks!, comparisons: [worse, ...rest] } }).pairs;
    expect(pair!.contrasts[0]).toMatchObject({ gain: -2, interval: [-3, -1], verdict: "worse" });
  });

  it("counts comparisons of many students, and says what one seed leaves out", () => {
    const many = withScience(methodsRun({}, { seeds: [1] }));
    const words = taskVerdict(tasksOf(many));
    expect(words).toMatch(/of 24\scomparisons of students on tasks/);
    expect(words).toMatch(/not the luck of the training run\.$/);
  });

  it("is watermarked where not all questions were asked", () => {
    const limited = run({ items: 60 });
    expect(limitedInWords(tasksOf(limited).tasks)).toBe(
      "Asked only 60 of 400 questions of each task: no results of the tasks.",
    );
    expect(renderReport(limited)).toContain("<b>A limited run.</b>");
    expect(renderMarkdownTable(limited)).toContain("LIMITED. Asked only 60 of 400");
    const whole = run({ items: 400 });
    expect(limitedInWords(tasksOf(whole).tasks)).toBe("");
    expect(renderReport(whole)).not.toContain("A limited run");
  });

  it("marks the best of each task once, and no tie", () => {
    const data = run();
    const best = () => tasksOf(data).scores.filter((score) => score.best && score.task === "piqa");
    expect(best()).toHaveLength(1);
    for (const score of data.tasks!.scores)
      if (score.task === "piqa") score.mean = score.student === "random" ? 0.6 : 0.6 + 1e-16;
    expect(best()).toHaveLength(0);
  });
});

describe("scores during training", () => {
  it("are means over seeds at shared steps, the later line of a step counting", () => {
    const data = run({}, [1, 2]);
    const { groups } = castOf(data);
    const [before] = tasksDuringTraining(groups);
    const [first, second] = before!.curves[0]!.seeds;
    expect(before!.curves[0]!.mean[3]!.value).toBeCloseTo((first![3]!.value + second![3]!.value) / 2, 12);
    const line = data.students[0]!.metrics.find((one) => one.type === "task" && one.step === first![3]!.step)!;
    data.students[0]!.metrics.push({ ...line, value: 1 } as typeof line);
    const [after] = tasksDuringTraining(castOf(data).groups);
    expect(after!.curves[0]!.mean[3]!.value).toBeCloseTo((1 + second![3]!.value) / 2, 12);
  });
});

describe("the page", () => {
  const page = renderReport(run());

  it("has the sections of what was measured, and no others", () => {
    const old = renderReport(finishedRun({ instances: 300 }));
    for (const id of ["tasks", "scaling"]) {
      expect(page).toContain(`<section id="${id}">`);
      expect(old).not.toContain(`<section id="${id}">`);
    }
    expect(page).toContain("What the selections did to the corpus");
    expect(old).toContain("Audit of the selections");
    expect(page.match(/A few questions of each task during training/g)).toHaveLength(1);
  });

  it("names every picture, captions every figure and table", () => {
    structure(page);
    const count = (pattern: RegExp) => page.match(pattern)?.length ?? 0;
    const pictures = count(/<svg /g);
    expect(count(/<svg [^>]*role="img" aria-label="[^"]+"><title>[^<]+<\/title><desc>[^<]+<\/desc>/g)).toBe(pictures);
    expect(count(/<figcaption>/g) + count(/<figure class="small"/g)).toBe(count(/<figure/g));
    expect(count(/<caption>[^<]+<\/caption>/g)).toBe(count(/<table>/g));
    expect(page).not.toMatch(/NaN|undefined|Infinity/);
  });

  it("tells one story of the compute saved, with its interval", () => {
    const findings = findingsOf(run());
    const { saved } = findings.headline[0]!;
    expect(saved!.interval).toEqual([saved!.saved - 0.11, saved!.saved + 0.09]);
    const [low, high] = saved!.interval!.map((share) => (share * 100).toFixed(1));
    expect(page).toContain(`95 % interval over seeds ${low}–${high}\u00a0%`);
  });

  it("sorts the sources by what the student under test gains", () => {
    const table = /Held-out loss by source on pool, means over seeds<\/caption>([\s\S]*?)<\/table>/.exec(page)![1]!;
    const gains = [...table.matchAll(/<td class="number">([+−]?[\d.]+)<\/td><\/tr>/g)].map(([, text]) =>
      Number(text!.replace("−", "-")),
    );
    expect(gains.length).toBeGreaterThan(10);
    expect(gains).toEqual([...gains].sort((a, b) => b - a));
  });

  it("says what the selection did to the corpus", () => {
    expect(page).toContain(
      "Against 100 random selections of as many instances, what “difference” keeps is more diverse than all of them by 2, less diverse than all of them by 1 and among them by 1 of 4 measures (by chance 0.08 would lie outside).",
    );
    expect(page).toContain("lies 0.0712 bits from that of the corpus, by chance 0.0002 bits to 0.0009 bits");
  });

  it.each([
    ["families", withScience(familiesRun())],
    ["methods", withScience(methodsRun())],
    ["one seed", run({}, [1])],
  ])("stands for %s", (_, data) => {
    const rendered = renderReport(data);
    structure(rendered);
    expect(rendered).not.toMatch(/NaN|undefined|Infinity/);
    expect(JSON.parse(JSON.stringify(summarize(data)))).toEqual(summarize(data));
  });
});

describe("report.json", () => {
  it("holds the figures of tasks, scaling and analysis, and nothing of runs without them", () => {
    const data = run();
    const facts = summarize(data);
    expect(facts.tasks!.scores).toHaveLength(8);
    expect(facts.tasks!.comparisons.map(({ task }) => task)).toEqual(data.tasks!.comparisons.map(({ task }) => task));
    expect(facts.scaling!.fits[0]).toMatchObject({ student: "difference", set: "pool", fit: { law: "compute" } });
    expect(facts.scaling!.fits[0]!.fit).not.toHaveProperty("band");
    expect(facts.selections[0]!.analysis).toEqual(data.selections[0]!.analysis);
    const old = summarize(finishedRun({ instances: 300 }));
    expect([old.tasks, old.scaling, old.selections[0]!.analysis]).toEqual([undefined, undefined, null]);
  });
});

describe("loading", () => {
  let folder = "";
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "heartcut-report-"));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it("gives back what the stages wrote", async () => {
    const data = run();
    await writeRunFolder(data, folder);
    const loaded = await loadReportData(folder);
    expect([loaded.tasks, loaded.scaling]).toEqual([data.tasks, data.scaling]);
    expect(loaded.selections.map(({ analysis }) => analysis)).toEqual(data.selections.map(({ analysis }) => analysis));
    expect(loaded.students[0]!.metrics).toEqual(data.students[0]!.metrics);
    expect(loaded.missing).toEqual([]);
  });

  it("calls the parts missing only where the recipe asks for them", async () => {
    const data = finishedRun({ instances: 50, seeds: [1], more: true });
    await writeRunFolder(data, folder);
    expect((await loadReportData(folder)).missing).toEqual([]);
    data.run.recipe += "evaluate:\n  tasks: { data: tasks }\n  scaling: {}\nanalyze: {}\n";
    await writeRunFolder(data, folder);
    const { missing } = await loadReportData(folder);
    // The selection of everything is not analysed.
    const selections = ["difference", "random", "lowest-ppl"].map((name) => `analyze/${name}/analysis.json`);
    expect(missing.map(({ path }) => path).sort()).toEqual(
      [...selections, "evaluate/tasks.json", "evaluate/scaling.json"].sort(),
    );
  });

  it("finds keys of a recipe, and none in what is no recipe", () => {
    expect(asksFor("evaluate: { tasks: { data: x } }", "evaluate", "tasks")).toBe(true);
    expect(asksFor("evaluate: { tasks: null }", "evaluate", "tasks")).toBe(false);
    expect(asksFor("a: 1", "a", "b")).toBe(false);
    expect(asksFor("a: [1", "a")).toBe(false);
    expect(asksFor("{}", "constructor")).toBe(false);
  });

  it.each([
    ["evaluate/tasks.json", (text: string) => text.replace('"limited":', '"was":')],
    ["evaluate/tasks.json", (text: string) => text.slice(0, -9)],
    ["evaluate/tasks.json", (text: string) => text.replace(/"pHolm":[^,}]+/, '"pHolm":2')],
    ["evaluate/scaling.json", (text: string) => text.replace('"law":"compute"', '"law":"other"')],
    ["evaluate/scaling.json", (text: string) => text.replace(/"band":\[\{"flops":[^,]+/, '"band":[{"flops":0')],
    ["analyze/random/analysis.json", (text: string) => text.replace('"diversity":[', '"diversity":[1,')],
    ["students/random-seed1/metrics.jsonl", (text: string) => text.replace('"type":"task"', '"type":"quiz"')],
  ])("refuses a damaged %s, by name", async (path, change) => {
    await writeRunFolder(run({}, [1]), folder);
    const file = join(folder, path);
    const text = await readFile(file, "utf8");
    expect(change(text)).not.toBe(text);
    await writeFile(file, change(text));
    await expect(loadReportData(folder)).rejects.toMatchObject({
      code: "HC5002",
      fault: { where: expect.stringContaining(path) },
    });
  });
});
