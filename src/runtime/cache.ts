import type { Executable } from "./executable.ts";

/**
 * Executables by shape, the least recently used disposed first. Sequences are bucketed by length, so a handful of
 * shapes serves a whole data set; each holds engine memory for its activations, which is why the number is bounded.
 */
export class ExecutableCache {
  private readonly entries = new Map<string, Executable>();

  constructor(private readonly capacity: number) {}

  async get(key: string, compile: () => Promise<Executable>): Promise<Executable> {
    let executable = this.entries.get(key);
    if (executable !== undefined) {
      this.entries.delete(key);
    } else {
      while (this.entries.size >= this.capacity) {
        const [oldest, victim] = this.entries.entries().next().value!;
        this.entries.delete(oldest);
        await victim.dispose();
      }
      executable = await compile();
    }
    this.entries.set(key, executable);
    return executable;
  }

  async dispose(): Promise<void> {
    for (const executable of this.entries.values()) await executable.dispose();
    this.entries.clear();
  }
}
