import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { InternalError } from "../errors.ts";

/** Folder of the installed package, for sources and compiled modules alike. */
export function packageRoot(): string {
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    const file = join(folder, "package.json");
    if (existsSync(file) && readPackage(file).name === "heartcut") return folder;
    if (folder === dirname(folder)) throw new InternalError("heartcut's own package.json is not to be found");
  }
}

/** Version of heartcut, from its package.json. */
export function packageVersion(): string {
  return readPackage(join(packageRoot(), "package.json")).version;
}

function readPackage(file: string): { name: string; version: string } {
  return JSON.parse(readFileSync(file, "utf8")) as { name: string; version: string };
}
