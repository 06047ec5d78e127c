import type { InstanceReader } from "../corpus/record.ts";
import { HeartcutError } from "../errors.ts";
import { checkpointSignal, type StageContext } from "../progress.ts";
import { exactRepeats } from "./exact_repeats.ts";
import { type Banding, bandingFor, bandKey, MinHash } from "./minhash.ts";
import type { NearDuplicatesSummary } from "./record.ts";
import { equalRuns } from "./runs.ts";
import { jaccard, shingleSet } from "./shingles.ts";

/** How near-duplicates are looked for. */
export interface DuplicateOptions {
  /** Jaccard similarity from which two instances are near-duplicates, above 0 and at most 1. Default 0.8. */
  threshold?: number | undefined;
  /** Tokens of a shingle. Default 5. */
  shingle?: number | undefined;
  /** MinHash permutations. Default 128. */
  permutations?: number | undefined;
  seed: number;
}

/** Near-duplicates of a folder of instances. */
export interface NearDuplicates {
  summary: NearDuplicatesSummary;
  /** First instance with the same tokens, for each instance; itself where there is none. */
  representative: Int32Array;
  /** Pairs a < b of representatives with their Jaccard similarity, ordered. */
  pairs: { a: number; b: number; jaccard: number }[];
}

/** Instances of a bucket that each one is compared with, at most: a template's thousands of fillings would take their square. */
const COMPARED_IN_BUCKET = 100;
/** Shingle sets kept for the comparisons that follow. */
const KEPT_SETS = 1024;

/** The options with their defaults. @throws HeartcutError HC3601 if a number is out of range */
export function duplicateSettings(options: DuplicateOptions): Required<{ [K in keyof DuplicateOptions]: number }> {
  const { threshold = 0.8, shingle = 5, permutations = 128, seed } = options;
  const refuse = (found: string, expected: string) =>
    new HeartcutError("HC3601", {
      what: "an option of the search for near-duplicates is out of range",
      found,
      expected,
    });
  if (!(threshold > 0 && threshold <= 1)) throw refuse(`threshold ${threshold}`, "above 0 and at most 1");
  if (!Number.isInteger(shingle) || shingle < 1) throw refuse(`shingle ${shingle}`, "a whole number from 1");
  if (!Number.isInteger(permutations) || permutations < 1 || permutations > 1024)
    throw refuse(`permutations ${permutations}`, "a whole number from 1 to 1024");
  return { threshold, shingle, permutations, seed };
}

/**
 * Finds instances that repeat each other, exactly or nearly: equal ones by their tokens; of the rest, those that share a band of
 * their MinHash signatures are compared by the Jaccard similarity of their shingles. Every pair given is a true one; a pair is
 * missed with probability 1 - recall. Memory: 4 bytes a band and 16 more for each instance, some 100 bytes with the defaults.
 * Time: one pass over the tokens (permutations steps each) and one comparison for each pair that shares a band.
 * @throws HeartcutError HC3601
 */
export async function findNearDuplicates(
  reader: InstanceReader,
  options: DuplicateOptions,
  context: StageContext,
): Promise<NearDuplicates> {
  const settings = duplicateSettings(options);
  const banding = bandingFor(settings.threshold, settings.permutations);
  const representative = await exactRepeats(reader, context);
  const single = Int32Array.from(representative.keys()).filter((i) => representative[i] === i && reader.size(i) > 0);
  const keys = await bandKeys(reader, single, banding, settings, context);
  const found = await comparePairs(reader, single, keys, settings, context);
  return {
    summary: {
      instances: reader.length,
      ...settings,
      ...banding,
      exactRepeats: representative.reduce((count, of, i) => count + Number(of !== i), 0),
      compared: found.compared,
      pairs: found.pairs.length,
      notCompared: found.notCompared,
    },
    representative,
    pairs: found.pairs,
  };
}

/** Keys of each band, one entry per single instance. */
async function bandKeys(
  reader: InstanceReader,
  single: Int32Array,
  { bands, rows }: Banding,
  { permutations, shingle, seed }: ReturnType<typeof duplicateSettings>,
  context: StageContext,
): Promise<Uint32Array[]> {
  const minHash = new MinHash(permutations, shingle, seed);
  const keys = Array.from({ length: bands }, () => new Uint32Array(single.length));
  for (const [at, i] of single.entries()) {
    // Counted in instances of the whole folder: repeats before this one are done with it.
    if (at % 256 === 0) await reportInstances(context, i, reader.length);
    const signature = minHash.signature(reader.read(i));
    for (let band = 0; band < bands; band++) keys[band]![at] = bandKey(signature, band, rows);
  }
  await reportInstances(context, reader.length, reader.length);
  return keys;
}

async function reportInstances(context: StageContext, done: number, total: number): Promise<void> {
  context.report({ type: "progress", stage: context.stage, done, total, unit: "instances" });
  await checkpointSignal(context);
}

/** Compares the instances that share a band, each pair once: in its first common band. */
async function comparePairs(
  reader: InstanceReader,
  single: Int32Array,
  keys: readonly Uint32Array[],
  { threshold, shingle }: ReturnType<typeof duplicateSettings>,
  context: StageContext,
) {
  const sets = new ShingleSets(reader, shingle);
  const pairs: NearDuplicates["pairs"] = [];
  let compared = 0;
  let notCompared = 0;
  for (const [band, bandOf] of keys.entries()) {
    for (const members of equalRuns(bandOf)) {
      for (const [at, x] of members.entries()) {
        const last = Math.min(members.length, at + 1 + COMPARED_IN_BUCKET);
        notCompared += members.length - last;
        for (let next = at + 1; next < last; next++) {
          const y = members[next]!;
          if (sharesEarlierBand(keys, band, x, y)) continue;
          if (compared++ % 1024 === 0) await checkpointSignal(context);
          const similarity = jaccard(sets.of(single[x]!), sets.of(single[y]!));
          if (similarity >= threshold) pairs.push({ a: single[x]!, b: single[y]!, jaccard: similarity });
        }
      }
    }
  }
  pairs.sort((p, q) => p.a - q.a || p.b - q.b);
  return { pairs, compared, notCompared };
}

function sharesEarlierBand(keys: readonly Uint32Array[], band: number, x: number, y: number): boolean {
  for (let earlier = 0; earlier < band; earlier++) if (keys[earlier]![x] === keys[earlier]![y]) return true;
  return false;
}

/** Shingle sets by instance, the latest kept. */
class ShingleSets {
  private readonly kept = new Map<number, Float64Array>();

  constructor(
    private readonly reader: InstanceReader,
    private readonly size: number,
  ) {}

  of(instance: number): Float64Array {
    const known = this.kept.get(instance);
    if (known !== undefined) return known;
    const set = shingleSet(this.reader.read(instance), this.size);
    // A map keeps the order of insertion: the first key is the oldest.
    if (this.kept.size >= KEPT_SETS) this.kept.delete(this.kept.keys().next().value!);
    this.kept.set(instance, set);
    return set;
  }
}
