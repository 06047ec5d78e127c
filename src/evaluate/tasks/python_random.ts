import { InternalError } from "../../errors.ts";

const N = 624;
const M = 397;

/**
 * Python's random.Random for a seed that is a whole number: the same draws, for what has to equal a Python program.
 * Source: Matsumoto and Nishimura 1998 (MT19937, init_by_array); CPython's random.sample and _randbelow
 */
export class PythonRandom {
  private readonly state = new Uint32Array(N);
  private at = N;

  /** @param seed - its absolute value counts, as in Python; at most 2^53 - 1 */
  constructor(seed: number) {
    if (!Number.isSafeInteger(seed)) throw new InternalError(`seed ${seed} is no whole number`);
    const size = Math.abs(seed);
    const high = Math.floor(size / 2 ** 32);
    this.seedBy(high === 0 ? [size] : [size >>> 0, high]);
  }

  private seedBy(key: readonly number[]): void {
    const s = this.state;
    s[0] = 19650218;
    for (let i = 1; i < N; i++) s[i] = Math.imul(1812433253, s[i - 1]! ^ (s[i - 1]! >>> 30)) + i;
    let i = 1;
    const next = () => {
      if (++i < N) return;
      s[0] = s[N - 1]!;
      i = 1;
    };
    for (let k = 0; k < N; k++) {
      const j = k % key.length;
      s[i] = (s[i]! ^ Math.imul(s[i - 1]! ^ (s[i - 1]! >>> 30), 1664525)) + key[j]! + j;
      next();
    }
    for (let k = 0; k < N - 1; k++) {
      s[i] = (s[i]! ^ Math.imul(s[i - 1]! ^ (s[i - 1]! >>> 30), 1566083941)) - i;
      next();
    }
    s[0] = 0x80000000;
  }

  /** Uniform integer in [0, 2^32). */
  uint32(): number {
    if (this.at === N) this.renew();
    let y = this.state[this.at++]!;
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return (y ^ (y >>> 18)) >>> 0;
  }

  private renew(): void {
    const s = this.state;
    for (let k = 0; k < N; k++) {
      const y = (s[k]! & 0x80000000) | (s[(k + 1) % N]! & 0x7fffffff);
      s[k] = s[(k + M) % N]! ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0);
    }
    this.at = 0;
  }

  /** Uniform integer in [0, n), 1 <= n < 2^32: as many bits as n has, drawn until they are below n. */
  below(n: number): number {
    const shift = Math.clz32(n);
    for (;;) {
      const x = this.uint32() >>> shift;
      if (x < n) return x;
    }
  }

  /** random.sample(range(n), k): k different integers in [0, n), in the order drawn. */
  sample(n: number, k: number): number[] {
    if (k > n) throw new InternalError(`a sample of ${k} from ${n}`);
    // Which way is taken decides what is drawn: a list for few, a set for many.
    const setSize = 21 + (k > 5 ? 4 ** Math.ceil(Math.log(k * 3) / Math.log(4)) : 0);
    if (n <= setSize) {
      const pool = Array.from({ length: n }, (_, i) => i);
      return Array.from({ length: k }, (_, i) => {
        const j = this.below(n - i);
        const drawn = pool[j]!;
        pool[j] = pool[n - i - 1]!;
        return drawn;
      });
    }
    const drawn = new Set<number>();
    while (drawn.size < k) drawn.add(this.below(n));
    return [...drawn];
  }
}
