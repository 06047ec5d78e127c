import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { HeartcutError } from "../../src/errors.ts";
import { openManifest } from "../../src/formats/manifest.ts";
import { publishFile, publishJson, publishText, sha256File } from "../../src/formats/publish.ts";
import { publishFolder } from "../../src/formats/publish_folder.ts";
import { type FaultKind, faultSweep, temporaryFolder } from "./faults.ts";

const KINDS: FaultKind[] = ["ENOSPC", "EIO", "EACCES", "EMFILE", "SHORT"];
const CODES: Record<FaultKind, string> = {
  ENOSPC: "HC1001",
  EACCES: "HC1002",
  EIO: "HC1003",
  EMFILE: "HC1005",
  SHORT: "none",
};
const sha256 = (bytes: Uint8Array | string) => createHash("sha256").update(bytes).digest("hex");

describe("publishFile", () => {
  test("writes small and large pieces in order and tells size and hash", async () => {
    const path = join(temporaryFolder(), "new", "folder", "data.bin");
    const pieces = [1, 3, 300_000, 7, 17 * 2 ** 20 + 5, 0, 262_144, 1].map((length, i) =>
      new Uint8Array(length).fill(i + 1),
    );
    const scratch = new Uint8Array(300_000);
    const result = await publishFile(path, async (sink) => {
      for (const piece of pieces) {
        if (piece.length > scratch.length) await sink.write(piece);
        else {
          // The caller may reuse its buffer as soon as write() resolves.
          scratch.set(piece);
          await sink.write(scratch.subarray(0, piece.length));
          scratch.fill(255);
        }
      }
    });
    const whole = Buffer.concat(pieces);
    expect(result).toEqual({ bytes: whole.length, sha256: sha256(whole) });
    expect(readFileSync(path).equals(whole)).toBe(true);
    expect(await sha256File(path)).toEqual(result);
    expect(readdirSync(join(path, ".."))).toEqual(["data.bin"]);
  });

  test("an error of the writer leaves the earlier file and no part file", async () => {
    const folder = temporaryFolder();
    const path = join(folder, "a.txt");
    await publishText(path, "earlier");
    const failure = publishFile(path, async (sink) => {
      await sink.write(new Uint8Array(1_000_000));
      throw new Error("own");
    });
    await expect(failure).rejects.toThrow("own");
    expect(readFileSync(path, "utf8")).toBe("earlier");
    expect(readdirSync(folder)).toEqual(["a.txt"]);
  });

  test("replaces what a killed attempt left under the part name, be it a file, a link or a folder", async () => {
    const folder = temporaryFolder();
    const victim = join(folder, "victim");
    writeFileSync(victim, "untouched");
    mkdirSync(join(folder, ".a.txt.part"));
    writeFileSync(join(folder, ".a.txt.part", "x"), "left over");
    await publishText(join(folder, "a.txt"), "new");
    symlinkSync("victim", join(folder, ".a.txt.part"));
    await publishText(join(folder, "a.txt"), "newer");
    writeFileSync(join(folder, ".a.txt.part"), "left over");
    await publishText(join(folder, "a.txt"), "newest");
    expect(readFileSync(join(folder, "a.txt"), "utf8")).toBe("newest");
    expect(readFileSync(victim, "utf8")).toBe("untouched");
    expect(readdirSync(folder).sort()).toEqual(["a.txt", "victim"]);
  });

  test("JSON keeps the order of keys and ends in a newline", async () => {
    const path = join(temporaryFolder(), "a.json");
    await publishJson(path, { b: 1, a: [1, 2] });
    expect(readFileSync(path, "utf8")).toBe('{\n  "b": 1,\n  "a": [\n    1,\n    2\n  ]\n}\n');
  });

  test.each(KINDS)(
    "with %s at any operation the name shows the earlier or the whole new file, and the next attempt works",
    async (kind) => {
      const content = Buffer.alloc(700_000, "new content ");
      const faults = await faultSweep(kind, async (fileSystem) => {
        const folder = temporaryFolder();
        const path = join(folder, "sub", "a.bin");
        await publishText(path, "earlier");
        const attempt = publishFile(
          path,
          async (sink) => {
            await sink.write(content.subarray(0, 100));
            await sink.write(content.subarray(100));
          },
          { fileSystem },
        );
        const error = await attempt.then(
          () => undefined,
          (reason: unknown) => reason,
        );
        const now = readFileSync(path);
        expect(now.equals(content) || now.toString() === "earlier").toBe(true);
        if (error === undefined) expect(now.equals(content)).toBe(true);
        else {
          expect(error).toBeInstanceOf(HeartcutError);
          expect((error as HeartcutError).code).toBe(CODES[kind]);
          expect((error as HeartcutError).fault.where).toContain(path);
        }
        await publishFile(path, (sink) => sink.write(content));
        expect(readdirSync(join(folder, "sub"))).toEqual(["a.bin"]);
      });
      // mkdir, rm, open, two writes, sync, close, rename, folder open, sync, close
      expect(faults).toBe(11);
    },
  );
});

