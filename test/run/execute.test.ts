import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { appendFile, mkdir, mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { HeartcutError, Interrupted } from "../../src/errors.ts";
import type { ProgressEvent } from "../../src/progress.ts";
import { type ExecuteOptions, executePlan } from "../../src/run/execute.ts";
import { stageSeconds } from "../../src/run/run_log.ts";
import { fingerprint, inputsOfStages, type Json, type Stage } from "../../src/run/stage.ts";
import { buildForChildren } from "./built.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "heartcut-run-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** Settings of a small plan: numbers -> doubled -> summed, and a side branch. */
const SETTINGS = { numbers: { count: 5, seed: 1 }, doubled: { factor: 2 }, summed: {}, other: { text: "x" } };

function plan(
  settings: Record<string, Json> = SETTINGS,
  ran: string[] = [],
  hooks: Partial<Record<string, () => Promise<void> | void>> = {},
): Stage[] {
  const stage = (name: string, reads: string[], content: () => Promise<string>): Stage => ({
    name,
    version: 1,
    settings: settings[name] ?? {},
    reads,
    outputs: [name],
    run: async () => {
      ran.push(name);
      await mkdir(join(folder, name), { recursive: true });
      const text = await content();
      await writeFile(join(folder, name, "out.txt"), text);
      await hooks[name]?.();
      return { flops: text.length };
    },
  });
  const read = (name: string) => readFile(join(folder, name, "out.txt"), "utf8");
  const { numbers, doubled, other } = settings as typeof SETTINGS;
  return [
    stage("numbers", [], async () => Array.from({ length: numbers.count }, (_, i) => i + numbers.seed).join(" ")),
    stage("doubled", ["numbers"], async () =>
      (await read("numbers"))
        .split(" ")
        .map((n) => Number(n) * doubled.factor)
        .join(" "),
    ),
    stage("other", [], async () => other.text),
    stage("summed", ["doubled"], async () =>
      String((await read("doubled")).split(" ").reduce((sum, n) => sum + Number(n), 0)),
    ),
  ];
}

async function execute(stages: Stage[], options: Partial<ExecuteOptions> = {}, signal = new AbortController().signal) {
  const events: ProgressEvent[] = [];
  const finished = await executePlan(
    stages,
    { folder, commands: { rerun: "run --rerun", elsewhere: "run --out other" }, ...options },
    { report: (event) => events.push(event), signal },
  );
  return { finished, events, warnings: events.filter((event) => event.type === "warning") };
}

async function refusal(promise: Promise<unknown>): Promise<HeartcutError> {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof HeartcutError)) throw error ?? new Error("nothing was refused");
  return error;
}

/** Hash of every artefact below the run folder; logs and lock files left out. */
async function artefacts(): Promise<Record<string, string>> {
  const names = await readdir(folder, { recursive: true });
  const hashes: Record<string, string> = {};
  for (const name of names.sort()) {
    if (name === "log.jsonl" || name.startsWith(".")) continue;
    if (!(await stat(join(folder, name))).isFile()) continue;
    hashes[name] = createHash("sha256")
      .update(await readFile(join(folder, name)))
      .digest("hex");
  }
  return hashes;
}

