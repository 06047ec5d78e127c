import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatReference, resolveSource } from "../../src/hub/reference.ts";

const reference = (text: string) => {
  const source = resolveSource(text);
  if (source.kind !== "hub") throw new Error("not on the hub");
  const { type, name, revision, path } = source;
  return [type, name, revision, path];
};

describe("resolveSource", () => {
  it("reads references", () => {
    expect(reference("hf://EleutherAI/pythia-70m")).toEqual(["model", "EleutherAI/pythia-70m", "main", ""]);
    expect(reference("hf://models/a/b@v1.0/sub")).toEqual(["model", "a/b", "v1.0", "sub"]);
    expect(reference("hf://a/b/model.Q4.gguf")).toEqual(["model", "a/b", "main", "model.Q4.gguf"]);
    expect(reference("hf://datasets/a/b@refs/convert/parquet/x/*.parquet")).toEqual([
      "dataset",
      "a/b",
      "refs/convert/parquet",
      "x/*.parquet",
    ]);
    expect(reference("hf://a/b@refs/pr/7")).toEqual(["model", "a/b", "refs/pr/7", ""]);
    expect(reference("hf://a/b@feature%2Fx/config.json")).toEqual(["model", "a/b", "feature/x", "config.json"]);
  });

  it("takes everything else for a local path", () => {
    for (const path of ["models/teacher", "./a", "/a/b", "C:\\models", "a@b", "hf/teacher"])
      expect(resolveSource(path)).toEqual({ kind: "local", path });
  });

  it.each([
    "",
    "  ",
    "hf:/a/b",
    "HF://a/b",
    "hf://",
    "hf://gpt2",
    "hf://a/",
    "hf:///b",
    "hf://a/b@",
    "hf://a/b@main/../../etc",
    "hf://a/b/../c",
    "hf://a/b//c",
    "hf://../b",
    "hf://a/..",
    "hf://a/b@../x",
    "hf://a/b@..%2F..%2Fx",
    "hf://a/b@-x",
    "hf://a/b@x.lock",
    "hf://a--x/b",
    "hf://a/b.git",
    "hf://a/b c",
    "hf://a/b/c\\d",
    "hf://a/b/c\nd",
    "hf://spaces/a/b",
    "hf://datasets/a",
    `hf://a/${"b".repeat(96)}`,
    "https://huggingface.co/a/b",
  ])("refuses %j", (text) => {
    expect(() => resolveSource(text)).toThrow(/^HC1601/);
  });

  it("reads back what formatReference writes", () => {
    const word = fc.stringMatching(/^[a-z][a-z0-9_]{0,8}$/);
    const revision = fc.oneof(word, fc.constantFrom("refs/pr/12", "a/b", "refs/convert/parquet", "v1.0+x"));
    const path = fc.array(word, { maxLength: 3 }).map((parts) => parts.join("/"));
    fc.assert(
      fc.property(fc.constantFrom("model", "dataset"), word, word, revision, path, (type, owner, name, rev, below) => {
        const given = { type, name: `${owner}/${name}`, revision: rev, path: below } as const;
        fc.pre(!["models", "datasets", "spaces", "buckets", "kernels"].includes(owner));
        expect(resolveSource(formatReference(given))).toEqual({ kind: "hub", ...given });
      }),
    );
  });

  it("never lets a name lead out of the cache", () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom("a", ".", "/", "-", "@", "%2F", "\\", "~") }), (text) => {
        try {
          const [, name = "", revision = "", path = ""] = reference(`hf://${text}`);
          for (const part of [...name.split("/"), ...revision.split("/"), ...path.split("/")])
            expect(part).not.toMatch(/^\.\.?$/);
        } catch (error) {
          expect((error as Error).message).toMatch(/^HC1601/);
        }
      }),
    );
  });
});
