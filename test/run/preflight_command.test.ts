import { spawnSync } from "node:child_process";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { buildForChildren } from "./built.ts";

let main: string;
let folder: string;

beforeAll(async () => {
  main = join(buildForChildren("preflight"), "cli/main.js");
  folder = await mkdtemp(join(tmpdir(), "heartcut-check-command-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

function check(...words: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, "check", ...words], {
    cwd: folder,
    encoding: "utf8",
  });
  return { status, stdout, stderr };
}

const MODEL = "{ model_type: gpt2, n_embd: 16, n_layer: 1, n_head: 2, n_positions: 32 }";
const RECIPE = `name: small
device: cpu
corpus: { demo: { megabytes: 1 } }
tokenizer: { train: { vocabSize: 300 } }
pack: { length: 32 }
teacher: { train: { model: ${MODEL}, tokens: 5000 } }
reference: { train: { model: ${MODEL}, tokens: 5000 } }
select: { half: { method: difference } }
students: [{ name: half, selection: half, train: { model: ${MODEL}, tokens: 5000 } }]
`;

it("ends with 0, 1 or 2, and writes nothing", async () => {
  await writeFile(join(folder, "r.yaml"), RECIPE);
  const ready = check("r.yaml");
  expect(ready.stderr).toBe("");
  expect(ready.status).toBe(0);
  expect(ready.stdout).toMatch(/^ok {4}models/);
  expect(ready.stdout).toContain("small: 0 errors, 0 warnings; ready to run");

  const failing = check("r.yaml", "--set", "pack.length=64", "--format", "json");
  expect(failing.status).toBe(1);
  const { ok, findings } = JSON.parse(failing.stdout) as { ok: boolean; findings: { level: string; code?: string }[] };
  expect(ok).toBe(false);
  expect(findings.filter(({ level }) => level === "error").map(({ code }) => code)).toEqual([
    "HC4010",
    "HC4010",
    "HC4010",
  ]);

  expect(check("r.yaml", "--set", "students.0.selection=halff").status).toBe(2);
  expect(await readdir(folder)).toEqual(["r.yaml"]);
});
