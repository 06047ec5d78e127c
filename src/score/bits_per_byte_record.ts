/** Unit of nll_teacher, nll_reference and difference in a scores.parquet. */
export type ScoreUnit = "nats_per_token" | "bits_per_byte";

/** NLL of a text as bits per byte, the unit in which models of different tokenizers compare.
 * @param nats - sum of NLLs   @param bytes - UTF-8 bytes of the text they are of */
export function bitsPerByte(nats: number, bytes: number): number {
  return nats / (bytes * Math.LN2);
}

/** One row of text_bytes.parquet: the text of one instance, in bytes. */
export interface TextBytesRow {
  instance: number;
  /** Number of the instance it was converted from; its own number where it was not. */
  origin: number;
  first_document: string;
  last_document: string;
  /** Scored positions under the mask. */
  tokens: number;
  /** UTF-8 bytes of the targets of the scored positions. EOS, BOS and other special tokens have none. */
  scored_bytes: number;
  /** Bytes of all its tokens. */
  bytes: number;
  /** Hash of the text of all instances of its origin together: their bytes, with a mark between documents. */
  text_sha256: string;
}

/** text_bytes.json: what text_bytes.parquet was counted over. */
export interface TextBytesSummary {
  /** Fingerprint of the instances, as in score.json, and of their tokenizer. */
  corpus: string;
  tokenizer: string;
  mask: "miniplm" | "all";
  /** Fingerprint of the instances these were converted from; null where they were packed. */
  convertedFrom: string | null;
  instances: number;
  scoredBytes: number;
  bytes: number;
}

/** How the instances of one model were found for those that are ranked. */
export type MatchedBy = "instance" | "conversion" | "document";

/** scores.json: what a scores.parquet in bits per byte compares. */
export interface BitsPerByteSummary {
  unit: "bits_per_byte";
  /** SHA-256 of the scores.parquet it belongs to. */
  scores: string;
  teacher: { model: string; tokenizer: string; matchedBy: MatchedBy };
  reference: { model: string; tokenizer: string; matchedBy: MatchedBy };
  instances: number;
  /** Instances with a score, and why the others have none. */
  compared: number;
  excluded: { differentText: number; missing: number; unscored: number };
}
