import { createHash } from "node:crypto";
import { join } from "node:path";
import { readConvertRows, readConvertSummary, tokenizerOfInstances } from "../corpus/convert_files.ts";
import { openInstances } from "../corpus/instances.ts";
import type { InstanceReader, InstanceRow } from "../corpus/record.ts";
import { HeartcutError } from "../errors.ts";
import { publishJson } from "../formats/publish.ts";
import { publishFolder } from "../formats/publish_folder.ts";
import { type LossMask, lossMask } from "../models/loss_mask.ts";
import { checkpointSignal, type StageContext } from "../progress.ts";
import { headLength, splitDocuments } from "../tokenizers/documents.ts";
import { type ByteSource, TextBytes } from "../tokenizers/text_bytes.ts";
import type { Tokenizer } from "../tokenizers/tokenizer.ts";
import { TEXT_BYTES_SUMMARY, writeTextBytesRows } from "./bits_per_byte_files.ts";
import type { TextBytesRow, TextBytesSummary } from "./bits_per_byte_record.ts";
import { readContent } from "./content.ts";
import { SCORE_DEFAULTS } from "./defaults.ts";

/** Between documents of a hashed text; no byte of UTF-8. */
const DOCUMENT_END = Uint8Array.of(0xff);

/** Input of the count. */
export interface CountTextBytesInput {
  /** Folder of instances, packed or converted, and the tokenizer they are in. */
  instances: string;
  tokenizer: ByteSource & Pick<Tokenizer, "fingerprint" | "vocabSize" | "prefix">;
  /** As the instances are scored. Default as the scoring stage. */
  mask?: LossMask;
  /** Where text_bytes.parquet and text_bytes.json go. */
  folder: string;
}

/**
 * Counts the bytes of each instance's text, all and those of its scored targets, and hashes the text, so that scores of models
 * with different tokenizers compare. The pieces of a carried conversion count as the one text they came from: the bytes of a
 * piece are those its tokens have in the whole.
 * @throws HeartcutError HC3001 for an id outside the vocabulary, HC3011 for a tokenizer without EOS, or other than the one that
 *   made the instances; Interrupted
 */
export async function countTextBytes(input: CountTextBytesInput, context: StageContext): Promise<TextBytesSummary> {
  const { tokenizer, mask = SCORE_DEFAULTS.mask, folder } = input;
  const { eos, pad } = tokenizer.specials;
  if (eos === undefined)
    throw wrongTokenizer(input.instances, "a tokenizer without an EOS token", "one that ends texts");
  const reader = await openInstances(input.instances);
  try {
    const converted = await readConvertSummary(input.instances);
    const made = await tokenizerOfInstances(input.instances);
    if (made !== undefined && made.fingerprint !== tokenizer.fingerprint) {
      const [found, expected] = [tokenizer.fingerprint, made.fingerprint].map((print) => print.slice(0, 12));
      throw wrongTokenizer(input.instances, `tokenizer ${found}`, `${expected}, which made them`);
    }
    const content = await readContent(reader, { shardInstances: 4096, vocabSize: tokenizer.vocabSize }, context);
    const counter = new TextBytes(tokenizer);
    const marks = { eos, bos: made === undefined ? familyBos(tokenizer) : (made.bos ?? undefined) };
    const rows: TextBytesRow[] = [];
    const scored = (tokens: Int32Array) => lossMask(tokens, mask, { eosId: eos, padId: pad });
    for (const group of groupByOrigin(await reader.rows(), await originsOf(input.instances, converted !== undefined))) {
      if (rows.length % 256 < group.rows.length) {
        await checkpointSignal(context);
        report(rows.length, reader.length, context);
      }
      rows.push(...countGroup(group, reader, counter, marks, scored));
    }
    const summary: TextBytesSummary = {
      corpus: content.fingerprint,
      tokenizer: tokenizer.fingerprint,
      mask,
      convertedFrom: converted?.source.fingerprint ?? null,
      instances: rows.length,
      scoredBytes: rows.reduce((sum, row) => sum + row.scored_bytes, 0),
      bytes: rows.reduce((sum, row) => sum + row.bytes, 0),
    };
    await publishFolder(folder, async (staging) => {
      await writeTextBytesRows(staging, rows);
      await publishJson(join(staging, TEXT_BYTES_SUMMARY), summary);
    });
    report(rows.length, reader.length, context);
    return summary;
  } finally {
    reader.close();
  }
}

/** BOS that the family puts in front of a text. One that is only named, such as GPT-2's, which is its EOS too, stands at no head. */
function familyBos({ prefix, specials }: CountTextBytesInput["tokenizer"]): number | undefined {
  return prefix.length > 0 ? (specials.bos ?? prefix[0]) : undefined;
}

interface Group {
  origin: number;
  rows: InstanceRow[];
}

async function originsOf(folder: string, converted: boolean): Promise<((instance: number) => number) | undefined> {
  if (!converted) return undefined;
  const rows = await readConvertRows(folder);
  return (instance) => rows[instance]!.origin;
}

function groupByOrigin(rows: readonly InstanceRow[], originOf?: (instance: number) => number): Group[] {
  const groups: Group[] = [];
  for (const row of rows) {
    const origin = originOf?.(row.instance) ?? row.instance;
    const last = groups.at(-1);
    if (last?.origin === origin) last.rows.push(row);
    else groups.push({ origin, rows: [row] });
  }
  return groups;
}

/** The instances of one origin: their tokens are put behind each other, counted as one text, and cut apart again. */
function countGroup(
  { origin, rows }: Group,
  reader: InstanceReader,
  counter: TextBytes,
  marks: { eos: number; bos: number | undefined },
  scored: (tokens: Int32Array) => Uint8Array,
): TextBytesRow[] {
  const sequences = rows.map((row) => reader.read(row.instance));
  const heads = sequences.map((tokens) => headLength(tokens, marks));
  const whole = Int32Array.from(sequences.flatMap((tokens, i) => Array.from(tokens.subarray(heads[i]!))));
  const documents = splitDocuments(whole, { eos: marks.eos });
  const lengths = new Int32Array(whole.length);
  const hash = createHash("sha256");
  let at = 0;
  for (const document of documents) {
    lengths.set(counter.lengths(document), at);
    // Where a single token got an EOS to predict, nothing is said about the text: empty documents are passed over.
    if (document.length > 0) hash.update(counter.bytes(document)).update(DOCUMENT_END);
    at += document.length + 1;
  }
  const text_sha256 = hash.digest("hex");
  let start = 0;
  return rows.map(({ instance, first_document, last_document }, i) => {
    const tokens = sequences[i]!;
    const own = new Int32Array(tokens.length);
    own.set(lengths.subarray(start, start + tokens.length - heads[i]!), heads[i]!);
    start += tokens.length - heads[i]!;
    const mask = scored(tokens);
    const bytes = own.reduce((sum, n) => sum + n, 0);
    const scored_bytes = mask.reduce((sum, on, t) => sum + on * own[t + 1]!, 0);
    const positions = mask.reduce((sum, on) => sum + on, 0);
    return { instance, origin, first_document, last_document, tokens: positions, scored_bytes, bytes, text_sha256 };
  });
}

function report(done: number, total: number, context: StageContext): void {
  context.report({ type: "progress", stage: context.stage, done, total, unit: "instances" });
}

function wrongTokenizer(where: string, found: string, expected: string): HeartcutError {
  return new HeartcutError("HC3011", {
    what: "the bytes of these instances cannot be counted with this tokenizer",
    where,
    found,
    expected,
    fix: "name the tokenizer the instances are in",
  });
}
