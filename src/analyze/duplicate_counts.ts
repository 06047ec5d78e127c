import type { NearDuplicates } from "./near_duplicates.ts";
import type { PairCounts, SelectionAnalysis, Shift } from "./record.ts";

/** Near-duplicates as a graph of classes of equal instances, made once and asked about many selections. */
export class DuplicateGraph {
  /** Number of each instance's class. */
  private readonly classOf: Int32Array;
  private readonly sizes: Int32Array;
  /** Classes that are near-duplicates, two entries a pair. */
  private readonly edges: Int32Array;
  private readonly length: number;

  constructor({ representative, pairs }: Pick<NearDuplicates, "representative" | "pairs">) {
    this.length = representative.length;
    this.classOf = new Int32Array(this.length);
    let classes = 0;
    for (const [i, first] of representative.entries()) this.classOf[i] = first === i ? classes++ : this.classOf[first]!;
    this.sizes = new Int32Array(classes);
    for (const c of this.classOf) this.sizes[c]!++;
    this.edges = Int32Array.from(pairs.flatMap(({ a, b }) => [this.classOf[a]!, this.classOf[b]!]));
  }

  /** Share of some instances that have a near-duplicate among them; 0 for none. */
  shareWithin(instances: Int32Array): number {
    const kept = this.countsOf(instances);
    const near = this.nearOf(kept);
    let count = 0;
    for (const [c, members] of kept.entries()) if (members > 1 || near[c] === 1) count += members;
    return instances.length === 0 ? 0 : count / instances.length;
  }

  /** What a selection left of the duplicates. @param kept, dropped - together all instances */
  figures(
    kept: Int32Array,
    dropped: Int32Array,
  ): Omit<SelectionAnalysis["duplicates"], "threshold" | "shingle" | "random"> {
    const [keptOf, droppedOf] = [this.countsOf(kept), this.countsOf(dropped)];
    const nearDropped = this.nearOf(droppedOf);
    let keptWithDropped = 0;
    for (const [c, members] of keptOf.entries())
      if (droppedOf[c]! > 0 || nearDropped[c] === 1) keptWithDropped += members;
    const share: Shift = {
      all: this.shareWithin(Int32Array.from({ length: this.length }, (_, i) => i)),
      kept: kept.length === 0 ? null : this.shareWithin(kept),
      dropped: dropped.length === 0 ? null : this.shareWithin(dropped),
    };
    const pairs = this.pairs(keptOf, droppedOf);
    return {
      share,
      keptWithDropped: kept.length === 0 ? 0 : keptWithDropped / kept.length,
      pairs,
      pairsByChance: byChance(pairs.keptKept + pairs.droppedDropped + pairs.mixed, kept.length, dropped.length),
    };
  }

  private countsOf(instances: Int32Array): Int32Array {
    const counts = new Int32Array(this.sizes.length);
    for (const i of instances) counts[this.classOf[i]!]!++;
    return counts;
  }

  /** 1 for classes next to one that has members. */
  private nearOf(counts: Int32Array): Uint8Array {
    const near = new Uint8Array(counts.length);
    for (let e = 0; e < this.edges.length; e += 2) {
      const [a, b] = [this.edges[e]!, this.edges[e + 1]!];
      if (counts[b]! > 0) near[a] = 1;
      if (counts[a]! > 0) near[b] = 1;
    }
    return near;
  }

  private pairs(kept: Int32Array, dropped: Int32Array): PairCounts {
    const pairs = { keptKept: 0, droppedDropped: 0, mixed: 0 };
    for (const [c, k] of kept.entries()) {
      const d = dropped[c]!;
      pairs.keptKept += (k * (k - 1)) / 2;
      pairs.droppedDropped += (d * (d - 1)) / 2;
      pairs.mixed += k * d;
    }
    for (let e = 0; e < this.edges.length; e += 2) {
      const [a, b] = [this.edges[e]!, this.edges[e + 1]!];
      pairs.keptKept += kept[a]! * kept[b]!;
      pairs.droppedDropped += dropped[a]! * dropped[b]!;
      pairs.mixed += kept[a]! * dropped[b]! + dropped[a]! * kept[b]!;
    }
    return pairs;
  }
}

/** Mean number of pairs of each kind where k of k + d instances are kept at random. */
function byChance(pairs: number, k: number, d: number): PairCounts {
  const all = (k + d) * (k + d - 1);
  const share = (ordered: number) => (all === 0 ? 0 : (pairs * ordered) / all);
  return { keptKept: share(k * (k - 1)), droppedDropped: share(d * (d - 1)), mixed: share(2 * k * d) };
}
