import { dirname, join, relative, resolve } from "node:path";
import { HeartcutError } from "../../errors.ts";
import { acquireLock } from "../../formats/lock.ts";
import { RunFolder, SUMMARY_NAME } from "../../run/run_folder.ts";
import { holds } from "../holds.ts";

/**
 * Writes folders below `out` while nobody else writes there: the run that `out` lies in is held meanwhile, else `out` itself.
 * @param names - folders that will be written   @throws HeartcutError HC1030 while a run goes on there, HC3638 for what a stage of it writes
 */
export async function writingBelow<T>(out: string, names: readonly string[], write: () => Promise<T>): Promise<T> {
  const run = await runAround(resolve(out));
  const lock = await acquireLock(run ?? out, "heartcut analyze");
  try {
    if (run !== undefined)
      await refuseStages(
        run,
        names.map((name) => resolve(out, name)),
      );
    return await write();
  } finally {
    lock.release();
  }
}

/** The nearest folder at or above a path that holds a run. */
async function runAround(path: string): Promise<string | undefined> {
  if (await holds(path, SUMMARY_NAME)) return path;
  const above = dirname(path);
  return above === path ? undefined : runAround(above);
}

async function refuseStages(run: string, targets: readonly string[]): Promise<void> {
  const folder = await RunFolder.open(run);
  for (const stage of await folder.stages()) {
    const outputs = (await folder.record(stage))?.outputs ?? [];
    // A stage that has not finished lists no outputs yet; its folder goes by its name.
    const places = [stage, ...outputs.map(({ name }) => name)];
    const taken = targets.find((target) => {
      const own = relative(run, target).replaceAll("\\", "/");
      return places.some((place) => place === own || place.startsWith(`${own}/`) || own.startsWith(`${place}/`));
    });
    if (taken === undefined) continue;
    throw new HeartcutError("HC3638", {
      what: "this folder belongs to a stage of the run",
      where: taken,
      found: `stage ${stage}, recorded in ${join(run, "stages")}`,
      why: "the run vouches for what its recipe made, and would find it altered",
      fix: "read what the run made there, or choose another folder with --out",
    });
  }
}
