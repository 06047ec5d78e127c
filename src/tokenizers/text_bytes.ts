import { BYTE_CHARACTERS } from "./byte_level.ts";
import type { Tokenizer } from "./tokenizer.ts";

/** What is needed of a tokenizer to tell the bytes of its tokens. */
export type ByteSource = Pick<Tokenizer, "decode" | "pieces" | "idOf" | "tokenOf" | "specials">;

/**
 * The UTF-8 bytes that tokens stand for. Byte-level BPE and SentencePiece with byte fallback: the bytes of each token as they
 * are, so that a character split over tokens is counted where its bytes stand, and one cut off by a window counts with the bytes
 * that are there. Other tokenizers have no token smaller than a character: the text that each adds, as `pieces` gives it.
 * Special tokens have no bytes, nor has an id without a token. A space that the decoder drops in front of a text has none either.
 */
export class TextBytes {
  private readonly table = new Map<number, Uint8Array>();
  private readonly leading = new Map<number, Uint8Array>();
  private readonly bytesOfToken: ((id: number) => Uint8Array) | undefined;

  constructor(private readonly tokenizer: ByteSource) {
    this.bytesOfToken = byteRule(tokenizer);
  }

  /** The bytes of one text. @param ids - of one document, without what stands around it */
  bytes(ids: ArrayLike<number>): Uint8Array {
    return Buffer.concat(this.parts(ids));
  }

  /** Number of bytes that each id adds: they sum to the length of `bytes`, and where that is valid UTF-8 it is the decoded text. */
  lengths(ids: ArrayLike<number>): Int32Array {
    return Int32Array.from(this.parts(ids), (part) => part.length);
  }

  private parts(ids: ArrayLike<number>): Uint8Array[] {
    if (this.bytesOfToken === undefined) return this.partsByPieces(ids);
    return Array.from(ids, (id, i) => (i === 0 ? this.first(id) : this.token(id)));
  }

  private partsByPieces(ids: ArrayLike<number>): Uint8Array[] {
    return this.tokenizer
      .pieces(ids)
      .map((piece, i) => (isSpecial(this.tokenizer, ids[i]!) ? NOTHING : Buffer.from(piece, "utf8")));
  }

  private token(id: number): Uint8Array {
    const known = this.table.get(id);
    if (known !== undefined) return known;
    const { tokenizer } = this;
    const empty = tokenizer.tokenOf(id) === undefined || isSpecial(tokenizer, id);
    const bytes = empty ? NOTHING : this.bytesOfToken!(id);
    this.table.set(id, bytes);
    return bytes;
  }

  /** SentencePiece decoders drop the space that the first word of every text carries. */
  private first(id: number): Uint8Array {
    const known = this.leading.get(id);
    if (known !== undefined) return known;
    const whole = this.token(id);
    const dropped = whole[0] === SPACE && Buffer.byteLength(this.tokenizer.decode([id]), "utf8") === whole.length - 1;
    const bytes = dropped ? whole.subarray(1) : whole;
    this.leading.set(id, bytes);
    return bytes;
  }
}

const NOTHING = new Uint8Array(0);
const SPACE = 0x20;
const BYTE_OF = new Map(BYTE_CHARACTERS.map((character, byte) => [character, byte]));

/** How this vocabulary spells bytes; undefined where its tokens are whole characters. */
function byteRule(tokenizer: ByteSource): ((id: number) => Uint8Array) | undefined {
  const space = tokenizer.idOf(BYTE_CHARACTERS[SPACE]!);
  if (space !== undefined && tokenizer.decode([space]) === " ") return (id) => byteLevel(tokenizer.tokenOf(id)!);
  const anchor = tokenizer.idOf("<0x41>");
  if (anchor === undefined || tokenizer.decode([anchor]) !== "A") return undefined;
  return (id) => {
    const byte = /^<0x([0-9A-F]{2})>$/.exec(tokenizer.tokenOf(id)!)?.[1];
    if (byte !== undefined) return Uint8Array.of(Number.parseInt(byte, 16));
    // Behind another token, so that a leading space is not dropped.
    return Buffer.from(tokenizer.decode([anchor, id]).slice(1), "utf8");
  };
}

/** A token with a character that stands for no byte is an added one: the decoder takes it as it is written. */
function byteLevel(token: string): Uint8Array {
  const bytes = Array.from(token, (character) => BYTE_OF.get(character));
  return bytes.includes(undefined) ? Buffer.from(token, "utf8") : Uint8Array.from(bytes as number[]);
}

function isSpecial(tokenizer: ByteSource, id: number): boolean {
  if (Object.values(tokenizer.specials).includes(id)) return true;
  return tokenizer.decode([id]) !== "" && tokenizer.decode([id], { skipSpecialTokens: true }) === "";
}
