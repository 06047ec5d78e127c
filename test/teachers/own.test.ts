import { afterAll, beforeAll, expect, it } from "vitest";
import { openTeacher } from "../../src/teachers/open.ts";
import { teacherContract } from "./contract.ts";
import { Truth } from "./truth.ts";

let truth: Truth;
beforeAll(async () => {
  truth = await Truth.open();
});
afterAll(() => truth.model.dispose());

teacherContract(
  "own graphs",
  () => openTeacher({ path: truth.folder }, { batchTokens: 96 }),
  () => truth,
);

it("counts FLOPs and knows the context of its config", async () => {
  const teacher = await openTeacher({ path: truth.folder });
  expect(teacher.maxTokens).toBe(513);
  expect(teacher.flopsPerToken?.(64)).toBe(truth.model.flopsPerToken(64));
  await teacher.dispose();
});

it("refuses a spec with no key, two keys, an unknown key, and secrets in an address", async () => {
  const wrong = [
    [{}, "none"],
    [{ path: "a", gguf: "b" }, "path and gguf"],
    [{ path: "a", batch: 3 }, "teacher"],
    [{ endpoint: { url: "http://me:hunter2@host" } }, "teacher.endpoint.url"],
    [{ endpoint: { url: "http://host/?key=hunter2" } }, "teacher.endpoint.url"],
    [{ endpoint: { url: "http://host", concurrency: 0 } }, "teacher.endpoint.concurrency"],
  ] as const;
  for (const [spec, named] of wrong) {
    const error = await openTeacher(spec as never).catch((e: Error) => e.message);
    expect(error).toMatch(/^HC3301/);
    expect(error).toContain(named);
    expect(error).not.toContain("hunter2");
  }
});