describe("executing a plan", () => {
  it("runs every stage once and then reuses all", async () => {
    const ran: string[] = [];
    const first = await execute(plan(SETTINGS, ran));
    expect(ran).toEqual(["numbers", "doubled", "other", "summed"]);
    expect(await readFile(join(folder, "summed/out.txt"), "utf8")).toBe("30");
    expect(first.finished.map(({ reused }) => reused)).toEqual([false, false, false, false]);
    expect(first.finished[3]!.record).toMatchObject({
      status: "finished",
      flops: 2,
      outputs: [{ name: "summed/out.txt", bytes: 2 }],
    });
    const before = await artefacts();
    const again = await execute(plan(SETTINGS, ran));
    expect(ran).toHaveLength(4);
    expect(again.finished.every(({ reused }) => reused)).toBe(true);
    expect(again.events.map((event) => (event.type === "stage" ? event.status : event.type))).toEqual(
      Array(4).fill("reused"),
    );
    expect(await artefacts()).toEqual(before);
  });

  it("keeps times in the log only", async () => {
    await execute(plan());
    expect([...(await stageSeconds(folder)).keys()]).toEqual(["numbers", "doubled", "other", "summed"]);
    await appendFile(join(folder, "log.jsonl"), '{"type":"stage","status":"done","sta');
    expect((await stageSeconds(folder)).size).toBe(4);
    const first = await artefacts();
    await rm(folder, { recursive: true });
    await execute(plan());
    expect(await artefacts()).toEqual(first);
  });

  it("goes on where a failed stage stopped", async () => {
    const ran: string[] = [];
    const full = Object.assign(new Error("ENOSPC: no space left on device"), { code: "ENOSPC" });
    let fails = true;
    const broken = plan(SETTINGS, ran, {
      doubled: () => {
        if (fails) throw full;
      },
    });
    await expect(execute(broken)).rejects.toBe(full);
    fails = false;
    await execute(broken);
    expect(ran).toEqual(["numbers", "doubled", "doubled", "other", "summed"]);
    expect(await readFile(join(folder, "log.jsonl"), "utf8")).toContain('"status":"failed","message":"ENOSPC');
  });

  it("stops on the signal and resumes", async () => {
    const controller = new AbortController();
    const ran: string[] = [];
    await expect(
      execute(plan(SETTINGS, ran, { doubled: () => controller.abort() }), {}, controller.signal),
    ).rejects.toBeInstanceOf(Interrupted);
    expect(ran).toEqual(["numbers", "doubled"]);
    await execute(plan(SETTINGS, ran));
    expect(ran).toEqual(["numbers", "doubled", "other", "summed"]);
  });

  it("refuses a second process on the same folder", async () => {
    const inside = plan(SETTINGS, [], {
      numbers: async () => {
        const error = await refusal(execute(plan()));
        expect(error.code).toBe("HC1030");
      },
    });
    await execute(inside);
  });

  it("refuses a folder of something else, and files in a stage's place", async () => {
    await writeFile(join(folder, "thesis.tex"), "…");
    expect((await refusal(execute(plan()))).code).toBe("HC4102");
    for (const out of ["thesis.tex", "thesis.tex/run"]) {
      const error = await refusal(execute(plan(), { folder: join(folder, out) }));
      expect(error.code).toBe("HC4102");
      expect(error.message).toContain("a file");
    }
    await rm(join(folder, "thesis.tex"));
    await execute(plan().slice(0, 1));
    await mkdir(join(folder, "doubled"));
    await writeFile(join(folder, "doubled/mine.txt"), "…");
    const error = await refusal(execute(plan()));
    expect(error.code).toBe("HC4104");
    expect(error.message).toContain("doubled/mine.txt");
  });

  it("says at the end what the recipe left behind", async () => {
    await execute(plan());
    const { warnings } = await execute(plan().slice(0, 2));
    expect(warnings.map((event) => event.stage).sort()).toEqual(["other", "summed"]);
  });
});

describe("outputs that were damaged", () => {
  it.each([
    ["missing", (path: string) => rm(path), false],
    ["shorter", (path: string) => truncate(path, 3), false],
    ["altered", (path: string) => writeFile(path, "9 9 9 9 9"), true],
  ])("%s: are made again, with a warning", async (_what, damage, needsVerify) => {
    await execute(plan());
    const before = await artefacts();
    await damage(join(folder, "numbers/out.txt"));
    if (needsVerify) expect((await execute(plan())).warnings).toEqual([]);
    const ran: string[] = [];
    const { warnings } = await execute(plan(SETTINGS, ran), { verify: needsVerify });
    expect(ran).toEqual(["numbers"]);
    expect(warnings[0]).toMatchObject({ stage: "numbers", message: expect.stringContaining("numbers/out.txt") });
    expect((await artefacts())["numbers/out.txt"]).toBe(before["numbers/out.txt"]);
  });

  it("records that were damaged: the stage is named", async () => {
    await execute(plan());
    await writeFile(join(folder, "stages/doubled.json"), "{");
    const error = await refusal(execute(plan()));
    expect(error.code).toBe("HC4103");
    await rm(join(folder, "stages/doubled.json"));
    expect((await refusal(execute(plan()))).code).toBe("HC4104");
  });
});

