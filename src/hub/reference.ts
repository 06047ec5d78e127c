import { HeartcutError } from "../errors.ts";
import { quoted } from "../formats/strict_json.ts";

/** Kinds of repository that models and data come from. */
export type RepositoryType = "model" | "dataset";

/** A repository of the Hugging Face hub. */
export interface Repository {
  type: RepositoryType;
  /** owner/name */
  name: string;
}

/** Something on the hub: a repository at a revision, or a file, folder or pattern in it. */
export interface HubReference extends Repository {
  /** Branch, tag or commit hash; "main" where none is written. */
  revision: string;
  /** File, folder or pattern below the root, without slashes at its ends; "" is the whole repository. */
  path: string;
}

/** Where a model or data lies. */
export type Source = { kind: "local"; path: string } | ({ kind: "hub" } & HubReference);

const SCHEME = "hf://";
const PREFIXES: Readonly<Record<string, RepositoryType>> = { models: "model", datasets: "dataset" };
const FOREIGN = new Set(["spaces", "buckets", "kernels"]);
/** Revisions whose slashes are part of the name; those of other branches are written %2F. */
const SPECIAL_REVISION = /^refs\/(?:pr\/[0-9]+|convert\/[\w.-]+)(?=\/|$)/;
const FORM = "hf://owner/name[@revision][/path], for data hf://datasets/owner/name[@revision][/path]";

/** Full commit hash. */
export const COMMIT = /^[0-9a-f]{40}$/;

/**
 * Tells where a model or data lies: `hf://owner/name[@revision][/path]` (data: `hf://datasets/owner/name…`) is on the hub, anything
 * else is a local path. A branch with a slash in its name is written with %2F; refs/pr/N and refs/convert/NAME stay as they are.
 * @throws HeartcutError HC1601 for text that means the hub and is not of that form
 */
export function resolveSource(text: string): Source {
  if (text.trim() === "") throw malformed(text, "it is empty");
  if (text.startsWith(SCHEME)) return { kind: "hub", ...parseReference(text) };
  const web = /^https?:\/\/(?:www\.)?(?:huggingface\.co|hf\.co)\/(.*)$/.exec(text);
  if (web !== null) throw malformed(text, "it is the address of a page", `write ${SCHEME}${web[1]}`);
  if (/^hf:/i.test(text)) throw malformed(text, `it does not begin with ${SCHEME}`);
  return { kind: "local", path: text };
}

/** The reference that a text must be. @throws HeartcutError HC1601 for a local path, too */
export function hubReference(text: string): HubReference {
  const source = resolveSource(text);
  if (source.kind === "local") throw malformed(text, `it does not begin with ${SCHEME}`);
  const { kind: _kind, ...reference } = source;
  return reference;
}

/** Checks owner/name as the hub allows it. @param where - the text that errors show   @throws HeartcutError HC1601 */
export function checkRepositoryName(name: string, where = name): void {
  const parts = name.split("/");
  if (parts.length !== 2) throw malformed(where, `${quoted(name)} is not owner/name`);
  for (const part of parts) {
    const fault = nameFault(part);
    if (fault !== undefined) throw malformed(where, `${quoted(part)} ${fault}`);
  }
  if (name.length > 96) throw malformed(where, "owner/name is longer than 96 characters");
  if (/\.(git|ipynb)$/.test(name)) throw malformed(where, `the name ends in .${name.split(".").at(-1)}`);
}

/** Checks the name of a branch or tag, or a commit hash. @param where - the text that errors show   @throws HeartcutError HC1601 */
export function checkRevision(revision: string, where = revision): void {
  const plain = /^[\w.+-]+(?:\/[\w.+-]+)*$/.test(revision) && revision.length <= 255;
  const allowed = plain && !revision.includes("..") && !/(^|\/)[.-]|\.(lock)?(\/|$)/.test(revision);
  if (!allowed) throw malformed(where, `${quoted(revision)} is no revision`);
}

/** The reference as text, which resolveSource reads back. */
export function formatReference({ type, name, revision, path }: HubReference): string {
  const written = SPECIAL_REVISION.exec(revision)?.[0] === revision ? revision : revision.replaceAll("/", "%2F");
  return `${SCHEME}${repositoryPath({ type, name })}@${written}${path === "" ? "" : `/${path}`}`;
}

/** The repository's path on the hub: owner/name for models, datasets/owner/name for data. */
export function repositoryPath({ type, name }: Repository): string {
  return type === "model" ? name : `${type}s/${name}`;
}

function parseReference(text: string): HubReference {
  let rest = text.slice(SCHEME.length);
  const prefix = rest.split("/", 1)[0]!;
  if (FOREIGN.has(prefix)) throw malformed(text, `${prefix} hold neither models nor data`);
  const type = PREFIXES[prefix] ?? "model";
  if (prefix in PREFIXES) rest = rest.slice(prefix.length + 1);
  const match = /^([^/@]*\/[^/@]*)(?:@(.*)|\/(.*))?$/s.exec(rest);
  if (match === null) throw malformed(text, "owner/name is missing");
  const [, name = "", pinned, plainPath] = match;
  checkRepositoryName(name, text);
  const { revision, path } = pinned === undefined ? { revision: "main", path: plainPath ?? "" } : split(pinned);
  checkRevision(revision, text);
  const trimmed = path.replace(/\/$/, "");
  checkPath(trimmed, text);
  return { type, name, revision, path: trimmed };
}

/** Parts "revision/path" where the revision may hold slashes of its own. */
function split(text: string): { revision: string; path: string } {
  const special = SPECIAL_REVISION.exec(text)?.[0];
  const end = special?.length ?? text.search(/\/|$/);
  const revision = text.slice(0, end).replace(/%2F/gi, "/");
  return { revision, path: text.slice(end + 1) };
}

function checkPath(path: string, where: string): void {
  if (path === "") return;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
  if (/[\u0000-\u001f\u007f\\:]/.test(path)) throw malformed(where, "the path holds a character that is not allowed");
  if (path.split("/").some((part) => part === "" || part === "." || part === ".."))
    throw malformed(where, "the path has an empty part, or one that leads elsewhere");
}

function nameFault(part: string): string | undefined {
  if (part === "") return "is empty";
  if (!/^[A-Za-z0-9._-]+$/.test(part)) return "may hold letters, digits, - _ . only";
  if (/^[.-]|[.-]$/.test(part)) return "begins or ends with - or .";
  return part.includes("--") || part.includes("..") ? "holds -- or .." : undefined;
}

function malformed(text: string, found: string, fix?: string): HeartcutError {
  return new HeartcutError("HC1601", {
    what: "this does not name anything on the Hugging Face hub",
    where: quoted(text),
    found,
    expected: FORM,
    fix: fix ?? "correct the reference; a local path is written without hf://",
  });
}
