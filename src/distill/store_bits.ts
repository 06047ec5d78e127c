/** Writes whole numbers of any width up to 32 bits one behind the other, lowest bit first. */
export class BitWriter {
  private bytes = new Uint8Array(1024);
  private length = 0;
  private pending = 0;
  private pendingBits = 0;

  /** Appends the lowest `width` bits of a value; width 0 writes nothing. */
  write(value: number, width: number): void {
    // 7 bits may be waiting: more than 24 at once would not fit the 32 bits of JavaScript's operators.
    if (width > 24) {
      this.write(value & 0xffff, 16);
      this.write(value >>> 16, width - 16);
      return;
    }
    this.pending |= (value & ((1 << width) - 1)) << this.pendingBits;
    this.pendingBits += width;
    while (this.pendingBits >= 8) {
      this.push(this.pending & 0xff);
      this.pending >>>= 8;
      this.pendingBits -= 8;
    }
  }

  /** The bytes written, the last one filled up with zeros. */
  finish(): Uint8Array {
    if (this.pendingBits > 0) this.push(this.pending);
    this.pending = this.pendingBits = 0;
    return this.bytes.subarray(0, this.length);
  }

  private push(byte: number): void {
    if (this.length === this.bytes.length) {
      const larger = new Uint8Array(2 * this.length);
      larger.set(this.bytes);
      this.bytes = larger;
    }
    this.bytes[this.length++] = byte;
  }
}

/** Reads what BitWriter wrote; behind the end stand zeros, so the caller checks lengths before. */
export class BitReader {
  private at = 0;
  private pending = 0;
  private pendingBits = 0;

  constructor(private readonly bytes: Uint8Array) {}

  /** The next `width` bits, at most 32, as a number of 0 or more. */
  read(width: number): number {
    if (width > 24) return (this.read(16) | (this.read(width - 16) << 16)) >>> 0;
    while (this.pendingBits < width) {
      this.pending |= (this.bytes[this.at++] ?? 0) << this.pendingBits;
      this.pendingBits += 8;
    }
    const value = this.pending & ((1 << width) - 1);
    this.pending >>>= width;
    this.pendingBits -= width;
    return value;
  }
}

/** Bytes that so many bits take. */
export const bytesOfBits = (bits: number): number => Math.ceil(bits / 8);

/** Bits of a number below `count`. */
export const bitsBelow = (count: number): number => (count <= 1 ? 0 : 32 - Math.clz32(count - 1));
