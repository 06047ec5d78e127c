import { linkSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { inputInsideRoot, insideRoot } from "../../src/formats/paths.ts";
import { temporaryFolder } from "./faults.ts";

const REFUSED = [
  "",
  ".",
  "..",
  "...",
  "/",
  "/etc/passwd",
  "//etc/passwd",
  "../x",
  "a/../x",
  "a/..",
  "a/./b",
  "a//b",
  "a/",
  "./a",
  "~",
  "~/x",
  "..\\x",
  "a\\b",
  "\\\\server\\share",
  "C:\\x",
  "C:x",
  "c:/x",
  "file:///etc/passwd",
  "a:stream",
  "a\0b",
  "a\nb",
  "a\u001b[2J",
  "a\u0085b",
  "a\u2028b",
  ". .",
  ".. /x",
  "../ x",
  "a /b",
  "a./b",
  "a. ",
  "．．/x",
  "‥/x",
  "a／b",
  "a＼b",
  "x：y",
  "CON",
  "con.txt",
  "NUL",
  "nul.safetensors",
  "sub/aux",
  "COM1",
  "com9.bin",
  "LPT1.idx",
  "prn/a",
  "COM¹",
  "CONIN$",
  "\ud800",
  "a/\udfff",
  "%2e%2e/".replaceAll("%2e", "."),
  "x".repeat(1025),
  "..;/x/../..",
  "a/b/../../../c",
  "\t",
  "a\u007f",
  " ",
  "a/ /b",
];

test.each(REFUSED)("refuses %j", (name) => {
  const root = temporaryFolder();
  expect(() => insideRoot(root, name)).toThrow(expect.objectContaining({ code: "HC1007" }));
  expect(() => inputInsideRoot(root, name)).toThrow(expect.objectContaining({ code: "HC1007" }));
});

test.each([
  "a",
  "model-00001-of-00002.safetensors",
  "sub/part-00000.parquet",
  "ä/ö",
  "..a",
  "a..b",
  ".hidden",
  "comet",
  "auxiliary.txt",
  "日本/語",
  "a b/c",
  "%2e%2e/x",
])("takes %j", (name) => {
  const root = temporaryFolder();
  expect(insideRoot(root, name)).toBe(join(root, name));
});

test("whatever the name, the path stays below the root", () => {
  const root = temporaryFolder();
  const part = fc.oneof(
    fc.constantFrom("..", ".", "", "~", "a", "b\\..", "．．", "‥", "/", "C:"),
    fc.string({ unit: "binary", maxLength: 4 }),
  );
  fc.assert(
    fc.property(fc.array(part, { maxLength: 5 }), (parts) => {
      let path: string;
      try {
        path = insideRoot(root, parts.join("/"));
      } catch (error) {
        expect(error).toMatchObject({ code: "HC1007" });
        return;
      }
      expect(path.startsWith(`${root}/`)).toBe(true);
      expect(path.split("/")).not.toContain("..");
    }),
    { numRuns: 500 },
  );
});

test("combining forms come out in NFC", () => {
  const root = temporaryFolder();
  expect(insideRoot(root, "a\u0308")).toBe(join(root, "\u00e4"));
});

test("links that lead out are refused, links within and the blobs of the hub cache are read", () => {
  const cache = join(temporaryFolder(), "models--owner--name");
  const root = join(cache, "snapshots", "abc");
  mkdirSync(root, { recursive: true });
  mkdirSync(join(cache, "blobs"));
  mkdirSync(join(cache, "other"));
  writeFileSync(join(cache, "blobs", "1"), "x");
  writeFileSync(join(cache, "other", "secret"), "x");
  writeFileSync(join(root, "plain"), "x");
  symlinkSync(join(cache, "other"), join(root, "folder"));
  symlinkSync(join(cache, "other", "secret"), join(root, "link"));
  symlinkSync("../../blobs/1", join(root, "blob"));
  symlinkSync("plain", join(root, "within"));
  symlinkSync("nowhere", join(root, "dangling"));
  linkSync(join(cache, "other", "secret"), join(root, "hard"));
  expect(() => insideRoot(root, "folder/new")).toThrow("leads out");
  for (const name of ["link", "folder/secret"]) expect(() => inputInsideRoot(root, name)).toThrow("leads out");
  expect(() => inputInsideRoot(root, "hard")).toThrow("hard link");
  for (const name of ["dangling", "missing"])
    expect(() => inputInsideRoot(root, name)).toThrow(expect.objectContaining({ code: "HC1004" }));
  for (const name of ["plain", "blob", "within"]) expect(inputInsideRoot(root, name)).toBe(join(root, name));
  mkdirSync(join(root, "sub"));
  expect(() => inputInsideRoot(root, "sub")).toThrow("regular");
});

test("of the hub cache, folders in a snapshot are read, and the store that its repositories share", () => {
  const cache = temporaryFolder();
  const hash = "5f".repeat(32);
  mkdirSync(join(cache, "blobs", "5f"), { recursive: true });
  writeFileSync(join(cache, "blobs", "5f", hash), "x");
  writeFileSync(join(cache, "token"), "secret");
  const links = { "shard.safetensors": `blobs/${hash}`, token: "../token", loop: "blobs/loop" };
  for (const repository of ["models--owner--name", "datasets--owner--data", "elsewhere"]) {
    mkdirSync(join(cache, repository, "blobs"), { recursive: true });
    // huggingface_hub 2.4 links the blobs of a repository on to the shared store.
    symlinkSync(`../../blobs/5f/${hash}`, join(cache, repository, "blobs", hash));
    symlinkSync("loop", join(cache, repository, "blobs", "loop"));
    for (const [folder, up] of [
      ["snapshots/abc", "../.."],
      ["snapshots/abc/onnx", "../../.."],
      ["snapshots/abc/snapshots/sub", "../../../.."],
    ] as const) {
      const root = join(cache, repository, folder);
      mkdirSync(root, { recursive: true });
      for (const [name, target] of Object.entries(links)) symlinkSync(`${up}/${target}`, join(root, name));
      if (repository === "elsewhere") expect(() => inputInsideRoot(root, "shard.safetensors")).toThrow("leads out");
      else expect(inputInsideRoot(root, "shard.safetensors")).toBe(join(root, "shard.safetensors"));
      expect(() => inputInsideRoot(root, "token")).toThrow("leads out");
      expect(() => inputInsideRoot(root, "loop")).toThrow(/HC10/);
    }
  }
});
