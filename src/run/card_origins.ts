import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join, posix, win32 } from "node:path";
import { parse } from "yaml";
import { guarded, isMissing } from "../formats/file_system.ts";
import { resolveSource } from "../hub/reference.ts";
import type { CardOrigin } from "./model_card.ts";
import { formatRecipe } from "./recipe.ts";
import type { InputFile } from "./stage.ts";

/** Model cards are some kilobytes; nothing is looked for in longer ones. */
const MAX_CARD_BYTES = 4 << 20;

/**
 * What a model, tokenizer or corpus is that a recipe brings along: its place on the hub or its own name, never where it lies on this
 * machine, and the hash of its content. @param folder - where its model card may lie; without it no licence is looked for
 */
export async function givenOrigin(
  role: string,
  path: string | readonly string[],
  files: readonly InputFile[],
  folder?: string,
): Promise<CardOrigin> {
  const names = [path].flat().map(publicName).join(", ");
  const licence = folder === undefined ? undefined : await licenceOf(folder);
  return { role, text: `${names}, ${contentHash(files)}`, licence };
}

/** owner/name of what is on the hub; undefined for a local path. */
export function hubName(path: string | undefined): string | undefined {
  if (path === undefined) return undefined;
  const source = resolveSource(path);
  return source.kind === "hub" ? source.name : undefined;
}

/** "sha256 …": of the file, or of the sorted lines "<sha256>  <name>" of several. */
export function contentHash(files: readonly Pick<InputFile, "name" | "sha256">[]): string {
  if (files.length === 1) return `sha256 ${files[0]!.sha256}`;
  const lines = files.map(({ name, sha256 }) => `${sha256}  ${name}\n`).sort();
  const sha256 = createHash("sha256").update(lines.join("")).digest("hex");
  return `${files.length} files, sha256 of the sorted lines of sha256sum ${sha256}`;
}

/** The recipe as YAML for others to read: a path of this machine shows its last part alone. */
export function publicRecipe(recipe: object): string {
  return formatRecipe(withoutPlaces(recipe) as object);
}

/** The licence that the model card in a folder names; undefined if there is no card, or it names none. */
export async function licenceOf(folder: string): Promise<string | undefined> {
  const path = join(folder, "README.md");
  let text: string;
  try {
    text = await guarded(path, "nothing was changed", () => readFile(path, "utf8"));
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
  const front = /^---\r?\n([\s\S]*?)\r?\n---/.exec(text.slice(0, MAX_CARD_BYTES))?.[1];
  if (front === undefined) return undefined;
  try {
    const { license } = parse(front) as { license?: unknown };
    return typeof license === "string" && /^[\w.+-]{1,64}$/.test(license) ? license : undefined;
  } catch {
    // Someone else's front matter that is no YAML names nothing.
    return undefined;
  }
}

function publicName(path: string): string {
  return isPlace(path) ? path.split(/[\\/]/).filter(Boolean).at(-1)! : path;
}

function withoutPlaces(value: unknown): unknown {
  if (typeof value === "string") return isPlace(value) ? `…/${publicName(value)}` : value;
  if (Array.isArray(value)) return value.map(withoutPlaces);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, withoutPlaces(part)]));
}

/** Whether a text is an absolute path of this or another system, or one below a home folder. */
function isPlace(text: string): boolean {
  return (posix.isAbsolute(text) || win32.isAbsolute(text) || /^~[\\/]/.test(text)) && /[^\\/]/.test(text);
}
