import { readFile } from "node:fs/promises";
import {
  type Document,
  isMap,
  isNode,
  isScalar,
  LineCounter,
  parseDocument,
  type ScalarTag,
  type SchemaOptions,
} from "yaml";
import { HeartcutError } from "../errors.ts";

/** Where in a recipe something stands: keys and list positions from the root. */
export type RecipePath = readonly (string | number)[];

/** "students.0.train" for people. */
export function formatPath(path: RecipePath): string {
  return path.join(".");
}

const MAX_BYTES = 1 << 20;
/** What the system says when a file cannot be read, for people. */
const UNREADABLE: Readonly<Record<string, string>> = {
  ENOENT: "no such file",
  ENOTDIR: "no such file",
  EISDIR: "a folder, where a file was expected",
  EACCES: "a file that this user may not read",
};

/** Integers may be grouped: 2_000_000. YAML 1.2 reads that as a string, which nobody means. */
const groupedInteger: ScalarTag = {
  tag: "tag:yaml.org,2002:int",
  default: true,
  test: /^[-+]?[0-9]{1,3}(?:_[0-9]{3})+$/,
  resolve: (text) => Number(text.replaceAll("_", "")),
};
const yamlOptions: SchemaOptions = { customTags: (tags) => [groupedInteger, ...tags] };

/** A recipe's text as a tree of values that knows, for every key, the line and column it came from. */
export class RecipeSource {
  private readonly document: Document;
  private readonly lines = new LineCounter();
  private readonly overrides: { path: RecipePath; text: string }[] = [];
  /** Plain values, overrides applied. */
  readonly tree: unknown;

  /** @param file - name used in messages   @throws HeartcutError HC4001 for text that is empty or not YAML, HC4007 for an override that is not KEY=VALUE */
  constructor(
    readonly file: string,
    text: string,
    overrides: readonly string[] = [],
  ) {
    this.document = parseDocument(text, { ...yamlOptions, lineCounter: this.lines, prettyErrors: false });
    const error = this.document.errors[0];
    if (error !== undefined) {
      const { line, col } = this.lines.linePos(error.pos[0]);
      throw new HeartcutError("HC4001", {
        what: "the recipe is not valid YAML",
        where: `${file}:${line}:${col}`,
        found: error.message,
        fix: "mend that line; indentation is by spaces",
      });
    }
    if (!isMap(this.document.contents)) {
      throw new HeartcutError("HC4001", {
        what: this.document.contents === null ? "the recipe is empty" : "the recipe is not a map of keys",
        where: file,
        fix: "write KEY: VALUE lines; recipes/quickstart.yaml is an example",
      });
    }
    try {
      this.tree = this.document.toJS();
    } catch (cause) {
      throw new HeartcutError(
        "HC4001",
        {
          what: "the recipe cannot be read",
          where: file,
          found: (cause as Error).message,
          fix: "use fewer anchors and aliases",
        },
        { cause },
      );
    }
    for (const override of overrides) this.tree = this.override(override);
  }

  /** "recipe.yaml:14:10", or the --set that put the value there. `at` chooses the key or its value. */
  where(path: RecipePath, at: "key" | "value" = "value"): string {
    for (const { path: set, text } of this.overrides.toReversed()) {
      if (set.every((key, i) => i >= path.length || String(path[i]) === String(key))) return `--set ${text}`;
    }
    // What all students share stands under `student`.
    const shared = path[0] === "students" && path.length > 2 ? (["student", ...path.slice(2)] as const) : undefined;
    const offset = this.offset(path, at) ?? (shared && this.offset(shared, at));
    if (offset === undefined) return path.length === 0 ? this.file : this.where(path.slice(0, -1), "key");
    const { line, col } = this.lines.linePos(offset);
    return `${this.file}:${line}:${col}`;
  }

  private offset(path: RecipePath, at: "key" | "value"): number | undefined {
    const last = path.at(-1);
    if (last === undefined) return undefined;
    const parent = path.length === 1 ? this.document.contents : this.document.getIn(path.slice(0, -1), true);
    if (isMap(parent) && at === "key") {
      const pair = parent.items.find(({ key }) => isScalar(key) && String(key.value) === String(last));
      return pair !== undefined && isNode(pair.key) ? pair.key.range?.[0] : undefined;
    }
    const node = this.document.getIn(path, true);
    return isNode(node) ? node.range?.[0] : undefined;
  }

  private override(text: string): unknown {
    const equals = text.indexOf("=");
    const keys = text.slice(0, equals).split(".");
    if (equals <= 0 || keys.some((key) => key === "")) {
      throw new HeartcutError("HC4007", {
        what: "--set takes KEY=VALUE",
        found: `--set ${text}`,
        fix: "for example --set select.difference.ratio=0.3",
      });
    }
    const parsed = parseDocument(text.slice(equals + 1), yamlOptions);
    if (parsed.errors.length > 0) {
      throw new HeartcutError("HC4007", {
        what: "the value of --set is not valid YAML",
        found: `--set ${text}`,
        why: parsed.errors[0]!.message,
        fix: "quote the value, also from the shell",
      });
    }
    this.overrides.push({ path: keys, text });
    return replaced(this.tree, keys, parsed.toJS(), `--set ${text}`);
  }
}

/** Reads a recipe file. @throws HeartcutError HC4000 if it is missing, unreadable or too long to be one */
export async function readRecipeText(file: string): Promise<string> {
  let bytes: Buffer;
  try {
    bytes = await readFile(file);
  } catch (cause) {
    const { code = "" } = cause as NodeJS.ErrnoException;
    throw new HeartcutError(
      "HC4000",
      {
        what: "the recipe cannot be read",
        where: file,
        found: UNREADABLE[code] ?? (cause as Error).message,
        fix: "give the path of a YAML file, for example: heartcut run recipes/quickstart.yaml",
      },
      { cause },
    );
  }
  if (bytes.length > MAX_BYTES) {
    throw new HeartcutError("HC4000", {
      what: "this file is too long for a recipe",
      where: file,
      found: `${bytes.length} bytes`,
      expected: `at most ${MAX_BYTES}`,
      fix: "give a YAML recipe",
    });
  }
  return bytes.toString("utf8");
}

/** A copy of the tree with one value replaced, or removed by null; maps on the way are made. */
function replaced(tree: unknown, keys: readonly string[], value: unknown, where: string): unknown {
  const [key, ...rest] = keys;
  if (key === undefined) return value;
  if (Array.isArray(tree)) {
    const index = /^\d+$/.test(key) ? Number(key) : Number.NaN;
    if (!(index < tree.length)) {
      throw new HeartcutError("HC4007", {
        what: `"${key}" is not a position of this list`,
        where,
        expected: `0 … ${tree.length - 1}`,
        fix: "name one of its elements by number",
      });
    }
    return tree.map((element, i) => (i === index ? replaced(element, rest, value, where) : element));
  }
  if (tree !== null && tree !== undefined && typeof tree !== "object") {
    throw new HeartcutError("HC4007", {
      what: `"${key}" cannot be set inside a value`,
      where,
      found: JSON.stringify(tree),
      fix: "set the whole value, for example --set a={b: 1}",
    });
  }
  const map = new Map(Object.entries(tree ?? {}));
  if (rest.length === 0 && value === null) map.delete(key);
  else map.set(key, replaced(map.get(key), rest, value, where));
  return Object.fromEntries(map);
}
