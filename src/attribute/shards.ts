import { rm } from "node:fs/promises";
import { join } from "node:path";
import { publishJsonl, readJsonl } from "../formats/jsonl.ts";
import { MANIFEST_NAME, type Manifest, openManifest } from "../formats/manifest.ts";
import type { Published } from "../formats/publish.ts";

/** Folder of the shards below the stage's own; gone once the whole files stand. */
const SHARDS = ".shards";

/** Committed pieces of files that are made in parts, so that a kill costs one part at most. */
export class Shards {
  private constructor(
    private readonly folder: string,
    private readonly manifest: Manifest,
  ) {}

  /** Opens the shards that an earlier, interrupted call left in a stage's folder. */
  static async open(stageFolder: string): Promise<Shards> {
    const folder = join(stageFolder, SHARDS);
    return new Shards(folder, await openManifest(folder));
  }

  /** Whether a shard was committed under this fingerprint and is intact. */
  async has(name: string, fingerprint: string): Promise<boolean> {
    return this.manifest.get(name)?.fingerprint === fingerprint && (await this.manifest.isIntact(name, { deep: true }));
  }

  /** Writes and commits one shard. */
  async commit(name: string, fingerprint: string, rows: readonly unknown[]): Promise<void> {
    const published = await publishJsonl(join(this.folder, name), rows);
    await this.manifest.commit({ name, ...published, rows: rows.length, fingerprint });
  }

  /** Publishes the rows of some shards, one behind the other, as one file. */
  async join(names: readonly string[], path: string): Promise<Published> {
    const { folder } = this;
    async function* rows() {
      for (const name of names) for await (const { value } of readJsonl(join(folder, name))) yield value;
    }
    return publishJsonl(path, rows());
  }
}

/** Removes a stage's shards. Their manifest goes first: a kill in between leaves files that nobody vouches for. */
export async function removeShards(stageFolder: string): Promise<void> {
  const folder = join(stageFolder, SHARDS);
  await rm(join(folder, MANIFEST_NAME), { force: true });
  await rm(folder, { recursive: true, force: true });
}
