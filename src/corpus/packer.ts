import type { Instance } from "./record.ts";
import type { MayEnd } from "./sentence_ends.ts";

export interface PackerOptions {
  /** Tokens of a full instance: L + 1, input and shifted label share them. At least 2, 3 with a BOS. */
  chunkLength: number;
  eos: number;
  /** Set for families whose instances begin with it (Llama, Mistral). */
  bos?: number | undefined;
  mayEnd: MayEnd;
  /** Instances one added document may complete; the next one and all that waits behind it is dropped. Default 2000, as the reference. */
  instanceLimit?: number;
  /**
   * Never cuts a window after its first token alone. The reference does, and throws that token away (mostly an EOS, so that
   * nothing separates two documents any more). Default false.
   */
  keepLoneEos?: boolean;
  /** Ends with what is left in each buffer, which the reference drops. Default false. */
  keepRemainder?: boolean;
}

/** What a packer did, counted in tokens without BOS where not said otherwise. */
export interface PackingStatistics {
  windows: number;
  windowsWithoutACut: number;
  /** Tokens of instances, BOS included. */
  tokensWritten: number;
  singleTokensDropped: number;
  /** Documents that reached the limit of instances, and what was dropped with them. */
  documentsCutOff: number;
  tokensDroppedWithThem: number;
}

/**
 * Packs documents into instances of at most `chunkLength` tokens, one buffer per source: documents are joined by EOS, a full
 * window is cut back to the last place where a text may end, what is behind the cut opens the next window.
 * Source: MiniPLM (arXiv:2410.17215), its packing script.
 */
export class Packer {
  readonly statistics: PackingStatistics = {
    windows: 0,
    windowsWithoutACut: 0,
    tokensWritten: 0,
    singleTokensDropped: 0,
    documentsCutOff: 0,
    tokensDroppedWithThem: 0,
  };
  private readonly buffers = new Map<string, TokenBuffer>();
  private readonly head: readonly number[];

  constructor(private readonly options: PackerOptions) {
    this.head = options.bos === undefined ? [] : [options.bos];
  }

  /** Adds a document's tokens, without BOS and EOS, and gives the instances that are full now. */
  *add(source: string, document: string, tokens: ArrayLike<number>): Generator<Instance> {
    const { chunkLength, eos, instanceLimit = 2000 } = this.options;
    const room = chunkLength - this.head.length;
    const buffer = this.buffers.get(source) ?? new TokenBuffer();
    this.buffers.set(source, buffer);
    buffer.append(document, tokens, eos);
    let completed = 0;
    while (buffer.length >= room) {
      const cut = this.cut(buffer, room);
      const kept = this.head.length + cut;
      if (kept <= 1) {
        buffer.drop(cut);
        this.statistics.singleTokensDropped += kept;
        continue;
      }
      if (completed === instanceLimit) {
        this.statistics.documentsCutOff++;
        this.statistics.tokensDroppedWithThem += buffer.length;
        buffer.drop(buffer.length);
        return;
      }
      completed++;
      yield this.take(source, buffer, cut);
    }
  }

  /** Gives what is left in the buffers, in order of first appearance, if the options say so; nothing otherwise. */
  *finish(): Generator<Instance> {
    if (!this.options.keepRemainder) return;
    for (const [source, buffer] of this.buffers)
      if (this.head.length + buffer.length > 1) yield this.take(source, buffer, buffer.length);
  }

  /** Tokens left in each source's buffer, without BOS. */
  leftovers(): Map<string, Int32Array> {
    return new Map([...this.buffers].map(([source, buffer]) => [source, buffer.slice(0, buffer.length)]));
  }

  /** Number of tokens of the window that stay in it. */
  private cut(buffer: TokenBuffer, room: number): number {
    this.statistics.windows++;
    const first = this.options.keepLoneEos && this.head.length === 0 ? 1 : 0;
    for (let i = room - 1; i >= first; i--) if (this.options.mayEnd(buffer.at(i)!, buffer.at(i + 1))) return i + 1;
    this.statistics.windowsWithoutACut++;
    return room;
  }

  private take(source: string, buffer: TokenBuffer, count: number): Instance {
    const tokens = new Int32Array(this.head.length + count);
    tokens.set(this.head);
    tokens.set(buffer.slice(0, count), this.head.length);
    this.statistics.tokensWritten += tokens.length;
    const instance = {
      tokens,
      source,
      firstDocument: buffer.documentAt(0),
      lastDocument: buffer.documentAt(count - 1),
    };
    buffer.drop(count);
    return instance;
  }
}

/**
 * One instance per document: BOS where the family has one, the tokens, EOS; of that the first `chunkLength`, so the EOS stands
 * only where it fits.
 */
export function documentInstance(
  source: string,
  document: string,
  tokens: ArrayLike<number>,
  { chunkLength, eos, bos }: Pick<PackerOptions, "chunkLength" | "eos" | "bos">,
): Instance {
  const head = bos === undefined ? 0 : 1;
  const whole = new Int32Array(Math.min(chunkLength, head + tokens.length + 1));
  if (bos !== undefined) whole[0] = bos;
  for (let i = head; i < whole.length; i++) whole[i] = i - head < tokens.length ? tokens[i - head]! : eos;
  return { tokens: whole, source, firstDocument: document, lastDocument: document };
}

/** A queue of tokens that remembers which document each came from; dropping from the front costs nothing per token left. */
class TokenBuffer {
  private tokens = new Int32Array(4096);
  private start = 0;
  private end = 0;
  /** Documents in the queue with the absolute position behind their last token. */
  private documents: { id: string; end: number }[] = [];
  /** Absolute position of `tokens[start]`: tokens dropped since the beginning. */
  private dropped = 0;

  get length(): number {
    return this.end - this.start;
  }

  at(i: number): number | undefined {
    return i < this.length ? this.tokens[this.start + i] : undefined;
  }

  append(document: string, tokens: ArrayLike<number>, eos: number): void {
    this.makeRoom(tokens.length + 1);
    this.tokens.set(tokens, this.end);
    this.end += tokens.length;
    this.tokens[this.end++] = eos;
    this.documents.push({ id: document, end: this.dropped + this.length });
  }

  slice(from: number, to: number): Int32Array {
    return this.tokens.slice(this.start + from, this.start + to);
  }

  documentAt(i: number): string {
    return this.documents.find((document) => this.dropped + i < document.end)!.id;
  }

  drop(count: number): void {
    this.start += count;
    this.dropped += count;
    const left = this.documents.findIndex((document) => document.end > this.dropped);
    this.documents = left < 0 ? [] : this.documents.slice(left);
  }

  private makeRoom(count: number): void {
    if (this.end + count <= this.tokens.length) return;
    const needed = this.length + count;
    const target = needed * 2 > this.tokens.length ? new Int32Array(needed * 2) : this.tokens;
    target.set(this.tokens.subarray(this.start, this.end));
    this.tokens = target;
    this.end -= this.start;
    this.start = 0;
  }
}
