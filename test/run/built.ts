import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join, resolve } from "node:path";

const root = resolve(import.meta.dirname, "../..");

/**
 * Compiles src/ for child processes, which plain Node 20 must be able to run. Inside node_modules, so that the
 * compiled modules find their packages and nothing is left in the working tree.
 * @param name - folder of its own for each test file
 * @returns the folder that holds the compiled modules
 */
export function buildForChildren(name: string): string {
  const folder = join(root, "node_modules/.cache/heartcut-test", name);
  mkdirSync(folder, { recursive: true });
  try {
    execFileSync(
      process.execPath,
      [join(root, "node_modules/typescript/bin/tsc"), "-p", "tsconfig.build.json", "--outDir", folder],
      {
        cwd: root,
        stdio: "pipe",
      },
    );
  } catch {
    // Type errors are the type check's matter; the modules are written all the same.
  }
  return folder;
}
