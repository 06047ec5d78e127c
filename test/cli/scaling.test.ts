import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command } from "commander";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { define, execute, type ScalingOptions } from "../../src/cli/commands/scaling.ts";
import type { ScalingEvaluation } from "../../src/evaluate/scaling/record.ts";
import { quietContext } from "../../src/progress.ts";
import { curve, lossAt, metrics } from "../evaluate/scaling/curves.ts";
import { finishedRun } from "../report/fixture.ts";
import { writeRunFolder } from "../report/run_folder.ts";

const RAW = { A: 2.19e7, a: 0.41, E: 3.3 };
const BETTER = { A: 8.56e10, a: 0.59, E: 3.25 };

let folder = "";
const at = (name: string) => join(folder, name);

async function student(path: string, law: typeof RAW, seed: number): Promise<void> {
  await mkdir(at(path), { recursive: true });
  const lines = metrics(curve(law, 6e19, { seed, shift: 0.001, points: 30 }));
  // As a killed training leaves it: the last line is torn.
  await writeFile(at(`${path}/metrics.jsonl`), `${lines.map((line) => JSON.stringify(line)).join("\n")}\n{"type":"ev`);
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "heartcut-scaling-"));
  for (const seed of [1, 2]) {
    await student(`run/students/raw-seed${seed}`, RAW, seed);
    await student(`run/students/better-seed${seed}`, BETTER, seed);
  }
  const rows = Array.from({ length: 12 }, (_, i) => 1e18 * 1.5 ** i).map((flops) => `${flops},${lossAt(RAW, flops)}`);
  await writeFile(at("points.csv"), `flops,loss\n${rows.join("\n")}\n`);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Runs the command as it is written on the command line. */
async function scaling(...given: string[]): Promise<{ text: string; data: ScalingEvaluation }> {
  let options: ScalingOptions | undefined;
  const program = new Command().exitOverride().configureOutput({ writeErr: () => {} });
  define(program, async (_, parsed) => {
    options = parsed as ScalingOptions;
  });
  await program.parseAsync(["scaling", ...given], { from: "user" });
  const { text, data } = await execute(options!, quietContext() as never);
  return { text, data: data as ScalingEvaluation };
}

