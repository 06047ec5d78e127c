import type { StoreShard } from "./store_shard_read.ts";

/** Shards kept open: each holds its table of ids, a few hundred kilobytes at most. */
const OPEN_SHARDS = 32;

interface Lease {
  readonly shard: Promise<StoreShard>;
  /** Reads under way. */
  users: number;
  /** Out of the pool: closed as soon as nobody reads. */
  leaving: boolean;
}

/** Open shards by number, the least recently used closed first, but never under a read. */
export class ShardPool {
  private readonly leases = new Map<number, Lease>();

  constructor(private readonly open: (s: number) => Promise<StoreShard>) {}

  /** Runs a read on a shard, which is opened where it is not. */
  async use<T>(s: number, read: (shard: StoreShard) => Promise<T>): Promise<T> {
    const lease = this.leases.get(s) ?? { shard: this.open(s), users: 0, leaving: false };
    this.leases.delete(s);
    this.leases.set(s, lease);
    lease.users++;
    try {
      if (this.leases.size > OPEN_SHARDS) await this.evict(this.leases.keys().next().value!);
      return await read(await lease.shard);
    } catch (error) {
      // What could not be opened is tried again.
      if (this.leases.get(s) === lease) this.leases.delete(s);
      lease.leaving = true;
      throw error;
    } finally {
      lease.users--;
      await closeIfIdle(lease);
    }
  }

  async close(): Promise<void> {
    for (const s of [...this.leases.keys()]) await this.evict(s);
  }

  private async evict(s: number): Promise<void> {
    const lease = this.leases.get(s)!;
    this.leases.delete(s);
    lease.leaving = true;
    await closeIfIdle(lease);
  }
}

async function closeIfIdle(lease: Lease): Promise<void> {
  if (!lease.leaving || lease.users > 0) return;
  // A shard that was never opened has nothing to close; who asked for it has been told.
  await lease.shard.then(
    (shard) => shard.close(),
    () => {},
  );
}
