import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { promisify } from "node:util";

const root = resolve(import.meta.dirname, "..");

/**
 * Compiles src/ and the child scripts of one test folder, because Node 20 runs no TypeScript. The output lies inside
 * node_modules, so that compiled modules find their packages and nothing is left in the working tree.
 * @returns the folder that holds src/ and test/ compiled
 */
export async function compileForChildren(name: string): Promise<string> {
  const folder = join(root, "node_modules/.cache/heartcut-test", name);
  await mkdir(folder, { recursive: true });
  const config = {
    extends: join(root, "tsconfig.json"),
    compilerOptions: {
      noEmit: false,
      outDir: folder,
      rootDir: root,
      types: ["node"],
      typeRoots: [join(root, "node_modules/@types")],
    },
    include: [join(root, "src"), join(root, "test", name, "*_child.ts")],
  };
  await writeFile(join(folder, "tsconfig.json"), JSON.stringify(config));
  await promisify(execFile)(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "-p", folder]);
  return folder;
}

/** Runs a compiled child; kills it after some milliseconds if they are given. @returns its exit code, null if it was killed */
export async function runChild(script: string, args: string[], killAfter?: number): Promise<number | null> {
  const child = spawn(process.execPath, [script, ...args], { stdio: ["ignore", "ignore", "inherit"] });
  const exit = once(child, "exit");
  const timer = killAfter === undefined ? undefined : setTimeout(() => child.kill("SIGKILL"), killAfter);
  const [code] = (await exit) as [number | null];
  clearTimeout(timer);
  return code;
}

/** Names and bytes of all files of a folder, in the order of the names. */
export async function contentsOf(folder: string): Promise<[name: string, bytes: string][]> {
  const names = (await readdir(folder)).sort();
  return Promise.all(
    names.map(async (name): Promise<[string, string]> => [name, (await readFile(join(folder, name))).toString("hex")]),
  );
}
