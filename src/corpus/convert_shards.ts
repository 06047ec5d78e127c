import { rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { MANIFEST_NAME, type Manifest, openManifest } from "../formats/manifest.ts";
import { publishFolder } from "../formats/publish_folder.ts";
import { readConvertRows, writeConvertRows } from "./convert_files.ts";
import type { ConvertRow } from "./convert_record.ts";
import { fillWithInstances, openInstances } from "./instances.ts";
import type { Instance } from "./record.ts";

/** A converted instance with its row of convert.parquet, not yet numbered. */
export interface ConvertedInstance extends Omit<ConvertRow, "instance"> {
  instance: Instance;
}

/** Committed shards of a conversion in `.<name>.shards` beside its folder, so that a kill costs one shard at most. */
export class ConvertShards {
  private constructor(
    private readonly folder: string,
    private readonly manifest: Manifest,
  ) {}

  /** Opens what an earlier, interrupted call left. @param output - the folder that the conversion publishes */
  static async open(output: string): Promise<ConvertShards> {
    const folder = join(dirname(output), `.${basename(output)}.shards`);
    return new ConvertShards(folder, await openManifest(folder));
  }

  /** Whether a shard was committed under this fingerprint and is intact. */
  async has(name: string, fingerprint: string): Promise<boolean> {
    return this.manifest.get(name)?.fingerprint === fingerprint && (await this.manifest.isIntact(name, { deep: true }));
  }

  /** Writes and commits one shard: a folder of instances with convert.parquet. */
  async commit(
    name: string,
    fingerprint: string,
    converted: readonly ConvertedInstance[],
    { vocabSize }: { vocabSize: number },
  ): Promise<void> {
    const published = await publishFolder(join(this.folder, name), async (staging) => {
      await fillWithInstances(
        staging,
        converted.map(({ instance }) => instance),
        { vocabSize },
      );
      await writeConvertRows(
        staging,
        converted.map(({ instance: _, ...row }, instance) => ({ instance, ...row })),
      );
    });
    await this.manifest.commit({ name, ...published, rows: converted.length, fingerprint });
  }

  /** The instances of some shards, one behind the other. */
  async *read(names: readonly string[]): AsyncGenerator<ConvertedInstance> {
    for (const name of names) {
      const folder = join(this.folder, name);
      const reader = await openInstances(folder);
      try {
        const origins = await readConvertRows(folder);
        for (const { instance: i, source, first_document, last_document } of await reader.rows()) {
          const instance = {
            tokens: reader.read(i),
            source,
            firstDocument: first_document,
            lastDocument: last_document,
          };
          yield { ...origins[i]!, instance };
        }
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
