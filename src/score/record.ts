/** One row of a model's score shard `part-00000.parquet`: what one model makes of one instance. All values in nats. */
export interface NllRow {
  instance: number;
  /** Scored positions. */
  tokens: number;
  nll_sum: number;
  nll_mean: number;
  /** NLL of every label position (unscored ones included), only where per-token values were asked for. */
  token_nll?: number[];
}

/** One row of scores.parquet: teacher and reference joined, in corpus order. */
export interface ScoreRow {
  instance: number;
  /** Scored positions. */
  tokens: number;
  source: string;
  first_document: string;
  last_document: string;
  /** Mean (or sum, by option) NLL over the scored positions, in nats; in bits per byte where scores.json beside the table says so. */
  nll_teacher: number;
  nll_reference: number;
  /** nll_reference - nll_teacher: high where the teacher is far ahead. */
  difference: number;
}

/** One line of examples.jsonl: an instance as text with both models' NLL at each token, for reading by people. */
export interface Example {
  instance: number;
  source: string;
  first_document: string;
  /** "top", "bottom" or "borderline" of the selection named in `selection`. */
  stratum: "top" | "bottom" | "borderline";
  selection: string;
  kept: boolean;
  difference: number;
  nll_teacher: number;
  nll_reference: number;
  /** Text pieces of the tokens; joined they are the instance's text. */
  pieces: string[];
  /** Per piece; null where no model predicts it (the first token) or the position is not scored. */
  token_nll_teacher: (number | null)[];
  token_nll_reference: (number | null)[];
}
