import { rm, rmdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { guarded } from "../../formats/file_system.ts";
import { JsonlLog } from "../../formats/jsonl.ts";
import type { sampleLine } from "./sample_files.ts";

/** Folder of what unfinished tasks have been answered so far; gone where there are none. */
const UNFINISHED = "unfinished";

type SampleLine = ReturnType<typeof sampleLine>;
/** The first line tells what the answers belong to; answers follow, as they are published in the end. */
type Line = { fingerprint: string } | SampleLine;

/** The answers to a task in hand, kept call by call so that a stop loses one call at most. */
export class UnfinishedAnswers {
  private constructor(
    private readonly log: JsonlLog<Line>,
    private readonly fingerprint: string,
  ) {}

  /**
   * Opens or starts the answers to a task. Those of other inputs are cut off, and those of a call that was not kept whole: calls
   * of other questions would change last bits.
   * @param of - questions of the task, and of each call but the last
   * @throws HeartcutError HC1001-HC1005, HC1052 as JsonlLog
   */
  static async open(
    folder: string,
    of: { task: string; fingerprint: string; questions: number; perCall: number },
  ): Promise<UnfinishedAnswers> {
    const { task, fingerprint, questions, perCall } = of;
    const log = await JsonlLog.open<Line>(pathOf(folder, task));
    const [head, ...answers] = log.values();
    const own = head !== undefined && "fingerprint" in head && head.fingerprint === fingerprint;
    const whole = answers.length - (answers.length === questions ? 0 : answers.length % perCall);
    let left = own ? 1 + whole : 0;
    await log.truncateWhere(() => left-- > 0);
    return new UnfinishedAnswers(log, fingerprint);
  }

  /** Lines of the answers so far, in order of the questions. */
  lines(): SampleLine[] {
    return this.log.values().slice(1) as SampleLine[];
  }

  /** Keeps the answers of one call. */
  async add(lines: readonly SampleLine[]): Promise<void> {
    if (this.log.values().length === 0) await this.log.append({ fingerprint: this.fingerprint });
    for (const line of lines) await this.log.append(line);
    await this.log.sync();
  }

  close(): Promise<void> {
    return this.log.close();
  }
}

/** Removes the answers to a task that is finished, and the folder behind the last of them. */
export async function removeUnfinished(folder: string, task: string): Promise<void> {
  const path = pathOf(folder, task);
  await guarded(path, "what was published is complete", () => rm(path, { force: true }));
  try {
    await rmdir(dirname(path));
  } catch (error) {
    if (!["ENOENT", "ENOTEMPTY", "EEXIST"].includes(String((error as NodeJS.ErrnoException).code))) throw error;
  }
}

function pathOf(folder: string, task: string): string {
  return join(folder, UNFINISHED, `${task}.jsonl`);
}
