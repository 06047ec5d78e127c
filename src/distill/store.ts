import { join } from "node:path";
import { HeartcutError } from "../errors.ts";
import { readJsonFile } from "../formats/json_file.ts";
import { type Manifest, openManifest } from "../formats/manifest.ts";
import type { StoredTopLogProbs } from "./store_block.ts";
import { STORE_SUMMARY, type StoreOrigin, type StoreSummary, storeSummarySchema } from "./store_header.ts";
import { ShardPool } from "./store_pool.ts";
import { StoreShard } from "./store_shard_read.ts";

/** What a store must have been made of to be of use. */
export interface StoreExpectation {
  /** SHA-256 of the instances, by content. */
  corpus: string;
  /** Fingerprint of the tokenizer. */
  tokenizer: string;
  /** Whether packed documents must not have seen each other; any where left out. */
  documentBarrier?: boolean | undefined;
}

/** A finished store, open for reading. */
export interface TeacherStore {
  readonly folder: string;
  readonly summary: StoreSummary;
  /** Instances, numbered as in the corpus. */
  readonly length: number;
  /** The likeliest tokens at the label positions of one instance. @throws HeartcutError HC3413, HC3410 … HC3412 */
  read(instance: number): Promise<StoredTopLogProbs>;
  /** All instances in order, or those from `first` to `end` - 1. */
  stream(range?: { first?: number; end?: number }): AsyncGenerator<StoredTopLogProbs>;
  close(): Promise<void>;
}

/**
 * Opens a finished store for this corpus and tokenizer. A shard is hashed against the manifest when it is first needed; an
 * instance is then one read from the disk.
 * @throws HeartcutError HC3414 if the capture did not finish, HC3415 for a store of other instances, HC3416 for one of another
 *   tokenizer, HC3417 for one with the other document barrier
 */
export async function openTeacherStore(folder: string, expected: StoreExpectation): Promise<TeacherStore> {
  const manifest = await openManifest(folder);
  const summary = await readStoreSummary(folder, manifest);
  checkExpected(folder, summary, expected);
  return new OpenStore(folder, summary, manifest);
}

/** store.json of a finished store. @throws HeartcutError HC3414 if the capture did not finish, HC3413 for one that does not fit */
export async function readStoreSummary(folder: string, manifest?: Manifest): Promise<StoreSummary> {
  const path = join(folder, STORE_SUMMARY);
  const committed = manifest ?? (await openManifest(folder));
  if (!(await committed.isIntact(STORE_SUMMARY, { deep: true })))
    throw new HeartcutError("HC3414", {
      what: "the capture of the teacher is not complete",
      where: path,
      found: `${committed.entries().length} committed files and no committed ${STORE_SUMMARY}`,
      fix: "run the same `heartcut capture` again: it resumes behind the last finished shard",
    });
  const summary = storeSummarySchema.safeParse(await readJsonFile(path));
  if (summary.success) return summary.data;
  throw damagedStore(path, "a summary that this version of heartcut does not read");
}

class OpenStore implements TeacherStore {
  private readonly verified = new Set<string>();
  private readonly pool = new ShardPool((s) => this.openShard(s));

  constructor(
    readonly folder: string,
    readonly summary: StoreSummary,
    private readonly manifest: Manifest,
  ) {}

  get length(): number {
    return this.summary.instances;
  }

  async read(instance: number): Promise<StoredTopLogProbs> {
    const s = this.shardOf(instance);
    return this.pool.use(s, (shard) => shard.read(instance - this.summary.shards[s]!.first));
  }

  async *stream({ first = 0, end = this.length }: { first?: number; end?: number } = {}) {
    for (let i = first; i < end; i++) yield await this.read(i);
  }

  close(): Promise<void> {
    return this.pool.close();
  }

  private shardOf(instance: number): number {
    if (!(Number.isInteger(instance) && instance >= 0 && instance < this.length))
      throw new RangeError(`instance ${instance} of ${this.length}`);
    const { shards } = this.summary;
    let low = 0;
    let high = shards.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (shards[middle]!.first <= instance) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  private async openShard(s: number): Promise<StoreShard> {
    const { name, instances, content } = this.summary.shards[s]!;
    const path = join(this.folder, name);
    if (!this.verified.has(name)) {
      if (!(await this.manifest.isIntact(name, { deep: true })))
        throw damagedStore(path, "content that differs from what the manifest committed, or no file");
      this.verified.add(name);
    }
    const shard = await StoreShard.open(path);
    const { header } = shard;
    if (header.content === content && header.instances === instances && sameOrigin(header, this.summary)) return shard;
    await shard.close();
    throw damagedStore(path, `a shard of another store: ${header.instances} instances of content ${header.content}`);
  }
}

/** Whether two descriptions of what a store was made of are equal. */
function sameOrigin(a: StoreOrigin, b: StoreOrigin): boolean {
  const key = ({ teacher, tokenizer, vocabSize, topK, precision, documentBarrier }: StoreOrigin) =>
    JSON.stringify([teacher, tokenizer, vocabSize, topK, precision, documentBarrier]);
  return key(a) === key(b);
}

function checkExpected(folder: string, summary: StoreSummary, expected: StoreExpectation): void {
  const refuse = (code: `HC${number}`, what: string, found: string, wanted: string, why: string) => {
    throw new HeartcutError(code, {
      what,
      where: folder,
      found: `${found} (teacher ${summary.teacherName}, ${summary.instances} instances)`,
      expected: wanted,
      why,
      fix: "capture the teacher over these instances into another folder: heartcut capture MODEL --instances … --out …",
    });
  };
  if (summary.corpus !== expected.corpus)
    refuse(
      "HC3415",
      "the teacher store was made for other instances",
      `content ${summary.corpus}`,
      `content ${expected.corpus}`,
      "each stored row belongs to one token of one instance",
    );
  if (summary.tokenizer !== expected.tokenizer)
    refuse(
      "HC3416",
      "the teacher store was made for another tokenizer",
      `tokenizer ${summary.tokenizer}`,
      `tokenizer ${expected.tokenizer}`,
      "the stored ids would name other tokens",
    );
  const { documentBarrier: barrier } = expected;
  if (barrier !== undefined && summary.documentBarrier !== barrier)
    refuse(
      "HC3417",
      "the teacher store was made with the other document barrier",
      barrier ? "documents that see each other" : "documents kept apart",
      barrier ? "documents kept apart" : "documents that see each other",
      "teacher and student would read different contexts",
    );
}

function damagedStore(where: string, found: string): HeartcutError {
  return new HeartcutError("HC3413", {
    what: "a file of a teacher store is missing or damaged",
    where,
    found,
    fix: "run the same `heartcut capture` again: it makes this shard anew and keeps the others",
  });
}
