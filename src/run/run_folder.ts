import { mkdir, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { HeartcutError } from "../errors.ts";
import { guarded, isMissing } from "../formats/file_system.ts";
import { readJsonFile } from "../formats/json_file.ts";
import { MANIFEST_NAME, type Manifest, openManifest } from "../formats/manifest.ts";
import { publishJson, sha256File } from "../formats/publish.ts";
import { LOG_NAME } from "./run_log.ts";
import type { InputFile, Stage, StageInputs, StageResult } from "./stage.ts";

/** stages/NAME.json: what a stage was started with and, once it has finished, what came out. */
export interface StageRecord extends StageInputs, StageResult {
  stage: string;
  status: "started" | "finished";
  fingerprint: string;
  /** Every file it wrote, by name below the run folder; empty while it is not finished. */
  outputs: InputFile[];
}

/** Folders of a training that hold its checkpoints: means of resuming, not results. */
const SCRATCH = "checkpoints";
/** Folder of the stages' records below a run folder. */
export const RECORDS = "stages";
/** Where the run tells about itself. */
export const SUMMARY_NAME = "run.json";

/**
 * Makes a folder for a run where there is none, or checks that the one there is a run's.
 * @throws HeartcutError HC4102 for a file, or for a folder that holds something else
 */
export async function claimFolder(path: string): Promise<void> {
  await guarded(path, "nothing was changed", () => mkdir(path, { recursive: true })).catch((error: Error) => {
    const { code } = error.cause as NodeJS.ErrnoException;
    if (code !== "EEXIST" && code !== "ENOTDIR") throw error;
    throw new HeartcutError(
      "HC4102",
      {
        what: "a run needs a folder, and a file stands in its place",
        where: path,
        found: code === "EEXIST" ? "this is a file" : "a file where a folder above it was expected",
        expected: "a folder",
        fix: "choose a new folder with --out",
      },
      { cause: error },
    );
  });
  const names = (await readdir(path)).filter((name) => !name.startsWith("."));
  if (names.length === 0 || [RECORDS, MANIFEST_NAME, LOG_NAME, SUMMARY_NAME].some((name) => names.includes(name)))
    return;
  throw new HeartcutError("HC4102", {
    what: "this folder holds something other than a run",
    where: path,
    found: names.slice(0, 5).join(", "),
    fix: "choose a new folder with --out",
  });
}

/** The files of one run: records of its stages and the manifest that commits their outputs. */
export class RunFolder {
  private constructor(
    readonly path: string,
    private readonly manifest: Manifest,
  ) {}

  /** Opens a run folder that this process holds the lock of. @throws HeartcutError HC1008 for a damaged manifest */
  static async open(path: string): Promise<RunFolder> {
    return new RunFolder(path, await openManifest(path));
  }

  /** What is known of a stage; undefined if it never started here. @throws HeartcutError HC4103 for a record that cannot be read */
  async record(stage: string): Promise<StageRecord | undefined> {
    const path = join(this.path, recordName(stage));
    try {
      return (await readJsonFile(path, { wholeNumbers: "rounded" })) as unknown as StageRecord;
    } catch (cause) {
      if (isMissing(cause)) return undefined;
      throw new HeartcutError(
        "HC4103",
        {
          what: "the record of a stage cannot be read",
          where: path,
          found: (cause as Error).message,
          fix: "delete that file and what the stage wrote: it is then done again",
        },
        { cause },
      );
    }
  }

  /** Names of all stages that ever started here. */
  async stages(): Promise<string[]> {
    const files = await filesBelow(this.path, RECORDS);
    return files
      .filter((file) => file.endsWith(".json"))
      .map((file) => file.slice(RECORDS.length + 1, -".json".length));
  }

  /** Names the first output of a finished stage that is missing or altered; undefined if all are intact. @param deep - compare contents, not only sizes */
  async damage(record: StageRecord, deep: boolean): Promise<string | undefined> {
    for (const { name } of record.outputs) {
      const committed = this.manifest.get(name)?.fingerprint === record.fingerprint;
      if (!committed || !(await this.manifest.isIntact(name, { deep }))) return name;
    }
    return undefined;
  }

  /** Notes the inputs of a stage before its first byte is written, so that no other recipe resumes it. */
  async start(stage: string, inputs: StageInputs, fingerprint: string): Promise<void> {
    await publishJson(join(this.path, recordName(stage)), {
      stage,
      status: "started",
      fingerprint,
      ...inputs,
      outputs: [],
    } satisfies StageRecord);
  }

  /** Commits every output of a stage in the manifest, then the stage by its record. */
  async finish(stage: Stage, inputs: StageInputs, fingerprint: string, result: StageResult): Promise<StageRecord> {
    const outputs: InputFile[] = [];
    for (const name of (await Promise.all(stage.outputs.map((output) => filesBelow(this.path, output)))).flat()) {
      const published = await sha256File(join(this.path, name));
      // A kill may have come after this line the last time: the manifest says a thing once.
      const { sha256, fingerprint: of } = this.manifest.get(name) ?? {};
      if (sha256 !== published.sha256 || of !== fingerprint)
        await this.manifest.commit({ name, ...published, stage: stage.name, fingerprint });
      outputs.push({ name, ...published });
    }
    const record: StageRecord = { stage: stage.name, status: "finished", fingerprint, ...inputs, ...result, outputs };
    await publishJson(join(this.path, recordName(stage.name)), record);
    return record;
  }

  /** Forgets a stage and removes what it wrote. */
  async clear(stage: Stage): Promise<void> {
    // The record goes last: a kill in between leaves it, and the stage is cleared again.
    for (const output of stage.outputs) await rm(join(this.path, output), { recursive: true, force: true });
    await rm(join(this.path, recordName(stage.name)), { force: true });
  }

  /** The first file at the place of a stage's outputs, if there is one. */
  async firstOutput(stage: Stage): Promise<string | undefined> {
    for (const output of stage.outputs) {
      const [first] = await filesBelow(this.path, output);
      if (first !== undefined) return first;
    }
    return undefined;
  }
}

function recordName(stage: string): string {
  return `${RECORDS}/${stage}.json`;
}

/** Files at or below a name in the run folder, sorted, without part files and checkpoints; none if it is missing. */
async function filesBelow(root: string, name: string): Promise<string[]> {
  const path = join(root, name);
  const found = await stat(path).catch((error: unknown) => {
    if (isMissing(error)) return undefined;
    throw error;
  });
  if (found === undefined) return [];
  if (!found.isDirectory()) return [name];
  const children = (await readdir(path)).filter((child) => !child.startsWith(".") && child !== SCRATCH).sort();
  return (await Promise.all(children.map((child) => filesBelow(root, `${name}/${child}`)))).flat();
}
