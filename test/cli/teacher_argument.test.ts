import { expect, it } from "vitest";
import { localTeacher } from "../../src/cli/teacher_argument.ts";
import { quietContext } from "../../src/progress.ts";

it("does not repeat the password of a server's address", async () => {
  const context = { ...quietContext(), offline: true } as never;
  const failed: unknown = await localTeacher({ model: "http://me:hush@gpu-7:8000" }, "capture", context).catch(
    (error: unknown) => error,
  );
  expect(failed).toMatchObject({ code: "HC4212", fault: { where: "heartcut capture http://…@gpu-7:8000" } });
  expect(String(failed)).not.toContain("hush");
});
