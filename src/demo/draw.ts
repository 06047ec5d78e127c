import { InternalError } from "../errors.ts";
import type { Random } from "../random.ts";

/** True with probability p. */
export function chance(random: Random, p: number): boolean {
  return random.uniform() < p;
}

/** Integer in [low, high]. */
export function between(random: Random, low: number, high: number): number {
  return low + random.below(high - low + 1);
}

/** The items in random order. */
export function shuffled<T>(random: Random, items: readonly T[]): T[] {
  return Array.from(random.permutation(items.length), (i) => items[i]!);
}

/** n different items in random order (all of them where there are fewer). */
export function sample<T>(random: Random, items: readonly T[], n: number): T[] {
  return shuffled(random, items).slice(0, n);
}

/** Deals from lists like from decks of cards: every item of a list comes up once before any comes up again. */
export class Decks {
  private readonly piles = new Map<readonly unknown[], unknown[]>();
  private readonly random: Random;

  constructor(random: Random) {
    this.random = random;
  }

  /** The next item of the list's deck that is accepted; lists are told apart by identity. */
  deal<T>(list: readonly T[], accept: (item: T) => boolean = () => true): T {
    let pile = this.piles.get(list) as T[] | undefined;
    let at = pile?.findLastIndex(accept) ?? -1;
    if (pile === undefined || at < 0) {
      pile = shuffled(this.random, list);
      this.piles.set(list, pile);
      at = pile.findLastIndex(accept);
      if (at < 0) throw new InternalError(`no item of the list is accepted: ${String(list[0])} …`);
    }
    return pile.splice(at, 1)[0]!;
  }
}
