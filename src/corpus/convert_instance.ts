import type { DocumentMarks } from "../tokenizers/documents.ts";
import type { Overflow } from "./convert_record.ts";

/** How encoded documents become instances. */
export interface FitOptions extends DocumentMarks {
  /** Tokens of a full instance: L + 1. */
  chunkLength: number;
  overflow: Overflow;
}

/** Instances made of one, and the tokens that none of them took. */
export interface Fitted {
  instances: Int32Array[];
  lost: number;
}

/** Documents behind each other with EOS between them; none is added at the end, so an EOS that ended the instance stays
 * (as the empty part behind it). */
export function joinDocuments(parts: readonly Int32Array[], eos: number): Int32Array {
  const joined = new Int32Array(parts.reduce((length, part) => length + part.length + 1, -1)).fill(eos);
  let start = 0;
  for (const part of parts) {
    joined.set(part, start);
    start += part.length + 1;
  }
  return joined;
}

/**
 * Brings the tokens of one instance to its new length. `drop` keeps the front, as the reference does; `carry` makes as few
 * instances as hold everything, of equal length to within a token: the loss is a mean over instances of means over tokens, so a
 * rest of three tokens would weigh as much as a full window.
 * Where the family has no BOS, a single token gets an EOS, so that there is something to predict.
 * @param tokens - documents joined by EOS, without BOS   Source: MiniPLM, arXiv:2410.17215
 */
export function fitInstances(tokens: Int32Array, { chunkLength, eos, bos, overflow }: FitOptions): Fitted {
  const room = chunkLength - (bos === undefined ? 0 : 1);
  const pieces = overflow === "carry" ? equalPieces(tokens, room) : [tokens.subarray(0, room)];
  const instances = pieces.map((piece) => {
    if (bos !== undefined) return Int32Array.of(bos, ...piece);
    return piece.length > 1 ? piece.slice() : Int32Array.of(...piece, eos);
  });
  return { instances, lost: tokens.length - pieces.reduce((kept, piece) => kept + piece.length, 0) };
}

function equalPieces(tokens: Int32Array, room: number): Int32Array[] {
  const count = Math.max(1, Math.ceil(tokens.length / room));
  const border = (k: number) => Math.ceil((k * tokens.length) / count);
  return Array.from({ length: count }, (_, k) => tokens.subarray(border(k), border(k + 1)));
}
