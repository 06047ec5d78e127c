import { beforeEach, describe, expect, it } from "vitest";
import { describeError, reviveError } from "../../src/cli/job.ts";
import { ProgressView } from "../../src/cli/progress.ts";
import { exitCodeOf, formatBytes, formatCount, formatError, formatSeconds } from "../../src/cli/terminal.ts";
import { HeartcutError, InternalError, Interrupted } from "../../src/errors.ts";

let written: string;
let time: number;
beforeEach(() => {
  written = "";
  time = 0;
});

function view(mode: "live" | "plain" | "quiet", { env = {}, columns = 200 } = {}) {
  const output = { write: (text: string) => (written += text), isTTY: mode === "live", columns };
  return new ProgressView(output, mode, { now: () => time, rss: () => 512e6, env });
}

const progress = (done: number, more = {}) => ({
  type: "progress" as const,
  stage: "score/teacher",
  done,
  total: 1000,
  unit: "tokens",
  ...more,
});

describe("progress off a terminal", () => {
  it("is one plain line per ten seconds", () => {
    const plain = view("plain");
    plain.show({ type: "stage", stage: "score/teacher", status: "start" });
    for (time = 0; time <= 35_000; time += 500)
      plain.show(progress(time / 50, { tokensPerSecond: 20, values: { loss: 2.34567 } }));
    plain.show({ type: "stage", stage: "score/teacher", status: "done", seconds: 35 });
    expect(written.split("\n")).toEqual([
      "score/teacher: started",
      "score/teacher: 20 %, 200 of 1,000 tokens, 20 tokens/s, loss 2.346, 40 s left, 512 MB",
      "score/teacher: 40 %, 400 of 1,000 tokens, 20 tokens/s, loss 2.346, 30 s left, 512 MB",
      "score/teacher: 60 %, 600 of 1,000 tokens, 20 tokens/s, loss 2.346, 20 s left, 512 MB",
      "done   score/teacher  35 s",
      "",
    ]);
  });

  it("ends with a line of its own where no stage is announced, and with one only", () => {
    const plain = view("plain");
    plain.show(progress(900));
    plain.show(progress(1000));
    plain.show(progress(1000));
    plain.show(progress(3, { stage: "task", total: 0 }));
    expect(written.split("\n")).toEqual([
      "score/teacher: 90 %, 900 of 1,000 tokens, 512 MB",
      "score/teacher: 100 %, 1,000 of 1,000 tokens, 512 MB",
      "",
    ]);
  });

  it("counts time left from where this process began, not from what was there before", () => {
    const plain = view("plain");
    plain.show({ type: "stage", stage: "score/teacher", status: "start" });
    plain.show(progress(900));
    time = 10_000;
    plain.show(progress(910));
    expect(written).toContain("1:30 min left");
  });

  it("has no control characters, whatever the text", () => {
    const plain = view("plain");
    plain.show({ type: "warning", stage: "corpus\u001b[2J", message: "\u001b]0;title\u0007\u009b1m\r" });
    plain.show({ type: "stage", stage: "a\u001b[31m", status: "done" });
    plain.end();
    // biome-ignore lint/suspicious/noControlCharactersInRegex: none of them may be left
    expect(written).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
  });
});

