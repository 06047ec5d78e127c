/** Ids that structure an instance: EOS behind each document, BOS in front of the instance where its family has one. */
export interface DocumentMarks {
  eos: number;
  bos?: number | undefined;
}

/** Number of ids in front of an instance's text: 1 if it begins with the family's BOS, else 0. */
export function headLength(tokens: Int32Array, { bos }: DocumentMarks): number {
  return bos !== undefined && tokens[0] === bos ? 1 : 0;
}

/** The documents (or pieces of documents) of one instance: what stands between its EOS. A BOS at its head belongs to none.
 * @param tokens - int[n]   @returns k EOS make k + 1 parts, in order; a part may be empty   Source: MiniPLM, arXiv:2410.17215 */
export function splitDocuments(tokens: Int32Array, marks: DocumentMarks): Int32Array[] {
  const parts: Int32Array[] = [];
  let start = headLength(tokens, marks);
  for (let end = tokens.indexOf(marks.eos, start); end >= 0; end = tokens.indexOf(marks.eos, start)) {
    parts.push(tokens.subarray(start, end));
    start = end + 1;
  }
  parts.push(tokens.subarray(start));
  return parts;
}
