import { pad, reshape, slice, transpose } from "../ops/index.ts";
import type { Value } from "../value.ts";

/**
 * Numbers per step (rows · channels · states) from which on a step is worth its kernels' calls: such texts are one chunk.
 * Chunks side by side cost a pass more: forward and backward of 4 × 512 tokens, 1,536 channels and 16 states took 253 ms
 * in one chunk and 545 ms in chunks of 64 (one thread), as the states of one token stay in cache.
 */
const WIDE = 2 ** 13;
/** Numbers per step that chunks side by side fill: 1,024 tokens of 64 channels took 21 ms in one chunk and 11 ms in 32. */
const STEP_WIDTH = 2 ** 15;
/** Tokens of a chunk at least. */
const SHORTEST_CHUNK = 16;

/** Tokens per chunk of T for steps of some width, in numbers of the state. */
export function chunkLength(T: number, width: number): number {
  if (width >= WIDE) return T;
  const chunks = Math.min(Math.floor(STEP_WIDTH / width), Math.floor(T / SHORTEST_CHUNK));
  return Math.ceil(T / Math.max(1, chunks));
}

/** How tokens are laid out for a scan: C chunks of Q tokens in each of B rows, R = B·C rows that run side by side. */
export class ChunkLayout {
  readonly C: number;
  readonly Q: number;
  readonly R: number;

  constructor(
    readonly B: number,
    readonly T: number,
    chunk: number,
  ) {
    this.C = Math.ceil(T / chunk);
    this.Q = Math.ceil(T / this.C);
    this.R = B * this.C;
  }

  /** [B,T,F] → [Q,R,1,F]; the last chunk is filled up with zeros, which leave the state as it is. */
  rows(x: Value): Value {
    const { B, T, C, Q, R } = this;
    const F = x.shape[2]!;
    const filled = C * Q === T ? x : pad(x, { axis: 1, before: 0, after: C * Q - T });
    return reshape(transpose(reshape(filled, [B, C, Q, F]), [2, 0, 1, 3]), [Q, R, 1, F]);
  }

  /** The inverse of `rows`, from any shape of [Q,R,F]. */
  tokens(x: Value, F: number): Value {
    const { B, T, C, Q } = this;
    const filled = reshape(transpose(reshape(x, [Q, B, C, F]), [1, 2, 0, 3]), [B, C * Q, F]);
    return slice(filled, { axis: 1, start: 0, end: T });
  }

  /** One [N,E] per chunk, [R,N,E] → [C,B,N,E]. */
  byChunk(x: Value): Value {
    const [, N, E] = x.shape as [number, number, number];
    return transpose(reshape(x, [this.B, this.C, N, E]), [1, 0, 2, 3]);
  }

  /** The inverse of `byChunk`. */
  fromChunks(x: Value): Value {
    const [C, B, N, E] = x.shape as [number, number, number, number];
    return reshape(transpose(x, [1, 0, 2, 3]), [B * C, N, E]);
  }
}