describe("publishFolder", () => {
  const fill = (text: string) => async (staging: string) => {
    await publishText(join(staging, "config.json"), text);
    writeFileSync(join(staging, "loose.txt"), `${text} loose`);
    await publishText(join(staging, "deep", "weights.bin"), `${text} weights`);
  };
  const whole = (path: string, text: string) =>
    readFileSync(join(path, "config.json"), "utf8") === text &&
    readFileSync(join(path, "deep", "weights.bin"), "utf8") === `${text} weights`;

  test("holds every file, at any depth, with a manifest that vouches for it", async () => {
    const folder = temporaryFolder();
    const path = join(folder, "step-1");
    const result = await publishFolder(path, fill("one"), { fingerprint: "f" });
    expect(readdirSync(folder)).toEqual(["step-1"]);
    const manifest = await openManifest(path);
    expect(manifest.entries().map(({ name, fingerprint }) => [name, fingerprint])).toEqual([
      ["config.json", "f"],
      ["deep/weights.bin", "f"],
      ["loose.txt", "f"],
    ]);
    expect(result.bytes).toBe(3 + 11 + 9);
    expect(result.sha256).toBe((await sha256File(join(path, "manifest.jsonl"))).sha256);
    const outer = await openManifest(folder);
    await outer.commit({ name: "step-1", ...result, fingerprint: "g" });
    expect(await outer.isIntact("step-1", { deep: true })).toBe(true);
    writeFileSync(join(path, "loose.txt"), "one LOOSE");
    expect(await outer.isIntact("step-1")).toBe(true);
    expect(await outer.isIntact("step-1", { deep: true })).toBe(false);
  });

  test("brings back the earlier folder after a crash between the two renames", async () => {
    const folder = temporaryFolder();
    await publishFolder(join(folder, ".step-1.old"), fill("earlier"));
    await expect(
      publishFolder(join(folder, "step-1"), async () => {
        throw new Error("own");
      }),
    ).rejects.toThrow("own");
    expect(whole(join(folder, "step-1"), "earlier")).toBe(true);
    expect(readdirSync(folder)).toEqual(["step-1"]);
  });

  test.each(["ENOSPC", "SHORT"] as const)(
    "with %s at any operation there is the earlier or the whole new folder, and the next attempt works",
    async (kind) => {
      let unfinished = 0;
      const faults = await faultSweep(kind, async (fileSystem) => {
        const folder = temporaryFolder();
        const path = join(folder, "step-1");
        mkdirSync(join(path, "deep"), { recursive: true });
        writeFileSync(join(path, "config.json"), "earlier");
        writeFileSync(join(path, "deep", "weights.bin"), "earlier weights");
        const error = await publishFolder(path, fill("new"), { fileSystem }).then(
          () => undefined,
          (reason: unknown) => reason,
        );
        if (error !== undefined) {
          unfinished++;
          expect(error).toBeInstanceOf(HeartcutError);
          expect((error as HeartcutError).code).toBe(CODES[kind]);
        }
        expect(existsSync(path)).toBe(true);
        expect(whole(path, "earlier") || whole(path, "new")).toBe(true);
        if (error === undefined) expect(whole(path, "new")).toBe(true);
        await publishFolder(path, fill("again"));
        expect(whole(path, "again")).toBe(true);
        expect(readdirSync(folder)).toEqual(["step-1"]);
      });
      expect(faults).toBeGreaterThan(40);
      expect(unfinished).toBe(kind === "SHORT" ? 0 : faults);
    },
  );
});
