import type { NumberFormat } from "./figures.ts";

/** Version of the table model, in every JSON file. */
export const TABLES_VERSION = 1;

/** What can be asked for. */
export const TABLE_KINDS = ["losses", "tasks", "comparisons", "selection", "costs"] as const;
export type TableKind = (typeof TABLE_KINDS)[number];

/** A table with its numbers as they were measured: writers round, scale and escape. */
export interface Table {
  kind: TableKind;
  /** Names its file, e.g. "task-comparisons". */
  name: string;
  title: string;
  /** Sentences above the table: what the figures are; first of all that they are not the task's, where a run was limited. */
  caption: string[];
  /** Sentences below it: of how many items, how intervals came about, what marks mean, where all comes from. */
  notes: string[];
  /** Content hashes of what the figures rest on. */
  provenance: Provenance;
  columns: Column[];
  rows: Row[];
}

/** Where a table comes from. */
export interface Provenance {
  /** Name of the run, or of the folder of an evaluation. */
  name: string;
  heartcutVersion?: string;
  /** SHA-256 of one file, or of the `sha256sum` listing of several. */
  hashes: { what: string; sha256: string }[];
}

export type Column = TextColumn | NumberColumn;

/** Left-aligned text. */
interface TextColumn {
  key: string;
  title: string;
}

/** Right-aligned figures. */
export interface NumberColumn extends TextColumn {
  format: NumberFormat;
  unit?: string;
  better?: "lower" | "higher";
  /** Whether figures have an interval, and how people see it: ± half its width (its ends where it stops at 0 or 100 %), or its ends. Programs see both ends. */
  interval?: "half" | "ends";
}

/** A row: of the table's subject, or shown beside it. Rules stand where the group changes. */
export interface Row {
  group: string;
  /** By column; null where nothing is known. */
  cells: Cell[];
}

export type Cell = string | Figure | null;

/** A number with what is known of its uncertainty. */
export interface Figure {
  value: number;
  /** 95 % interval. */
  interval?: [number, number];
  /** What the interval is over, where that is not the same for all figures of a kind. */
  over?: "seeds" | "items";
  stderr?: number;
  /** Sign of an interval over items in a table whose others are over seeds; the notes explain it. */
  overSign?: "‡";
  /** Trainings it is the mean of. */
  seeds?: number;
  /** p that it differs from its baseline, adjusted for the number of comparisons. */
  p?: number;
  /** The best of its column, no other being equal. */
  best?: true;
  /** What the notes explain: a difference that is clear by its p, or by its interval over items alone. */
  mark?: Mark;
  /** Where it is not the column's. */
  format?: NumberFormat;
}

export type Mark = "*" | "†";

export function isNumeric(column: Column): column is NumberColumn {
  return "format" in column;
}
