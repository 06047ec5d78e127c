import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { expect, it } from "vitest";

const root = resolve(import.meta.dirname, "../src");

/** What each folder may import, itself aside. Stages see earlier stages through their records only. */
const ENGINE = ["graph", "runtime", "formats", "tokenizers", "models"];
const ALLOWED: Record<string, string[]> = {
  graph: [],
  runtime: ["graph"],
  formats: [],
  tokenizers: ["formats"],
  models: ["graph", "runtime", "formats"],
  distill: ["graph", "formats"],
  teachers: [...ENGINE, "distill"],
  hub: ["formats"],
  demo: ["formats"],
  corpus: ["formats", "tokenizers", "models"],
  score: ENGINE,
  select: ["formats", "tokenizers"],
  tasks: ["formats"],
  attribute: ENGINE,
  rationale: ["formats", "tokenizers"],
  capture: [...ENGINE, "distill", "teachers"],
  train: [...ENGINE, "distill"],
  evaluate: ["formats", "tokenizers", "models"],
  analyze: ["formats", "tokenizers", "models"],
  report: ["formats"],
  conformance: ["*"],
  bench: ["*"],
  run: ["*"],
  cli: ["*"],
};
const STAGES = [
  "corpus",
  "score",
  "select",
  "tasks",
  "attribute",
  "rationale",
  "capture",
  "train",
  "evaluate",
  "analyze",
  "report",
];
/** Endings of the modules in which a stage keeps its records on disk: types, and reading and writing them. */
const RECORDS = ["record.ts", "instances.ts", "files.ts"];
const DOORS = ["conformance", "bench", "run", "cli"];

function* sources(folder: string): Generator<string> {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* sources(path);
    else if (path.endsWith(".ts")) yield path;
  }
}

function importsOf(path: string): string[] {
  const text = readFileSync(path, "utf8");
  return [...text.matchAll(/(?:from|import\()\s*"([^"]+)"/g)].map((match) => match[1]!);
}

it("imports go one way: graph <- runtime, models <- stages <- run <- doors", () => {
  const faults: string[] = [];
  for (const path of sources(root)) {
    const from = relative(root, path).replaceAll("\\", "/");
    const folder = from.includes("/") ? from.split("/")[0]! : "";
    for (const name of importsOf(path)) {
      if (name.startsWith("onnxruntime") && folder !== "runtime") faults.push(`${from}: ${name} belongs to runtime/`);
      if (!name.startsWith(".")) continue;
      const target = relative(root, resolve(dirname(path), name)).replaceAll("\\", "/");
      const to = target.includes("/") ? target.split("/")[0]! : "";
      if (to === "" || to === folder || folder === "") continue;
      const allowed = ALLOWED[folder];
      if (allowed === undefined) faults.push(`${from}: folder ${folder} has no import rule`);
      else if (allowed.includes("*")) {
        if (DOORS.indexOf(to) > DOORS.indexOf(folder) && folder === "run") faults.push(`${from} imports ${target}`);
      } else if (STAGES.includes(folder) && STAGES.includes(to)) {
        const earlier = STAGES.indexOf(to) < STAGES.indexOf(folder);
        if (!earlier || !RECORDS.some((name) => target.endsWith(name))) faults.push(`${from} imports ${target}`);
      } else if (!allowed.includes(to) && !target.endsWith("record.ts")) faults.push(`${from} imports ${target}`);
    }
  }
  expect(faults).toEqual([]);
});
