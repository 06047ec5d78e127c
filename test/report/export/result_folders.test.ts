import { mkdir, mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { lineupOf, modelResults, namedFolders } from "../../../src/cli/export/result_folders.ts";

const root = await mkdtemp(join(tmpdir(), "heartcut-results-"));
const made = async (...folders: string[]) => {
  for (const folder of folders) {
    await mkdir(join(root, folder), { recursive: true });
    await writeFile(join(root, folder, "results_1.json"), "{}");
  }
};
const found = async (...texts: string[]) => {
  const results = await modelResults(await namedFolders(texts));
  return results?.map(({ name, folder }) => [name, folder.slice(root.length + 1)]);
};

test("what evaluate wrote holds a model in each folder; names are given with NAME=FOLDER", async () => {
  await made("r1/a", "r1/b", "r5/a", "x=y/c");
  const at = (folder: string) => join(root, folder);
  expect(await found(at("r1"))).toEqual([
    ["a", "r1/a"],
    ["b", "r1/b"],
  ]);
  expect(await found(at("r1/a"))).toEqual([["a", "r1/a"]]);
  expect(await found(`one=${at("r5")}`, `many=${at("r1")}`)).toEqual([
    ["one", "r5/a"],
    ["many/a", "r1/a"],
    ["many/b", "r1/b"],
  ]);
  // A folder that has = in its own name.
  expect(await found(at("x=y"))).toEqual([["c", "x=y/c"]]);
  await expect(found(at("r1/a"), at("r5/a"))).rejects.toThrow(/HC5064[\s\S]*NAME=FOLDER/);
  await expect(found(at("r1"), at("r5"))).rejects.toThrow(/HC5064[\s\S]*r1\/a[\s\S]*r5\/a/);
  expect(await found(at("r1/a"), `five=${at("r5/a")}`)).toEqual([
    ["a", "r1/a"],
    ["five", "r5/a"],
  ]);
  for (const text of [`=${at("r1")}`, `a/b=${at("r1")}`, `..=${at("r1")}`])
    await expect(found(text)).rejects.toThrow("HC5067");
});

test("a run is a run, whatever results lie below it", async () => {
  await made("run/tasks");
  await writeFile(join(root, "run/run.json"), "{}");
  expect(await found(join(root, "run"))).toBeUndefined();
  await expect(found(join(root, "run"), join(root, "run/tasks"))).rejects.toThrow("HC5066");
});

test("folders NAME-seedN are one student's seeds where there are several; others stand beside", () => {
  const model = (name: string) => ({ name, tasks: { model: name, tasks: [] } });
  const names = (...models: string[]) => {
    const { students, others } = lineupOf(models.map(model));
    return [students.map(({ name, seed }) => `${name} ${seed}`), others?.map((one) => one.model)];
  };
  expect(names("new-seed1", "new-seed2", "base-seed1", "teacher")).toEqual([["new 1", "new 2", "base 1"], ["teacher"]]);
  expect(names("new-seed1", "base-seed1", "teacher")).toEqual([
    ["new-seed1 0", "base-seed1 0", "teacher 0"],
    undefined,
  ]);
});
