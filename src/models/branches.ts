import { InternalError } from "../errors.ts";

/** A sequence of which the end is asked for: log p of ids[from …] given what stands before, each id by those before it. */
export interface AskedSequence {
  readonly ids: Int32Array;
  /** First id that is asked for; at least 1, and there is one to ask for. */
  readonly from: number;
}

/** A row of a batch: the beginning that its sequences share, once, and behind it what each has of its own. */
export interface BranchRow<S extends AskedSequence = AskedSequence> {
  readonly sequences: readonly S[];
  /** Places of the beginning: 0 … shared-1 of the row. */
  readonly shared: number;
  /** First place of each sequence's own part. */
  readonly starts: readonly number[];
  /** Places of the whole row. */
  readonly length: number;
}

/** When sequences are put into one row. */
export interface SharingRule {
  /** What a row of so many places costs; attention makes long rows dearer than their parts. */
  cost(places: number): number;
  /** Places of the longest row that may be shared. */
  readonly longest: number;
}

/** Ids that a sequence reads: the last one is asked for, never read. */
export const placesOf = ({ ids }: AskedSequence): number => ids.length - 1;

/** Number of ids at the beginning that all sequences read alike. */
export function sharedBeginning(sequences: readonly AskedSequence[]): number {
  const [first, ...others] = sequences;
  if (first === undefined) throw new InternalError("sharedBeginning of no sequences");
  let shared = Math.min(...sequences.map(placesOf));
  for (const { ids } of others) {
    let i = 0;
    while (i < shared && ids[i] === first.ids[i]) i++;
    shared = i;
  }
  return shared;
}

/** Puts the sequences of a group into rows, in order: together while that is cheaper than a row of its own for the next. */
export function branchRows<S extends AskedSequence>(
  group: readonly S[],
  { cost, longest }: SharingRule,
): BranchRow<S>[] {
  if (group.length === 0) return [];
  const shared = sharedBeginning(group);
  const rows: { sequences: S[]; shared: number; starts: number[]; length: number }[] = [];
  for (const sequence of group) {
    const alone = placesOf(sequence);
    const row = rows.at(-1);
    const together = (row?.length ?? 0) + alone - shared;
    if (row !== undefined && together <= longest && cost(together) < cost(row.length) + cost(alone)) {
      row.sequences.push(sequence);
      row.starts.push(row.length);
      row.length = together;
    } else rows.push({ sequences: [sequence], shared, starts: [shared], length: alone });
  }
  return rows;
}

/** Place of a row whose state predicts id p of its sequence number i. */
export function placeBefore(row: BranchRow, i: number, p: number): number {
  return p <= row.shared ? p - 1 : row.starts[i]! + p - 1 - row.shared;
}

/** Rows as a graph reads them, int32 [B,T] each. Padding stands at the end of a row, where nothing looks back at it. */
export interface BranchBatch {
  readonly ids: Int32Array<ArrayBuffer>;
  /** Place of a token in its own sequence. */
  readonly positions: Int32Array<ArrayBuffer>;
  /** 0 for the shared beginning, then the branches from 1 on; -1 for padding. */
  readonly branches: Int32Array<ArrayBuffer>;
}

/** Lays rows out. @throws InternalError for a row that is longer than T */
export function layRows(rows: readonly BranchRow[], B: number, T: number): BranchBatch {
  const ids = new Int32Array(B * T);
  const positions = new Int32Array(B * T);
  const branches = new Int32Array(B * T).fill(-1);
  for (const [b, { sequences, shared, starts, length }] of rows.entries()) {
    if (length > T) throw new InternalError(`layRows: a row of ${length} places for ${T}`);
    const put = (sequence: AskedSequence, from: number, to: number, at: number, branch: number) => {
      ids.set(sequence.ids.subarray(from, to), b * T + at);
      for (let i = 0; i < to - from; i++) positions[b * T + at + i] = from + i;
      branches.fill(branch, b * T + at, b * T + at + to - from);
    };
    put(sequences[0]!, 0, shared, 0, 0);
    for (const [i, sequence] of sequences.entries()) put(sequence, shared, placesOf(sequence), starts[i]!, i + 1);
  }
  return { ids, positions, branches };
}
