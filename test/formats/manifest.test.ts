import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { HeartcutError } from "../../src/errors.ts";
import { type ManifestEntry, openManifest } from "../../src/formats/manifest.ts";
import { publishText } from "../../src/formats/publish.ts";
import { faultSweep, temporaryFolder } from "./faults.ts";

const entry = (name: string, extra: Partial<ManifestEntry> = {}): ManifestEntry => ({
  name,
  bytes: 3,
  sha256: "0".repeat(64),
  fingerprint: "f",
  ...extra,
});

test("the last line for a name wins, order is that of the first commit, extras are kept", async () => {
  const folder = temporaryFolder();
  const manifest = await openManifest(folder);
  expect(manifest.entries()).toEqual([]);
  await Promise.all([
    manifest.commit(entry("a")),
    manifest.commit(entry("b", { rows: 7, stage: "score", model: "m", share: 0.5 })),
    manifest.commit(entry("a", { bytes: 9 })),
  ]);
  const again = await openManifest(folder);
  expect(again.entries()).toEqual([
    entry("a", { bytes: 9 }),
    entry("b", { rows: 7, stage: "score", model: "m", share: 0.5 }),
  ]);
  expect(again.get("c")).toBeUndefined();
  expect(readFileSync(join(folder, "manifest.jsonl"), "utf8").split("\n")).toHaveLength(4);
});

test("torn anywhere, it gives the whole lines before and takes the next commit", async () => {
  const folder = temporaryFolder();
  const path = join(folder, "manifest.jsonl");
  const manifest = await openManifest(folder);
  for (const name of ["a", "ü/b", "c"]) await manifest.commit(entry(name));
  const whole = readFileSync(path);
  for (let length = 0; length <= whole.length; length++) {
    writeFileSync(path, whole.subarray(0, length));
    const torn = await openManifest(folder);
    const lines = whole.subarray(0, length).toString("latin1").split("\n").length - 1;
    expect(torn.entries().map(({ name }) => name)).toEqual(["a", "ü/b", "c"].slice(0, lines));
    await torn.commit(entry("next"));
    expect((await openManifest(folder)).entries().map(({ name }) => name)).toEqual([
      ...["a", "ü/b", "c"].slice(0, lines),
      "next",
    ]);
  }
});

test("a last line of garbage is dropped, garbage before whole lines is refused by line", async () => {
  const folder = temporaryFolder();
  const path = join(folder, "manifest.jsonl");
  const line = `${JSON.stringify(entry("a"))}\n`;
  writeFileSync(path, `${line}\0\0\0\0\n`);
  expect((await openManifest(folder)).entries()).toEqual([entry("a")]);
  writeFileSync(path, `${line}{"name":"b"}\n${line}`);
  await expect(openManifest(folder)).rejects.toMatchObject({ code: "HC1008", fault: { where: `${path}:2` } });
  await expect(openManifest(folder, { limits: { manifestBytes: 10 } })).rejects.toMatchObject({ code: "HC1006" });
});

test("random bytes never give anything but entries or HC1008", async () => {
  const folder = temporaryFolder();
  const whole = Buffer.from([entry("a"), entry("b")].map((e) => `${JSON.stringify(e)}\n`).join(""));
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 }),
      async (changes) => {
        const bytes = Buffer.from(whole);
        for (const [at, value] of changes) bytes[at] = value;
        writeFileSync(join(folder, "manifest.jsonl"), bytes);
        const outcome = await openManifest(folder).catch((error: unknown) => error);
        if (outcome instanceof Error) expect(outcome).toMatchObject({ name: "HeartcutError", code: "HC1008" });
      },
    ),
    { numRuns: 300 },
  );
});

test("isIntact sees missing, resized and, when deep, changed files", async () => {
  const folder = temporaryFolder();
  const manifest = await openManifest(folder);
  const published = await publishText(join(folder, "sub", "a.txt"), "hello");
  expect(await manifest.isIntact("sub/a.txt")).toBe(false);
  await manifest.commit({ name: "sub/a.txt", ...published, fingerprint: "" });
  expect(await manifest.isIntact("sub/a.txt", { deep: true })).toBe(true);
  writeFileSync(join(folder, "sub", "a.txt"), "hellO");
  expect(await manifest.isIntact("sub/a.txt")).toBe(true);
  expect(await manifest.isIntact("sub/a.txt", { deep: true })).toBe(false);
  writeFileSync(join(folder, "sub", "a.txt"), "hell");
  expect(await manifest.isIntact("sub/a.txt")).toBe(false);
  await manifest.commit(entry("gone"));
  expect(await manifest.isIntact("gone")).toBe(false);
  await manifest.commit(entry("../outside"));
  await expect(manifest.isIntact("../outside")).rejects.toMatchObject({ code: "HC1007" });
});

test("refuses to commit what it could not read back", async () => {
  const manifest = await openManifest(temporaryFolder());
  await expect(manifest.commit(entry("a", { bytes: -1 }))).rejects.toThrow("internal:");
  await expect(manifest.commit(entry("a", { sha256: "x" }))).rejects.toThrow("internal:");
  await manifest.commit(entry("a"));
  expect(manifest.entries()).toEqual([entry("a")]);
});

test.each(["ENOSPC", "EIO", "SHORT"] as const)(
  "with %s at any operation of a commit the earlier lines hold and the commit can be repeated",
  async (kind) => {
    const faults = await faultSweep(kind, async (fileSystem) => {
      const folder = temporaryFolder();
      await (await openManifest(folder)).commit(entry("earlier"));
      const error = await openManifest(folder, { fileSystem })
        .then(async (manifest) => {
          await manifest.commit(entry("new")).catch(async (reason: unknown) => {
            // The disk has room again: the same manifest object goes on.
            await manifest.commit(entry("new"));
            throw reason;
          });
        })
        .then(
          () => undefined,
          (reason: unknown) => reason,
        );
      if (error !== undefined) expect(error).toBeInstanceOf(HeartcutError);
      const names = (await openManifest(folder)).entries().map(({ name }) => name);
      expect(names[0]).toBe("earlier");
      if (error === undefined) expect(names).toEqual(["earlier", "new"]);
    });
    expect(faults).toBeGreaterThan(6);
  },
);
