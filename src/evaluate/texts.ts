import type { TextBytesRow } from "../score/bits_per_byte_record.ts";
import type { NllRow } from "../score/record.ts";

/** One model's NLL of each text of a set, by the number of the instance it was packed as, with the bytes that were scored. */
export type TextLosses = ReadonlyMap<number, { readonly nats: number; readonly bytes: number }>;

/** Sums the pieces that a text was re-encoded into; texts without a scored byte are left out. @param rows, bytes - in instance order */
export function textLosses(rows: readonly NllRow[], bytes: readonly TextBytesRow[]): TextLosses {
  const texts = new Map<number, { nats: number; bytes: number }>();
  for (const [i, { nll_sum }] of rows.entries()) {
    const { origin, scored_bytes } = bytes[i]!;
    const text = texts.get(origin) ?? { nats: 0, bytes: 0 };
    text.nats += nll_sum;
    text.bytes += scored_bytes;
    texts.set(origin, text);
  }
  return new Map([...texts].filter(([, text]) => text.bytes > 0));
}
