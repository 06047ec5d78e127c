import { rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { MANIFEST_NAME, type Manifest, openManifest } from "../formats/manifest.ts";
import { isCurrent } from "../formats/stage_folder.ts";
import { openInstances, writeInstances } from "./instances.ts";
import type { Instance } from "./record.ts";

/** Committed shards of a folder of instances in the making, in `.<name>.shards` beside it: a kill costs one shard at most. */
export class InstanceShards {
  private constructor(
    private readonly folder: string,
    private readonly manifest: Manifest,
  ) {}

  /** Opens what an earlier, interrupted call left. @param output - the folder that is made of the shards in the end */
  static async open(output: string): Promise<InstanceShards> {
    const folder = join(dirname(output), `.${basename(output)}.shards`);
    return new InstanceShards(folder, await openManifest(folder));
  }

  /** Whether a shard was committed under this fingerprint and is intact. */
  has(name: string, fingerprint: string): Promise<boolean> {
    return isCurrent(this.manifest, name, fingerprint);
  }

  /** Writes and commits one shard. */
  async commit(
    name: string,
    fingerprint: string,
    instances: Iterable<Instance>,
    options: { vocabSize: number },
  ): Promise<void> {
    const { bytes, sha256, ...written } = await writeInstances(join(this.folder, name), instances, options);
    const { instances: rows, tokens } = written;
    await this.manifest.commit({ name, bytes, sha256, rows, tokens, fingerprint });
  }

  /** The instances of some shards, one behind the other. */
  async *read(names: readonly string[]): AsyncGenerator<Instance> {
    for (const name of names) {
      const reader = await openInstances(join(this.folder, name));
      try {
        for (const { instance, source, first_document, last_document } of await reader.rows())
          yield { tokens: reader.read(instance), source, firstDocument: first_document, lastDocument: last_document };
      } finally {
        reader.close();
      }
    }
  }

  /** Removes all shards. Their manifest goes first: a kill in between leaves files that nobody vouches for. */
  async remove(): Promise<void> {
    await rm(join(this.folder, MANIFEST_NAME), { force: true });
    await rm(this.folder, { recursive: true, force: true });
  }
}