describe("changed inputs", () => {
  const changed = { ...SETTINGS, numbers: { count: 6, seed: 1 } };

  it("stop the run before anything is touched, and show old and new", async () => {
    await execute(plan());
    const before = await artefacts();
    const ran: string[] = [];
    const error = await refusal(execute(plan(changed, ran)));
    expect(error.code).toBe("HC4101");
    expect(error.message).toContain("numbers: count: 5 -> 6");
    expect(error.message).toContain("and 2 stages that follow");
    expect(error.message).not.toContain("doubled:");
    expect(error.message).not.toContain("other:");
    expect(error.message).toContain("run --rerun");
    expect(error.message).toContain("run --out other");
    expect(ran).toEqual([]);
    expect(await artefacts()).toEqual(before);
  });

  it("are done again with rerun, and only they", async () => {
    await execute(plan());
    const ran: string[] = [];
    await execute(plan(changed, ran), { rerun: true });
    expect(ran).toEqual(["numbers", "doubled", "summed"]);
    expect(await readFile(join(folder, "summed/out.txt"), "utf8")).toBe("42");
    await execute(plan(changed, ran));
    expect(ran).toHaveLength(3);
  });

  it("are seen in a stage that never finished", async () => {
    const failing = plan(SETTINGS, [], {
      numbers: () => {
        throw new Error("x");
      },
    });
    await expect(execute(failing)).rejects.toThrow("x");
    expect((await refusal(execute(plan(changed)))).code).toBe("HC4101");
  });

  it("of every kind change the fingerprint of what follows, and of nothing else", () => {
    const prints = (stages: Stage[]) =>
      new Map([...inputsOfStages(stages)].map(([name, inputs]) => [name, fingerprint(name, inputs)]));
    const base = prints(plan());
    const file = { name: "a.jsonl", bytes: 3, sha256: "0".repeat(64) };
    const variants: [Stage[], string[]][] = [
      [plan(changed), ["numbers", "doubled", "summed"]],
      [plan({ ...SETTINGS, doubled: { factor: 3 } }), ["doubled", "summed"]],
      [plan({ ...SETTINGS, other: { text: "y" } }), ["other"]],
      [plan({ ...SETTINGS, summed: { x: null } }), ["summed"]],
      [plan().map((stage) => (stage.name === "doubled" ? { ...stage, version: 2 } : stage)), ["doubled", "summed"]],
      [plan().map((stage) => (stage.name === "other" ? { ...stage, files: [file] } : stage)), ["other"]],
      [plan().map((stage) => (stage.name === "other" ? { ...stage, reads: ["numbers"] } : stage)), ["other"]],
    ];
    for (const [stages, expected] of variants) {
      const now = prints(stages);
      expect([...now].filter(([name, print]) => base.get(name) !== print).map(([name]) => name)).toEqual(expected);
    }
    const withFile = (sha256: string) => prints(plan().map((stage) => ({ ...stage, files: [{ ...file, sha256 }] })));
    expect(withFile("1".repeat(64)).get("other")).not.toBe(withFile("2".repeat(64)).get("other"));
    expect(prints(plan({ ...SETTINGS, numbers: { seed: 1, count: 5 } }))).toEqual(base);
  });
});

/** A child that runs five stages of several files each, slowly enough to be killed anywhere. */
const CHILD = `
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
const [built, folder, killAt] = process.argv.slice(2);
const { executePlan } = await import(join(built, "run/execute.js"));
const { publishText } = await import(join(built, "formats/publish.js"));
const names = ["a", "b", "c/one", "c/two", "d"];
const stages = names.map((name, i) => ({
  name, version: 1, settings: { i }, reads: names.slice(0, i), outputs: [name],
  run: async () => {
    await mkdir(join(folder, name), { recursive: true });
    for (let f = 0; f < 3; f++) {
      await publishText(join(folder, name, f + ".txt"), (name + f).repeat(1000));
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    return {};
  },
}));
const report = (event) => {
  const point = event.stage + ":" + event.status;
  if (killAt === point) process.kill(process.pid, "SIGKILL");
};
await executePlan(stages, { folder, commands: { rerun: "", elsewhere: "" } }, { report, signal: new AbortController().signal });
process.stdout.write("finished");
`;

describe("kill -9", () => {
  let built: string;
  let script: string;
  let reference: Record<string, string>;

  const child = (killAt = ""): ChildProcess =>
    spawn(process.execPath, [script, built, folder, killAt], { stdio: ["ignore", "pipe", "pipe"] });
  const ended = (process: ChildProcess) =>
    new Promise<string>((resolve) => process.on("exit", (code, signal) => resolve(signal ?? String(code))));

  beforeAll(async () => {
    built = buildForChildren("execute");
    const own = await mkdtemp(join(tmpdir(), "heartcut-child-"));
    script = join(own, "child.mjs");
    await writeFile(script, CHILD);
  });

  beforeEach(async () => {
    if (reference !== undefined) return;
    expect(await ended(child())).toBe("0");
    reference = await artefacts();
    expect(Object.keys(reference)).toHaveLength(15 + 5 + 1);
    await rm(folder, { recursive: true });
    await mkdir(folder);
  });

  it("at every border between stages loses nothing", async () => {
    for (const name of ["a", "b", "c/one", "c/two", "d"]) {
      for (const status of ["start", "done"]) {
        expect(await ended(child(`${name}:${status}`))).toBe("SIGKILL");
        expect(await ended(child())).toBe("0");
        expect(await artefacts()).toEqual(reference);
        await rm(folder, { recursive: true });
        await mkdir(folder);
      }
    }
  });

  it("at random moments, again and again, ends with the same bytes", async () => {
    let kills = 0;
    for (let round = 0; round < 4; round++) {
      for (;;) {
        const running = child();
        const timer = setTimeout(() => running.kill("SIGKILL"), 120 + ((kills * 37 + round * 53) % 200));
        const end = await ended(running);
        clearTimeout(timer);
        if (end === "0") break;
        expect(end).toBe("SIGKILL");
        kills++;
      }
      expect(await artefacts()).toEqual(reference);
      await rm(folder, { recursive: true });
      await mkdir(folder);
    }
    expect(kills).toBeGreaterThan(4);
  });
});
