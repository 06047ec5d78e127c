import { join } from "node:path";
import { z } from "zod";
import { type Origin, refuseOtherResult } from "../../formats/finished_result.ts";
import { readJsonFile } from "../../formats/json_file.ts";
import { type Manifest, openManifest } from "../../formats/manifest.ts";
import { openFolder } from "../../formats/stage_folder.ts";
import { RESULTS_NAME, samplesName } from "./results_layout.ts";

const byTask = z.record(z.string(), z.unknown());
/** What of results_*.json is needed to add tasks to it. */
const resultsSchema = z.looseObject({
  ...{ results: byTask, configs: byTask, versions: byTask, "n-shot": byTask, higher_is_better: byTask },
  ...{ "n-samples": byTask, task_hashes: byTask, config: z.record(z.string(), z.unknown()) },
  heartcut: z.object({ origin: z.record(z.string(), z.union([z.string(), z.number(), z.null()])), tasks: byTask }),
});
type Results = z.infer<typeof resultsSchema>;

/** Keys of results_*.json with a value for each task. */
const BY_TASK = [
  ...["results", "configs", "versions", "n-shot", "higher_is_better", "n-samples", "task_hashes"],
] as const satisfies readonly string[];

/** What a call is about to put into a folder. */
export interface WantedResults {
  /** Settings that all tasks of a folder share, by the names that messages give them. */
  readonly settings: Origin;
  /** Hash of them: samples that carry it belong here, whoever asked for them. */
  readonly settingsFingerprint: string;
  readonly tasks: readonly { readonly task: string; readonly fingerprint: string; readonly origin: Origin }[];
}

/** A folder of results as a call finds it. */
export interface ResultsFolder {
  readonly manifest: Manifest;
  /** What earlier calls finished. */
  readonly finished: Results | undefined;
}

/**
 * Opens the folder of a model's results: tasks of equal settings are kept, asked for again or not; what an unfinished call of
 * other settings left is removed.
 * @throws HeartcutError HC1053 if tasks of other settings are finished there, with what differs; as openManifest
 */
export async function openResultsFolder(folder: string, wanted: WantedResults): Promise<ResultsFolder> {
  const found = await openManifest(folder);
  const finished = (await found.isIntact(RESULTS_NAME, { deep: true }))
    ? resultsSchema.parse(await readJsonFile(join(folder, RESULTS_NAME)))
    : undefined;
  if (finished !== undefined) requireSame(folder, found, finished, wanted);
  const asked = new Map(wanted.tasks.map(({ task, fingerprint }) => [samplesName(task), fingerprint]));
  const there = new Set(Object.keys(finished?.heartcut.tasks ?? {}).map((task) => samplesName(task)));
  const kept = found.entries().flatMap(({ name, fingerprint, settings }): [string, string][] => {
    if (asked.has(name)) return [];
    const stays =
      name === RESULTS_NAME ? finished !== undefined : there.has(name) || settings === wanted.settingsFingerprint;
    return stays ? [[name, fingerprint]] : [];
  });
  return { manifest: await openFolder(folder, new Map([...asked, ...kept])), finished };
}

function requireSame(folder: string, manifest: Manifest, finished: Results, { settings, tasks }: WantedResults): void {
  const there: Origin = finished.heartcut.origin;
  const again = tasks.filter(({ task }) => Object.hasOwn(finished.heartcut.tasks, task));
  const changed = again.some(({ task, fingerprint }) => {
    const entry = manifest.get(samplesName(task));
    return entry !== undefined && entry.fingerprint !== fingerprint;
  });
  const others = Object.keys(settings).some((name) => (there[name] ?? null) !== (settings[name] ?? null));
  if (!changed && !others) return;
  const wanted: Origin = Object.assign({}, settings, ...again.map(({ origin }) => origin));
  const known = Object.entries(wanted).filter(([name]) => Object.hasOwn(there, name));
  refuseOtherResult(folder, "an evaluation on tasks", there, Object.fromEntries(known));
}

/** Results with those of earlier calls: tasks keep their places, new ones come behind them. */
export function withFinished(finished: Results | undefined, fresh: Record<string, unknown>): Results {
  const added = resultsSchema.parse(fresh);
  if (finished === undefined) return added;
  const { origin, tasks } = finished.heartcut;
  return {
    ...added,
    ...Object.fromEntries(BY_TASK.map((key) => [key, { ...finished[key], ...added[key] }])),
    config: { ...finished.config, ...added.config },
    heartcut: { origin: { ...origin, ...added.heartcut.origin }, tasks: { ...tasks, ...added.heartcut.tasks } },
  };
}
