import { HeartcutError } from "../errors.ts";

/** Numbers in files are little-endian, and the readers use the machine's own order. @throws HeartcutError HC1009 on a big-endian machine */
export function requireLittleEndian(): void {
  if (new Uint8Array(new Uint16Array([1]).buffer)[0] === 1) return;
  throw new HeartcutError("HC1009", {
    what: "this machine is big-endian",
    why: "model and token files are little-endian and are read without swapping",
    fix: "run heartcut on an x86-64 or ARM64 machine",
  });
}

/** Widens bfloat16 bits to float32, exactly. Both arrays have the same length. */
export function bfloat16ToFloat32(bits: Uint16Array, into: Float32Array): void {
  const words = new Uint32Array(into.buffer, into.byteOffset, into.length);
  for (let i = 0; i < bits.length; i++) words[i] = bits[i]! << 16;
}

let halfTable: Uint32Array | undefined;

/** Widens float16 bits to float32, exactly, subnormals and NaN payloads included. Both arrays have the same length. */
export function float16ToFloat32(bits: Uint16Array, into: Float32Array): void {
  halfTable ??= Uint32Array.from({ length: 65536 }, (_, half) => widenHalf(half));
  const table = halfTable;
  const words = new Uint32Array(into.buffer, into.byteOffset, into.length);
  for (let i = 0; i < bits.length; i++) words[i] = table[bits[i]!]!;
}

/** float32 bits of a float16: binary16 is 1 sign, 5 exponent (bias 15), 10 fraction bits. */
function widenHalf(half: number): number {
  const sign = (half & 0x8000) << 16;
  const exponent = (half >>> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0x1f) return sign | 0x7f800000 | (fraction << 13);
  if (exponent !== 0) return sign | ((exponent + 112) << 23) | (fraction << 13);
  if (fraction === 0) return sign;
  // A subnormal is fraction x 2^-24: its leading one becomes the implicit bit.
  const shift = Math.clz32(fraction) - 21;
  return sign | ((113 - shift) << 23) | (((fraction << shift) & 0x3ff) << 13);
}

/** Rounds float32 to bfloat16 bits, to nearest with ties to even; NaN stays NaN (quiet). Both arrays have the same length. */
export function float32ToBfloat16(values: Float32Array, into: Uint16Array): void {
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length);
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    if ((word & 0x7fffffff) > 0x7f800000) into[i] = (word >>> 16) | 0x40;
    else into[i] = (word + 0x7fff + ((word >>> 16) & 1)) >>> 16;
  }
}

/** Rounds float32 to float16 bits, to nearest with ties to even; overflow gives infinity, NaN stays NaN (quiet). Both arrays have the same length. */
export function float32ToFloat16(values: Float32Array, into: Uint16Array): void {
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length);
  for (let i = 0; i < words.length; i++) into[i] = narrowToHalf(words[i]!);
}

function narrowToHalf(word: number): number {
  const sign = (word >>> 16) & 0x8000;
  const magnitude = word & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00 | ((magnitude >>> 13) & 0x3ff);
  // 65520 and above round to infinity.
  if (magnitude >= 0x477ff000) return sign | 0x7c00;
  // From 2^-14 up the result is normal: rebias the exponent by 112 and round 13 fraction bits away.
  if (magnitude >= 0x38800000) return sign | ((magnitude - 0x38000000 + 0xfff + ((magnitude >>> 13) & 1)) >>> 13);
  // Up to 2^-25 rounds to zero (the tie at 2^-25 goes to the even 0).
  if (magnitude <= 0x33000000) return sign;
  const shift = 126 - (magnitude >>> 23);
  const fraction = (magnitude & 0x7fffff) | 0x800000;
  const half = 1 << (shift - 1);
  return sign | ((fraction + half - 1 + ((fraction >>> shift) & 1)) >>> shift);
}