describe("progress on a terminal", () => {
  it("redraws one line, ten times a second at most", () => {
    const live = view("live", { env: { NO_COLOR: "1" } });
    live.show({ type: "stage", stage: "score/teacher", status: "start" });
    for (time = 0; time < 1000; time += 10) live.show(progress(time));
    expect(written.split("\r").length).toBeLessThan(12);
    expect(written).not.toContain("\n");
    expect(written).toContain("━━━━");
    live.show({ type: "stage", stage: "score/teacher", status: "done", seconds: 1 });
    expect(written.endsWith("\r\u001b[2Kdone   score/teacher  1.0 s\n")).toBe(true);
  });

  it("is never wider than the terminal, colours not counted", () => {
    const live = view("live", { env: { TERM: "xterm" }, columns: 40 });
    live.show({ type: "stage", stage: "score/teacher", status: "start" });
    time = 500;
    live.show(progress(500, { values: { loss: 1, other: 2 } }));
    const line = written.split("\r").at(-1)!;
    expect(line).toContain("\u001b[36m");
    // biome-ignore lint/suspicious/noControlCharactersInRegex: our own colour codes
    expect([...line.replace(/\u001b\[[0-9;]*[mK]/g, "")].length).toBe(39);
  });

  it.each([[{ NO_COLOR: "1" }], [{ TERM: "dumb" }]])("has no colour with %o", (env) => {
    const live = view("live", { env });
    live.show({ type: "stage", stage: "a", status: "reused" });
    expect(written).not.toContain("\u001b[3");
  });
});

it("repeats each warning once at the end, and nothing when quiet", () => {
  const plain = view("plain");
  for (let i = 0; i < 3; i++) plain.show({ type: "warning", stage: "pack", message: "skipped 3 rows" });
  written = "";
  plain.end();
  expect(written).toBe("1 warning:\n  pack: skipped 3 rows\n");
  const quiet = view("quiet");
  written = "";
  quiet.show({ type: "warning", stage: "pack", message: "x" });
  quiet.show(progress(1));
  quiet.end();
  expect(written).toBe("");
});

describe("errors", () => {
  const coded = new HeartcutError("HC1001", {
    what: "no space left to write",
    where: "a\u001b[2J.bin",
    fix: "free space",
  });

  it("come through the thread border as they were", () => {
    for (const error of [coded, new Interrupted("train"), new InternalError("broken")]) {
      const there = reviveError(structuredClone(describeError(error)));
      expect(there.name).toBe(error.name);
      expect(there.message).toBe(error.message);
      expect(there.stack).toBe(error.stack);
      expect(there instanceof HeartcutError).toBe(error instanceof HeartcutError);
    }
    const full = Object.assign(new Error("full"), { code: "ENOSPC" });
    expect(describeError(new HeartcutError("HC1001", coded.fault, { cause: full })).systemCode).toBe("ENOSPC");
  });

  it("show a stack for our own faults and with debug only, and never control characters", () => {
    const paint = (_: unknown, text: string) => text;
    expect(formatError(coded, { debug: false, paint })).toBe(
      "error HC1001: no space left to write\n  where     a\ufffd[2J.bin\n  fix       free space",
    );
    expect(formatError(coded, { debug: true, paint })).toContain("progress.test");
    expect(formatError(new InternalError("broken"), { debug: false, paint })).toMatch(
      /internal: broken.*progress\.test.*heartcut doctor/s,
    );
  });

  it.each([
    [new Interrupted("x"), "SIGINT", 130],
    [new Interrupted("x"), "SIGTERM", 75],
    [coded, undefined, 75],
    [new HeartcutError("HC4002", { what: "x" }), undefined, 2],
    [new HeartcutError("HC4202", { what: "x" }), undefined, 2],
    [new HeartcutError("HC4101", { what: "x" }), undefined, 1],
    [new HeartcutError("HC6101", { what: "x" }), undefined, 2],
    [new HeartcutError("HC6014", { what: "x" }), undefined, 1],
    [new HeartcutError("HC1040", { what: "x" }), undefined, 1],
    [new Error("x"), undefined, 1],
  ] as const)("%s, %s: exit code %i", (error, signal, code) => {
    expect(exitCodeOf(error, signal)).toBe(code);
  });
});

it("numbers are written for people", () => {
  expect([0.4, 9.96, 59.7, 60, 187, 7500].map(formatSeconds)).toEqual([
    "0.4 s",
    "10.0 s",
    "60 s",
    "1:00 min",
    "3:07 min",
    "2:05:00 h",
  ]);
  expect([0, 999, 1500, 3.4e6, 256e6, 7e9].map(formatBytes)).toEqual([
    "0 B",
    "999 B",
    "1.5 kB",
    "3.4 MB",
    "256 MB",
    "7.0 GB",
  ]);
  expect(formatCount(1234567.4)).toBe("1,234,567");
});