describe("heartcut scaling", () => {
  it("fits a CSV and extrapolates", async () => {
    const { text, data } = await scaling(at("points.csv"), "--at", "1e21,1.26e21", "--bootstrap", "20");
    expect(data.fits[0]).toMatchObject({ student: "points", set: "loss" });
    expect(data.fits[0]!.extrapolations[1]!.loss).toBeCloseTo(3.349, 3);
    expect(text).toMatch(/points on loss: L\(C\) = A \/ C\^a \+ E, 12 trainings/);
    expect(text).toMatch(/ {2}a {2}0\.41 {2}\[0\.41, 0\.41\]/);
    expect(text).toMatch(/loss at 1\.26e21 FLOPs \(15 times the largest measured\) {2}3\.3489/);
  });

  it("compares two students over seeds, and writes result and plot", async () => {
    const inputs = ["raw-seed1", "raw-seed2", "better-seed1"].map((name) => at(`run/students/${name}`));
    const last = at("run/students/better-seed2/metrics.jsonl");
    const more = ["--bootstrap", "20", "-o", at("out.json"), "--svg", at("out.svg")];
    const { text, data } = await scaling(...inputs, last, ...more);
    expect(data.fits.map(({ student: name, set, fit }) => [name, set, fit.curves])).toEqual([
      ["raw", "pool", 2],
      ["better", "pool", 2],
    ]);
    expect(text).toMatch(/better reaches raw's final loss of \d\.\d{3} on pool with \d+(\.\d)? % less compute/);
    expect(text).toMatch(/by fits (better has raw's loss of .* less compute|no saving of better over raw can be told)/);
    expect(JSON.parse(await readFile(at("out.json"), "utf8"))).toEqual(JSON.parse(JSON.stringify(data)));
    expect(await readFile(at("out.svg"), "utf8")).toMatch(
      /^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg"[\s\S]*<\/svg>\n$/,
    );
  });

  it("tells no saving where it can not", async () => {
    const { text } = await scaling(at("run/students/raw-seed1"), at("points.csv"), "--bootstrap", "0");
    expect(text).toContain("raw and points: not compared, they were measured on no common set");
    const flat = { ...RAW, E: RAW.E + 1e-5 };
    const rows = [RAW, flat].flatMap((law, i) =>
      [1, 2].flatMap((seed) =>
        curve(law, 6e19, { seed: 10 * i + seed, noise: 0.002, points: 24 }).map(
          ({ flops, loss }) => `${["one", "two"][i]},${seed},${flops},${loss}`,
        ),
      ),
    );
    await writeFile(at("both.csv"), `name,group,flops,loss\n${rows.join("\n")}\n`);
    const both = (await scaling(at("both.csv"), "--bootstrap", "40")).text;
    expect(both).toMatch(/by curves (one|two) reaches/);
    expect(both).toMatch(/by fits no saving of \w+ over \w+ can be told at 6\.00e19 FLOPs on loss: .*; warning: /);
    expect(both).toMatch(/by fits one and two on loss at 6\.00e20 FLOPs: not compared, that lies outside/);
    expect(both).not.toContain("times as efficient");
  });

  it("reads every student of a run over its seeds, and compares those that are named", async () => {
    const run = finishedRun();
    await writeRunFolder(run, at("whole"));
    const names = [...new Set(run.students.map(({ name }) => name))];
    const set = run.students[0]!.metrics.find((line) => line.type === "eval")!.set;
    const pair = names.slice(0, 2).join(",");
    const { data } = await scaling(at("whole"), "--set", set, "--from", "0", "--saved", pair, "--bootstrap", "5");
    expect([...data.fits, ...data.skipped].map(({ student: name }) => name)).toEqual(names);
    expect(data.fits[0]!.fit.curves).toBe(run.students.filter(({ name }) => name === names[0]).length);
    expect(data.computeSaved[0]).toMatchObject({ by: "curves", set });
  });

  it.each([
    ["an unknown set", ["run/students/raw-seed1", "--set", "pol"], /HC3557[\s\S]*pool/],
    ["an unknown student", ["points.csv", "--saved", "points,other"], /HC3556[\s\S]*no student other/],
    ["a place of the other law", ["points.csv", "--at", "1e9:1e12"], /HC3559[\s\S]*FLOPs/],
    ["a plot of the other law", ["run/students/raw-seed1", "--law", "size_and_data", "--svg", "x.svg"], /HC3562/],
    [
      "a law without its columns",
      ["points.csv", "--law", "size_and_data"],
      /HC3550[\s\S]*points\.csv:1[\s\S]*--law compute/,
    ],
    [
      "one training twice",
      ["run/students/raw-seed1", "run/students/raw-seed1/metrics.jsonl"],
      /HC3563[\s\S]*raw, seed 1/,
    ],
    ["a folder of something else", ["run"], /HC3560[\s\S]*without run\.json/],
    ["nothing", ["absent"], /HC3560[\s\S]*no such file/],
    ["too little", ["points.csv", "--from", "0.9"], /HC3561[\s\S]*points\.csv[\s\S]*too few points[\s\S]*add rows/],
  ])("refuses %s", async (_, given, expected) => {
    const paths = given.map((word) => (/^(run|points|absent)/.test(word) && !word.includes(",") ? at(word) : word));
    await expect(scaling(...paths)).rejects.toThrow(expected);
  });

  it.each([
    [["--at", "far"], /FLOPs such as 1e21/],
    [["--from", "-1"], /share below 1/],
    [["--saved", "one"], /two names/],
    [["--law", "power"], /choices/],
  ])("says how %j is written", async (given, expected) => {
    await expect(scaling(at("points.csv"), ...given)).rejects.toThrow(expected);
  });
});
