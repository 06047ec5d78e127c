import { HeartcutError } from "../errors.ts";
import type { InputFile, Json, StageInputs } from "./stage.ts";

/** Why a stage that has run before would now give something else. */
export interface StageChange {
  stage: string;
  /** Its own inputs that differ, one line each: "pack.length: 256 -> 512". */
  own: string[];
  /** Stages it reads that differ. */
  upstream: string[];
}

/** Compares what a stage was run with and what it would be run with now. */
export function compareInputs(stage: string, before: StageInputs, now: StageInputs): StageChange {
  const own = [
    ...(before.version === now.version ? [] : [`heartcut's own ${stage}: version ${before.version} -> ${now.version}`]),
    ...differences(flatten(before.settings), flatten(now.settings)),
    ...differences(filesByName(before.files), filesByName(now.files)),
  ];
  const names = new Set([...Object.keys(before.reads), ...Object.keys(now.reads)]);
  return { stage, own, upstream: [...names].filter((name) => before.reads[name] !== now.reads[name]) };
}

/** The error that stops a run whose recipe or inputs changed; `commands` are the two that settle it. */
export function changedRunError(
  folder: string,
  changes: readonly StageChange[],
  commands: { rerun: string; elsewhere: string },
): HeartcutError {
  // A key of the recipe can be an input of many stages; it is told once.
  const stagesOf = new Map<string, string[]>();
  for (const { stage, own } of changes)
    for (const line of own) stagesOf.set(line, [...(stagesOf.get(line) ?? []), stage]);
  const lines = [...stagesOf].map(([line, [first, ...more]]) =>
    more.length === 0 ? `${first}: ${line}` : `${first} and ${more.length} more: ${line}`,
  );
  const following = changes.filter(({ own }) => own.length === 0).length;
  if (following > 0) lines.push(`and ${following === 1 ? "1 stage that follows" : `${following} stages that follow`}`);
  return new HeartcutError("HC4101", {
    what: "this run folder was made with other inputs, and results of two recipes must not be mixed",
    where: folder,
    found: lines.join("\n"),
    fix: `${commands.rerun}   (does ${changes.length === 1 ? "this stage" : `these ${changes.length} stages`} again, here)\n${commands.elsewhere}   (keeps this folder as it is)`,
  });
}

function differences(before: Map<string, string>, now: Map<string, string>): string[] {
  const keys = new Set([...before.keys(), ...now.keys()]);
  return [...keys]
    .filter((key) => before.get(key) !== now.get(key))
    .map((key) => `${key}: ${before.get(key) ?? "(absent)"} -> ${now.get(key) ?? "(absent)"}`);
}

function flatten(value: Json | undefined, path = ""): Map<string, string> {
  if (value === undefined) return new Map();
  const isMap = typeof value === "object" && value !== null && !Array.isArray(value);
  if (!isMap || Object.keys(value).length === 0) return new Map([[path || "settings", JSON.stringify(value)]]);
  return new Map(
    Object.entries(value).flatMap(([key, part]) => [
      ...flatten(part as Json | undefined, path === "" ? key : `${path}.${key}`),
    ]),
  );
}

function filesByName(files: readonly InputFile[]): Map<string, string> {
  return new Map(files.map(({ name, bytes, sha256 }) => [name, `${bytes} bytes, sha256 ${sha256.slice(0, 12)}`]));
}
