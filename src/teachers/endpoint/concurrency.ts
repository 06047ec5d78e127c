/** Lets a bounded number of tasks run at once, however many callers there are; the others wait in order. */
export class Slots {
  private readonly waiting: (() => void)[] = [];
  private free: number;

  constructor(size: number) {
    this.free = size;
  }

  async run<T>(task: () => Promise<T>): Promise<T> {
    if (this.free > 0) this.free--;
    else await new Promise<void>((resolve) => this.waiting.push(resolve));
    try {
      return await task();
    } finally {
      const next = this.waiting.shift();
      if (next === undefined) this.free++;
      else next();
    }
  }
}

/**
 * Runs a task for each item, in the order of the items as slots come free. After a failure no further task starts, those under way
 * are aborted, and the first error is thrown once all have ended.
 */
export async function mapInSlots<T, R>(
  items: readonly T[],
  slots: Slots,
  signal: AbortSignal | undefined,
  task: (item: T, index: number, signal: AbortSignal) => Promise<R>,
): Promise<R[]> {
  const stop = new AbortController();
  const both = signal === undefined ? stop.signal : AbortSignal.any([signal, stop.signal]);
  const results = new Array<R>(items.length);
  let first: { error: unknown } | undefined;
  await Promise.all(
    items.map((item, i) =>
      slots.run(async () => {
        if (first !== undefined) return;
        try {
          both.throwIfAborted();
          results[i] = await task(item, i, both);
        } catch (error) {
          first ??= { error };
          stop.abort();
        }
      }),
    ),
  );
  if (first !== undefined) throw first.error;
  return results;
}
