import { linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  describePackageFiles,
  findPackagesRoot,
  listPackageFiles,
  PACKAGE_LIMITS,
  readPackageText,
} from "../../src/demo/package_files.ts";
import { collectPackageTexts } from "../../src/demo/package_texts.ts";
import { quietContext } from "../../src/progress.ts";

const context = quietContext();
const prose = (topic: string) => Array.from({ length: 60 }, (_, i) => `Line ${i} tells about ${topic}.`).join("\n");
let home: string;
let root: string;

function put(name: string, content: string | Uint8Array) {
  const path = join(root, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
}

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "packages-"));
  root = join(home, "node_modules");
  put("good/package.json", JSON.stringify({ name: "good", version: "1.0.0", description: "x".repeat(100) }));
  put("good/README.md", prose("reading"));
  put("good/lib/index.js", prose("code"));
  put("good/lib/index.d.ts", prose("types"));
  put("@scope/inner/package.json", "{}");
  put("@scope/inner/LICENSE", prose("rights"));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

describe("package files", () => {
  it("are found in sorted order and classified", async () => {
    const files = await listPackageFiles(root, context);
    expect(files.map(({ name, kind }) => `${kind} ${name}`)).toEqual([
      "licence @scope/inner/LICENSE",
      "json @scope/inner/package.json",
      "readme good/README.md",
      "typings good/lib/index.d.ts",
      "code good/lib/index.js",
      "json good/package.json",
    ]);
  });
  it("never lie outside: links to files, folders and packages are passed over", async () => {
    const secret = join(home, "secret");
    mkdirSync(secret);
    writeFileSync(join(secret, "package.json"), "{}");
    writeFileSync(join(secret, "README.md"), prose("SECRET"));
    symlinkSync(secret, join(root, "linked-package"));
    symlinkSync(secret, join(root, "good", "linked-folder"));
    symlinkSync(join(secret, "README.md"), join(root, "good", "CHANGELOG.md"));
    symlinkSync(root, join(root, "good", "loop"));
    const texts = await collectPackageTexts(root, 1e6, 1, context);
    expect(texts.length).toBeGreaterThan(3);
    expect(texts.filter(({ text }) => text.includes("SECRET"))).toEqual([]);
    const late = { name: "good/CHANGELOG.md", package: "good", kind: "changelog" } as const;
    expect(await readPackageText(root, late)).toBeUndefined();
  });
  it("of platform packages and folders are left out", async () => {
    put("native-one/package.json", JSON.stringify({ os: ["linux"], cpu: ["x64"] }));
    put("native-one/README.md", prose("natives"));
    put("good/bin/linux-x64/notes.js", prose("natives"));
    put("good/node_modules/other/README.md", prose("nested"));
    put(".cache/README.md", prose("hidden"));
    put("broken/package.json", "{ not json");
    put("broken/README.md", prose("broken"));
    const names = (await listPackageFiles(root, context)).map((file) => file.name);
    expect(names.filter((name) => /native|linux|other|cache|broken/.test(name))).toEqual([]);
  });
  it("of a hostile package are skipped: huge, sparse, binary, bad UTF-8, too deep, too many", async () => {
    put("evil/package.json", "{}");
    put("evil/README.md", "");
    truncateSync(join(root, "evil/README.md"), 1024 ** 3);
    put("evil/bad.js", Uint8Array.from([...Buffer.from(prose("bad")), 0xc3, 0x28]));
    put("evil/nul.js", `${prose("nul")}\u0000`);
    put(`evil/${"deep/".repeat(60)}deep.js`, prose("deep"));
    for (let i = 0; i < 300; i++) put(`evil/many/${i}.txt`, "x");
    const start = performance.now();
    const texts = await collectPackageTexts(root, 1e6, 1, context);
    expect(performance.now() - start).toBeLessThan(5000);
    expect(texts.filter(({ id }) => id.startsWith("evil/"))).toEqual([]);
    expect(texts.some(({ id }) => id.startsWith("good/README.md"))).toBe(true);
    expect(PACKAGE_LIMITS.fileBytes).toBeLessThan(1024 ** 2);
  });
  it("that are the same text appear once", async () => {
    put("twin/package.json", "{}");
    put("twin/README.md", prose("reading"));
    put("twin/lib/index.js", prose("code"));
    linkSync(join(root, "good/README.md"), join(root, "twin/readme.txt"));
    const texts = (await collectPackageTexts(root, 1e6, 1, context)).map(({ text }) => text);
    expect(new Set(texts).size).toBe(texts.length);
  });
  it("that are minified under a plain name count as minified", async () => {
    put("good/dist/bundle.js", `var a=${"1+".repeat(3000)}1;`);
    const texts = await collectPackageTexts(root, 1e6, 1, context);
    expect(texts.filter(({ id }) => id.startsWith("good/dist/bundle.js")).map(({ source }) => source)).toContain(
      "minified",
    );
    expect(texts.filter(({ id, source }) => id.startsWith("good/dist/bundle.js") && source === "code")).toEqual([]);
  });
  it("have one hash, which a new version and a changed size change", async () => {
    const hash = async () => (await describePackageFiles(root, context)).sha256;
    const first = await hash();
    expect(await hash()).toBe(first);
    put("good/package.json", JSON.stringify({ name: "good", version: "1.0.1", description: "x".repeat(100) }));
    const second = await hash();
    expect(second).not.toBe(first);
    put("good/README.md", `${prose("reading")} more`);
    expect(await hash()).not.toBe(second);
  });
  it("of another seed are others, of the same seed the same", async () => {
    for (let i = 0; i < 30; i++) {
      put(`p${i}/package.json`, "{}");
      put(`p${i}/README.md`, prose(`package ${i}`));
    }
    const ids = async (seed: number) => (await collectPackageTexts(root, 20_000, seed, context)).map(({ id }) => id);
    expect(await ids(1)).toEqual(await ids(1));
    expect(await ids(1)).not.toEqual(await ids(2));
  });
});

describe("the packages folder", () => {
  it("is found from where the program runs", async () => {
    expect(await findPackagesRoot()).toBe(join(import.meta.dirname, "..", "..", "node_modules"));
  });
  it("is refused by name where it cannot be read", async () => {
    await expect(listPackageFiles(join(home, "nowhere"), context)).rejects.toMatchObject({ code: "HC6002" });
    writeFileSync(join(home, "file"), "");
    await expect(listPackageFiles(join(home, "file"), context)).rejects.toMatchObject({ code: "HC6002" });
    await expect(findPackagesRoot(join(home, "a", "b.js"))).rejects.toMatchObject({ code: "HC6002" });
  });
});
