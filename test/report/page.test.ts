import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { summarize } from "../../src/report/facts.ts";
import { renderReport } from "../../src/report/page.ts";
import { renderMarkdownTable } from "../../src/report/summary.ts";
import { finishedRun, halfFinishedRun } from "./fixture.ts";
import { hostileRun } from "./hostile.ts";
import { PAYLOADS } from "./payloads.ts";
import { structure } from "./skeleton.ts";

const SECTIONS = [
  "run",
  "curves",
  "results",
  "scores",
  "sources",
  "documents",
  "audit",
  "training",
  "reproduce",
  "method",
];

describe("report page", () => {
  const page = renderReport(finishedRun());

  it("is well formed and has all sections, each reachable from the navigation", () => {
    const tags = structure(page);
    expect(tags.filter((tag) => tag.startsWith("section "))).toHaveLength(SECTIONS.length);
    for (const id of SECTIONS) {
      expect(page).toContain(`<section id="${id}">`);
      expect(page).toContain(`href="#${id}"`);
    }
  });

  it("has a policy that allows its own style sheet and nothing else", () => {
    const style = /<style>([\s\S]*)<\/style>/.exec(page)![1]!;
    const hash = createHash("sha256")
      .update(style)
      .digest("base64")
      .replace(/[&<>"'`]/g, (c) => `&#${c.charCodeAt(0)};`);
    expect(page).toContain(`default-src &#39;none&#39;; style-src &#39;sha256-${hash}&#39;; img-src data:`);
    expect(page).not.toMatch(/<script|<link|<img|<iframe|https?:|url\(|@import/i);
  });

  it("names every picture, captions every figure and table", () => {
    const count = (pattern: RegExp) => page.match(pattern)?.length ?? 0;
    const pictures = count(/<svg /g);
    expect(pictures).toBeGreaterThan(15);
    expect(count(/<svg [^>]*role="img" aria-label="[^"]+"><title>[^<]+<\/title><desc>[^<]+<\/desc>/g)).toBe(pictures);
    expect(count(/<figcaption>/g) + count(/<figure class="small"/g)).toBe(count(/<figure/g));
    expect(count(/<caption>[^<]+<\/caption>/g)).toBe(count(/<table>/g));
  });

  it("says in words what the figures say", () => {
    const data = finishedRun();
    const { verdict, comparisons } = summarize(data);
    expect(verdict).toBe("“difference” students reach a lower loss than “random” students on both held-out sets.");
    expect(page).toContain(verdict);
    for (const { set, saved } of comparisons)
      expect(page).toContain(
        `${set}: difference reaches the final loss of random with ${Math.round(saved!.share * 100)}\u00a0% less compute`,
      );
    const cut = data.selections[0]!.summary!.threshold!;
    expect(page).toContain(`cut at +${((cut.lastKept + cut.firstDropped) / 2).toFixed(3)}`);
  });

  it("shades tokens by the difference of the two models", () => {
    const data = finishedRun({ instances: 300 });
    const example = data.selections[0]!.examples[0]!;
    data.selections[0]!.examples = [
      {
        ...example,
        pieces: ["a", "b", "c", "d"],
        token_nll_teacher: [null, 1, 4, 1],
        token_nll_reference: [null, 3.5, 3.4, 1.1],
      },
    ];
    const rendered = renderReport(data);
    expect(rendered).toContain('<span class="token unscored" title="not scored">a</span>');
    expect(rendered).toContain('<span class="token up-4" title="+2.50 (teacher 1.00, reference 3.50)">b</span>');
    expect(rendered).toContain('<span class="token down-2" title="−0.60 (teacher 4.00, reference 3.40)">c</span>');
    expect(rendered).toContain('<span class="token " title="+0.10 (teacher 1.00, reference 1.10)">d</span>');
  });

  it("is a pure function of the records", () => {
    expect(renderReport(finishedRun())).toBe(page);
  });

  it("draws no arrow where the difference is within noise", () => {
    const unclear = renderReport(finishedRun({ gains: [0, 0] }));
    expect(unclear).toContain("No difference beyond noise");
    expect(unclear).not.toContain('<g class="saved">');
    expect(page).toContain('<g class="saved">');
  });

  it("names the missing parts of a half-finished run and shows the rest", () => {
    const half = renderReport(halfFinishedRun());
    structure(half);
    expect(half).toContain("This report is incomplete.");
    expect(half).toContain("evaluate/evaluation.json");
    expect(half).toContain("Histogram of the difference score");
    expect(half).not.toMatch(/NaN|undefined|Infinity/);
  });

  it("survives a run that holds nothing but its summary", () => {
    const { run } = finishedRun();
    const bare = {
      run: {
        ...run,
        provenance: [],
        stages: [],
        students: [],
        corpus: { documents: 0, bytes: 0, sources: 0, tokens: 0, instances: 0, heldOutDocuments: 0 },
      },
      models: {},
      students: [],
      selections: [],
      missing: [],
    };
    const rendered = renderReport(bare);
    structure(rendered);
    expect(rendered).not.toMatch(/NaN|undefined|Infinity/);
  });

  it("survives degenerate numbers", () => {
    const data = finishedRun({ instances: 40, seeds: [1], sets: ["pool"] });
    data.scores!.difference.fill(0.5);
    data.scores!.nllTeacher.fill(2);
    data.scores!.nllReference.fill(2.5);
    for (const student of data.students)
      student.metrics = student.metrics.filter((line) => line.type === "eval").slice(0, 1);
    const rendered = renderReport(data);
    structure(rendered);
    expect(rendered).not.toMatch(/NaN|Infinity/);
  });
});

describe("hostile text", () => {
  const harmless = structure(renderReport(hostileRun(["harmless text of some length"])));

  it("has no attribute that runs code in the harmless page", () => {
    expect(harmless.filter((tag) => / (on\w+|style|src|srcdoc|action)\b/.test(tag))).toEqual([]);
    expect(harmless.filter((tag) => /^(script|iframe|object|embed|form|link|base|img)\b/.test(tag))).toEqual([]);
  });

  it.each(PAYLOADS.map((payload, i) => ({ i, payload })))("payload $i stays text", ({ payload }) => {
    const page = renderReport(hostileRun([payload]));
    expect(structure(page).join("\n") === harmless.join("\n")).toBe(true);
  });

  it("stays text when all are mixed", () => {
    const page = renderReport(hostileRun(PAYLOADS));
    const missing = PAYLOADS.length - 1;
    expect(structure(page).length).toBe(harmless.length + missing * 4);
  });

  it("cannot break the Markdown table or steer a terminal", () => {
    const [verdict, losses, tasksVerdict, tasks, ...more] = renderMarkdownTable(
      hostileRun([...PAYLOADS, "a | b", "x\ny", "**bold**"]),
    )
      .trimEnd()
      .split("\n\n");
    expect([verdict, tasksVerdict].join()).not.toContain("\n");
    expect(more).toEqual([]);
    const columns = (line: string) => line.replace(/\\./g, "").split("|").length;
    for (const table of [losses!, tasks!]) expect(new Set(table.split("\n").map(columns)).size).toBe(1);
    const lines = [losses!, tasks!];
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not appear
    expect(lines.join("\n")).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
  });
});

describe("summary", () => {
  it("holds the figures of the page and nothing JSON cannot hold", () => {
    const summary = summarize(finishedRun());
    expect(JSON.parse(JSON.stringify(summary))).toEqual(summary);
    expect(summary.comparisons.map(({ set, verdict, seeds }) => [set, verdict, seeds])).toEqual([
      ["pool", "lower", 3],
      ["curated", "lower", 3],
    ]);
    expect(summary.selections[0]).toMatchObject({ name: "difference", kept: 3000, total: 6000 });
  });

  it("makes a table that lines up", () => {
    const [verdict, blank, ...lines] = renderMarkdownTable(finishedRun({ more: true, seeds: [1, 2] }))
      .trimEnd()
      .split("\n");
    expect(verdict).toMatch(/students end lower than “random” students with every seed/);
    expect(blank).toBe("");
    expect(lines).toHaveLength(2 + 4);
    expect(new Set(lines.map((line) => [...line].length)).size).toBe(1);
    expect(lines[2]).toMatch(/^\| difference \(2 seeds\) +\| +530 k \| +50 % \| +3\.6\d\d \|/);
    expect(lines[3]).toMatch(/baseline \|$/);
  });
});
