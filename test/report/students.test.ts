import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { castOf } from "../../src/report/cast.ts";
import { groupCurve } from "../../src/report/curves.ts";
import { summarize } from "../../src/report/facts.ts";
import { findingsOf } from "../../src/report/findings.ts";
import { loadReportData } from "../../src/report/load.ts";
import { renderReport } from "../../src/report/page.ts";
import { renderMarkdownTable } from "../../src/report/summary.ts";
import { verdictKind, verdictSentence } from "../../src/report/verdict.ts";
import { finishedRun } from "./fixture.ts";
import { hostileStudentsRun } from "./hostile.ts";
import { PAYLOADS } from "./payloads.ts";
import { writeRunFolder } from "./run_folder.ts";
import { structure } from "./skeleton.ts";
import { familiesRun, methodsRun, type StudentSpec, studentsRun } from "./students_fixture.ts";

const verdict = (data: ReturnType<typeof familiesRun>) => verdictSentence(data, findingsOf(data));

describe("several families", () => {
  const same = (gain: number) =>
    Object.fromEntries(["llama", "gpt2", "mamba", "small"].map((kind) => [kind, [gain, gain]]));

  it("are told apart by what they differ in", () => {
    const { lineups, groups } = castOf(familiesRun());
    expect(lineups.map(({ label }) => label)).toEqual(["llama", "gpt2", "mamba", "llama with tokenizer “small”"]);
    // Colours tell roles in the panels, so that no student has one of its own.
    expect(groups.map(({ name, series }) => [name, series])).toEqual(
      ["llama", "gpt2", "mamba", "small"].flatMap((kind) => [
        [`${kind}-difference`, undefined],
        [`${kind}-random`, undefined],
      ]),
    );
    expect(renderReport(familiesRun())).not.toMatch(/class="name series-\d/);
    const sizes = studentsRun(
      ["a", "b"].flatMap((size, i): StudentSpec[] => [
        {
          name: `${size}-kd`,
          selection: "random",
          plan: { method: "vanilla KD", baseline: size },
          parameters: 1e6 * (i + 1),
        },
        { name: size, selection: "random", plan: {}, parameters: 1e6 * (i + 1) },
      ]),
    );
    expect(castOf(sizes).lineups.map(({ label }) => label)).toEqual(["llama 1.00\u00a0M", "llama 2.00\u00a0M"]);
    expect(verdict(sizes)).toBe(
      "Vanilla KD makes no difference beyond noise to llama 1.00\u00a0M and llama 2.00\u00a0M students on both held-out sets.",
    );
  });

  const all = "llama, gpt2, mamba and llama with tokenizer “small” students";
  it.each([
    [same(0.04), {}, `Difference Sampling lowers the loss of ${all} on both held-out sets.`, "good"],
    [
      same(-0.04),
      {},
      `Difference Sampling raises the loss of ${all} on both held-out sets: here the selection hurts.`,
      "bad",
    ],
    [same(0), {}, `Difference Sampling makes no difference beyond noise to ${all} on both held-out sets.`, "open"],
    [
      same(0.04),
      { seedWidth: 0.1 },
      `Difference Sampling lowers the loss of ${all} with every seed on both held-out sets, but 2\u00a0seeds are too few to rule out luck.`,
      "open",
    ],
    [
      { ...same(0.04), gpt2: [0, 0] },
      {},
      "Difference Sampling: on pool and curated, lower loss for llama, mamba and llama with tokenizer “small”, no difference beyond noise for gpt2.",
      "open",
    ],
    [
      { ...same(0.04), mamba: [-0.04, 0.04] },
      {},
      "Mixed, for Difference Sampling: on pool, lower loss for llama, gpt2 and llama with tokenizer “small”, higher loss for mamba; on curated, lower loss for llama, gpt2, mamba and llama with tokenizer “small”.",
      "open",
    ],
  ])("have the verdict that their intervals carry: %#", (gains, options, expected, kind) => {
    const data = familiesRun(gains, options);
    expect(verdict(data)).toBe(expected);
    expect(verdictKind(findingsOf(data))).toBe(kind);
  });

  it("never say lower or higher of an interval that holds zero", () => {
    const gain = fc.double({ min: -0.03, max: 0.03, noNaN: true });
    const gains = fc.record({
      llama: fc.tuple(gain, gain),
      gpt2: fc.tuple(gain, gain),
      mamba: fc.tuple(gain, gain),
      small: fc.tuple(gain, gain),
    });
    fc.assert(
      fc.property(gains, (given) => {
        const data = familiesRun(given, { seeds: [1] });
        const { headline } = findingsOf(data);
        const sentence = verdict(data);
        for (const [word, direction] of [
          ["lower", "lower"],
          ["higher", "higher"],
          ["raises", "higher"],
        ] as const)
          if (!headline.some(({ verdict: one }) => one === direction))
            expect(sentence).not.toMatch(new RegExp(`\\b${word}\\b`));
      }),
      { numRuns: 60 },
    );
  });

  it("get a picture for each pair and set, and one ranked figure per set", () => {
    const page = renderReport(familiesRun());
    structure(page);
    expect(page.match(/Held-out loss on (pool|curated) during training/g)).toHaveLength(2 * 8);
    expect(page.match(/aria-label="Paired comparisons on/g)).toHaveLength(4);
    expect(page).toContain("re-encoded, tokenizer small");
    expect(page).toContain("bits/byte");
    expect(page).not.toMatch(/NaN|undefined|Infinity/);
  });
});

describe("students of different tokens", () => {
  const specs: StudentSpec[] = [
    { name: "own", selection: "difference", plan: { tokenizer: "small", baseline: "plain" }, gains: [0.03, 0.03] },
    { name: "plain", selection: "random", plan: {} },
  ];

  it("are compared in bits per byte and said to be", () => {
    const data = studentsRun(specs);
    const page = renderReport(data);
    expect(summarize(data).comparisons.map(({ unit }) => unit)).toEqual(["bits_per_byte", "bits_per_byte"]);
    expect(page).toContain("<b>0.030 bits</b> per byte lower");
    expect(page).toContain("reduction of the held-out loss, bits per byte");
    expect(page).not.toContain("in perplexity");
    expect(page).not.toContain("reduction of the held-out loss, nats per token");
    expect(renderMarkdownTable(data)).toContain("0.030 bits per byte lower");
  });

  it("have no lowest loss in nats per token", () => {
    expect(renderReport(studentsRun(specs))).not.toContain('<span class="fine">lowest</span>');
  });
});

describe("students without a baseline", () => {
  const way = (name: string, family: string, method: string, gain: number, parameters: number): StudentSpec => ({
    name,
    selection: "difference",
    plan: { family, method },
    gains: [gain, gain],
    parameters,
  });
  const six = ["llama", "gpt2"].flatMap((family, i) => [
    way(`${family}-plain`, family, "LM", 0.01 + 0.04 * i, 243_000 + 60_000 * i),
    way(`${family}-kd`, family, "vanilla KD", 0.2 + 0.04 * i, 243_000 + 60_000 * i),
    way(`${family}-stored`, family, "stored KD", 0.238 + 0.04 * i, 243_000 + 60_000 * i),
  ]);

  it("are all ranked, and no two are singled out", () => {
    const data = studentsRun(six);
    const findings = findingsOf(data);
    expect([findings.question, findings.headline]).toEqual(["ranking", []]);
    expect(verdict(data)).toBe(
      "6 students without a baseline, ranked by loss: on pool, “gpt2-stored” ends lowest, clear of all others; on curated, “gpt2-stored” ends lowest, clear of all others.",
    );
    const page = renderReport(data);
    structure(page);
    const ranked = /<ul class="evidence">.*?<\/ul>/s.exec(page)![0];
    expect([...ranked.matchAll(/class="name series-\d">([^<]+)</g)].slice(0, 6).map(([, name]) => name)).toEqual([
      "gpt2-stored",
      "gpt2-kd",
      "llama-stored",
      "llama-kd",
      "gpt2-plain",
      "llama-plain",
    ]);
    // 0.238 against 0.240 of gpt2-kd: the interval holds zero.
    expect(ranked.match(/within noise of the one before/g)).toHaveLength(2);
    expect(page).toContain("Their training FLOPs are not equal: the largest are 25\u00a0% above the smallest.");
    expect(page).not.toMatch(/NaN|undefined|Infinity/);
    expect(renderMarkdownTable(data)).not.toContain("v. baseline");
  });

  it("single out the selection under test only where all else is the same", () => {
    const chosen = (name: string, selection: string, family = "llama"): StudentSpec => ({
      name,
      selection,
      plan: { family },
    });
    const three = [chosen("a", "difference"), chosen("b", "random"), chosen("c", "random")];
    expect(findingsOf(studentsRun(three)).question).toBe("selection");
    const mixed = [...three, chosen("d", "random", "gpt2")];
    expect(findingsOf(studentsRun(mixed)).question).toBe("ranking");
  });

  it("say so where the lowest is not clear of others or rests on one seed", () => {
    const close = six.map((one) => ({ ...one, gains: one.name.endsWith("plain") ? [0, 0] : [0.1, 0.1] }));
    expect(verdict(studentsRun(close, { seeds: [1] }))).toMatch(
      /ends lowest, within noise of “[^.]*; one seed each does not cover the luck of the training run\.$/,
    );
  });

  it("have one colour each, in charts and tables", () => {
    const page = renderReport(studentsRun([...six, way("llama-more", "llama", "GKD", 0, 243_000)]));
    for (const { name } of six) {
      const places = [...page.matchAll(/<g class="series-(\d)"><path class="leader"[^>]*\/><text [^>]*>([^<]+)</g)]
        .filter(([, , label]) => label === name)
        .map(([, series]) => series);
      const inTables = [...page.matchAll(/class="name series-(\d)">([^<]+)</g)]
        .filter(([, , label]) => label === name)
        .map(([, series]) => series);
      expect(places.length).toBeGreaterThan(0);
      expect(inTables.length).toBeGreaterThan(0);
      expect(new Set([...places, ...inTables]).size).toBe(1);
    }
  });

  it("are told apart in full where they are two", () => {
    const [plain, , , , kd] = six;
    const page = renderReport(studentsRun([plain!, kd!]));
    const text = /<p class="standfirst">.*?<\/p>/s.exec(page)![0].replace(/<[^>]+>/g, "");
    expect(text).toContain(
      "llama students of 243\u00a0k parameters trained on the half with the highest difference score by LM (llama-plain)".replace(
        "llama",
        "Llama",
      ),
    );
    expect(text).toContain(
      "gpt2 students of 303\u00a0k parameters trained on the half with the highest difference score by vanilla KD (gpt2-kd)",
    );
    expect(text).toContain("FLOPs are not equal: the largest are 25\u00a0%");
    expect(renderMarkdownTable(studentsRun([plain!, kd!]))).toContain("pool v. gpt2-kd");
  });
});

describe("words and intervals", () => {
  it("go the same way", () => {
    const data = methodsRun({ gkd: [-0.311, -0.311] }, { seeds: [1] });
    expect(renderMarkdownTable(data)).toContain("0.311 higher (0.306 to 0.316)");
    expect(renderReport(data)).toContain("0.311 (0.306 to 0.316)");
  });

  it("say of one seed what they cover", () => {
    const gains = Object.fromEntries(
      ["vanilla-kd", "stored-kd", "seqkd", "gkd", "miniplm", "miniplm-kd"].map((name) => [name, [0.1, 0.1]]),
    );
    const one = renderReport(methodsRun(gains, { seeds: [1] }));
    expect(one).toContain("every comparison is clear of noise of the instances; one seed, so not of training");
    expect(one).toContain("lower over the instances, pool");
    expect(one).not.toContain("clearly lower, pool");
    const two = renderReport(methodsRun(gains));
    expect(two).toContain("clearly lower, pool");
    expect(two).not.toContain("not of training");
  });
});

describe("what the curves show", () => {
  const caption = "Only the last tenfold of the training is shown";

  it("is said to be their end only where it is", () => {
    const data = methodsRun();
    expect(renderReport(data)).toContain(caption);
    for (const student of data.students) {
      const steps = [...new Set(student.metrics.flatMap((line) => (line.type === "eval" ? [line.step] : [])))];
      const ends = new Set([Math.min(...steps), Math.max(...steps)]);
      student.metrics = student.metrics.filter((line) => line.type === "train" || ends.has(line.step));
    }
    expect(renderReport(data)).not.toContain("tenfold");
  });
});

describe("ways to learn", () => {
  const gains = { "vanilla-kd": [0.02, 0.02], "stored-kd": [0.03, 0.03], miniplm: [-0.05, 0.05], gkd: [-0.02, -0.02] };

  it("are ranked against their baseline at equal FLOPs, and only as far as intervals go", () => {
    const data = methodsRun(gains);
    expect(verdict(data)).toBe(
      "At equal training FLOPs, against “plain”: on pool, lower loss for “stored-kd” and “vanilla-kd”, higher loss for “gkd” and “miniplm”, no difference beyond noise for “seqkd” and “miniplm-kd”; on curated, lower loss for “miniplm”, “stored-kd” and “vanilla-kd”, higher loss for “gkd”, no difference beyond noise for “seqkd” and “miniplm-kd”.",
    );
    const page = renderReport(data);
    structure(page);
    expect(page).toContain("neighbours were not compared with each other");
    expect(page).toContain("pool, against plain: 4 of 6 comparisons are clear of noise");
    expect(page).toContain("as plain, within 0.0\u00a0%");
    expect(page).toContain("text that the teacher wrote");
  });

  it("do not call FLOPs equal that are not", () => {
    const data = methodsRun(gains);
    const student = data.students.find(({ name, seed }) => name === "gkd" && seed === 1)!;
    student.training!.flops *= 1.1;
    expect(verdict(data)).toMatch(/^At training FLOPs within 5\u00a0% of each other, against “plain”: /);
    student.training!.flops *= 3;
    expect(verdict(data)).toMatch(/^Against “plain”: /);
  });

  it("are turned by the baseline that the run names", () => {
    const data = studentsRun([
      { name: "chosen", selection: "difference", plan: {} },
      { name: "drawn", selection: "random", plan: { baseline: "chosen" }, gains: [-0.04, -0.04] },
    ]);
    const [contrast] = findingsOf(data).headline;
    expect([contrast!.treatment.name, contrast!.baseline.name, contrast!.verdict]).toEqual([
      "drawn",
      "chosen",
      "higher",
    ]);
    expect(verdict(data)).toBe("“drawn” students end with a higher loss than “chosen” students on both held-out sets.");
  });

  it("show the losses of those that learn distributions, and of no others", () => {
    const page = renderReport(methodsRun());
    const shown = [...page.matchAll(/aria-label="Losses of ([a-z-]+)\./g)].map(([, name]) => name);
    expect(shown).toEqual(["vanilla-kd", "stored-kd", "gkd", "miniplm-kd"]);
    for (const name of ["LM", "KD", "entropy", "true KL"]) expect(page).toContain(`>${name}</text>`);
  });

  it("end their curves where their trainings end, a step apart or not", () => {
    const data = methodsRun();
    const [one, other] = data.students.filter(({ name }) => name === "gkd");
    const end = one!.metrics.flatMap((line) => (line.type === "eval" && line.set === "pool" ? [line] : [])).at(-1)!;
    other!.metrics = other!.metrics.map((line) =>
      line.type === "eval" && line.step === end.step ? { ...line, step: line.step + 1, loss: line.loss + 0.2 } : line,
    );
    const group = castOf(data).groups.find(({ name }) => name === "gkd")!;
    expect(groupCurve(group, "pool")!.mean.at(-1)).toMatchObject({ step: end.step, loss: end.loss + 0.1 });
    other!.training = undefined as never;
    expect(groupCurve(group, "pool")!.mean.at(-1)!.step).toBeLessThan(end.step);
  });
});

describe("what the teacher cost", () => {
  const costs = findingsOf(methodsRun()).costs!;
  const of = (name: string) => costs.groups.find(({ group }) => group.name === name)!;

  it("is counted once, whoever learns from it", () => {
    const served = costs.records.filter(({ serves }) => serves!.length > 0);
    const shares = costs.groups.reduce((sum, { group, shared }) => sum + shared * group.students.length, 0);
    expect(shares).toBeCloseTo(
      served.reduce((sum, { flops }) => sum + flops, 0),
      -6,
    );
    expect(costs.total).toBe(costs.records.reduce((sum, { flops }) => sum + flops, 0));
    expect(costs.trainings).toBe(14);
  });

  it("falls on those that learn from the records", () => {
    const stage = (name: string) => costs.records.find((one) => one.stage === name)!;
    const names = (record: string) => stage(record).serves!.map(({ name }) => name);
    expect(names("capture/random-top32")).toEqual(["stored-kd"]);
    expect(names("score/reference")).toEqual(["miniplm", "miniplm-kd"]);
    expect(of("plain")).toMatchObject({ alone: 0, shared: 0, beside: undefined });
    expect(of("seqkd").alone).toBe(stage("models/teacher").flops + stage("generate/teacher-text").flops);
    // The teacher's training serves six kinds of students of two seeds, the text one.
    expect(of("seqkd").shared).toBeCloseTo(
      stage("models/teacher").flops / 12 + stage("generate/teacher-text").flops / 2,
      -3,
    );
  });

  it("stands in the FLOPs of students that it reads along with", () => {
    expect(of("vanilla-kd").beside).toBeCloseTo(1 - 1 / 1.6, 5);
    expect(of("gkd").beside).toBeCloseTo(1 - 1 / 2.5, 5);
    expect(of("stored-kd").beside).toBeUndefined();
    const page = renderReport(methodsRun());
    expect(page).toContain("What the teacher cost");
    expect(page).toMatch(/vanilla-kd 37\u00a0%|vanilla-kd 38\u00a0%/);
  });
});

describe("the forms of the report", () => {
  it("hold the same figures", () => {
    for (const data of [familiesRun(), methodsRun()]) {
      const facts = summarize(data);
      expect(JSON.parse(JSON.stringify(facts))).toEqual(facts);
      expect(facts.students!.map(({ name }) => name)).toEqual(castOf(data).groups.map(({ name }) => name));
      const [first, blank, ...lines] = renderMarkdownTable(data).trimEnd().split("\n");
      expect([first, blank]).toEqual([facts.verdict, ""]);
      expect(lines).toHaveLength(2 + facts.students!.length);
      expect(new Set(lines.map((line) => [...line].length)).size).toBe(1);
    }
    const { students, losses, compute } = summarize(familiesRun());
    expect(students![6]).toMatchObject({
      name: "small-difference",
      tokenizer: "small",
      baseline: "small-random",
      tokens: 400_000,
    });
    expect(losses[0]!.bitsPerByte!.mean).toBeCloseTo(losses[0]!.mean / Math.LN2 / 3.1);
    expect(compute!.stages.find(({ stage }) => stage === "score/teacher")!.servesTrainings).toBe(8);
  });

  it("leave runs without any of it as they were", () => {
    const page = renderReport(finishedRun());
    for (const text of [
      "What the teacher cost",
      "bits per byte",
      "What was learned from the teacher",
      "Many comparisons",
    ])
      expect(page).not.toContain(text);
    expect(summarize(finishedRun())).not.toHaveProperty("students");
  });

  it("read what the stages wrote", async () => {
    const folder = await mkdtemp(join(tmpdir(), "heartcut-report-"));
    for (const data of [familiesRun(), { ...methodsRun(), scoreUnit: "bits_per_byte" as const }]) {
      await writeRunFolder(data, folder);
      const { scores, ...loaded } = await loadReportData(folder);
      const { scores: _, ...expected } = data;
      const byName = (one: typeof expected) => one.selections.sort((a, b) => a.name.localeCompare(b.name));
      expect(byName(loaded)).toEqual(byName(expected));
      expect(loaded).toEqual(expected);
      await rm(folder, { recursive: true });
    }
  });

  it("miss the teacher's text where it is not written, and no selection in its place", async () => {
    const folder = await mkdtemp(join(tmpdir(), "heartcut-report-"));
    const data = methodsRun();
    await writeRunFolder({ ...data, texts: [{ name: "teacher-text" }] }, folder);
    const { missing } = await loadReportData(folder);
    expect(missing).toEqual([
      { what: "text teacher-text of the teacher", path: "generate/teacher-text/sequences.json" },
    ]);
    await rm(folder, { recursive: true });
  });

  it("name the unit of scores that compare across tokenizers", () => {
    const data = finishedRun({ instances: 300 });
    for (const selection of data.selections) selection.examples = [];
    const page = renderReport({ ...data, scoreUnit: "bits_per_byte" });
    expect(page).toContain("difference score, bits per byte");
    expect(page).toContain("Teacher and reference read different tokens");
    expect(page).not.toMatch(/difference score, nats|teacher NLL, nats/);
  });

  it("survive runs that have just begun", () => {
    for (const data of [familiesRun(), methodsRun()]) {
      const { evaluation: _, texts, ...begun } = data;
      const students = begun.students.map(({ training: __, ...student }, i) => ({
        ...student,
        metrics: i === 0 ? student.metrics.slice(0, 30) : [],
      }));
      const page = renderReport({ ...begun, students, ...(texts && { texts: texts.map(({ name }) => ({ name })) }) });
      structure(page);
      expect(page).not.toMatch(/NaN|undefined|Infinity/);
    }
  });
});

describe("hostile text in runs of several kinds", () => {
  const runs = { families: familiesRun(), methods: methodsRun() };
  const harmless = (kind: keyof typeof runs) =>
    structure(renderReport(hostileStudentsRun(runs[kind], ["harmless text of some length"])));

  it.each(["families", "methods"] as const)("stays text: %s", (kind) => {
    const expected = harmless(kind).join("\n");
    for (const payload of PAYLOADS) {
      const data = hostileStudentsRun(runs[kind], [payload]);
      expect([payload, structure(renderReport(data)).join("\n") === expected]).toEqual([payload, true]);
    }
  });

  it("cannot break the Markdown table", () => {
    const lines = renderMarkdownTable(hostileStudentsRun(runs.methods, [...PAYLOADS, "a | b", "x\ny"]))
      .trimEnd()
      .split("\n")
      .slice(2);
    expect(new Set(lines.map((line) => line.replace(/\\./g, "").split("|").length)).size).toBe(1);
  });
});
