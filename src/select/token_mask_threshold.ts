/**
 * Finds the k-th largest of a stream of float32 values in two passes with counters of fixed size, so that a corpus of any
 * length needs no sort: the first pass counts the upper 16 bits of each value in the order of numbers, the second the lower 16
 * bits of those that share the cut's upper ones.
 */
export class KthLargest {
  private readonly upper = new Float64Array(65536);
  private readonly lower = new Float64Array(65536);
  private cut: { upper: number; above: number } | undefined;
  count = 0;

  /** First pass. */
  addUpper(value: number): void {
    this.upper[orderedBits(value) >>> 16]!++;
    this.count++;
  }

  /** Ends the first pass. @param k - 1 … count */
  fix(k: number): void {
    let above = 0;
    let bucket = 65535;
    while (above + this.upper[bucket]! < k) above += this.upper[bucket--]!;
    this.cut = { upper: bucket, above };
  }

  /** Second pass, over the same values. */
  addLower(value: number): void {
    const bits = orderedBits(value);
    if (bits >>> 16 === this.cut!.upper) this.lower[bits & 0xffff]!++;
  }

  /** The k-th largest value, and how many values equal to it belong to the k largest. @param k - as in `fix` */
  result(k: number): { value: number; equal: number } {
    let { above } = this.cut!;
    let bucket = 65535;
    while (above + this.lower[bucket]! < k) above += this.lower[bucket--]!;
    return { value: fromOrderedBits(((this.cut!.upper << 16) | bucket) >>> 0), equal: k - above };
  }
}

const float = new Float32Array(1);
const bits32 = new Uint32Array(float.buffer);

/** Bits of a float32 that compare as unsigned integers as the numbers do; -0 is 0. */
function orderedBits(value: number): number {
  float[0] = value + 0;
  const bits = bits32[0]!;
  return (bits & 0x80000000 ? ~bits : bits | 0x80000000) >>> 0;
}

function fromOrderedBits(ordered: number): number {
  bits32[0] = ordered & 0x80000000 ? ordered & 0x7fffffff : ~ordered;
  return float[0]!;
}
