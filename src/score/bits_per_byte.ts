import { dirname, join } from "node:path";
import { openInstances } from "../corpus/instances.ts";
import type { InstanceRow } from "../corpus/record.ts";
import { HeartcutError } from "../errors.ts";
import { publishJson } from "../formats/publish.ts";
import { checkpointSignal, type StageContext } from "../progress.ts";
import { readTextBytes, SCORES_SUMMARY, type TextBytesFolder } from "./bits_per_byte_files.ts";
import { type BitsPerByteSummary, bitsPerByte, type MatchedBy, type TextBytesRow } from "./bits_per_byte_record.ts";
import { readContent } from "./content.ts";
import { readScoreFolder, type ScoreFolder, writeScores } from "./files.ts";
import type { NllRow, ScoreRow } from "./record.ts";

/** One model's scores with the bytes of what was scored. */
export interface ScoredText {
  /** Score folder of the model, over instances in its own tokens. */
  scores: string;
  /** Text bytes of those instances, from countTextBytes. */
  bytes: string;
}

/** Input of the join across tokenizers. */
export interface BitsPerByteInput {
  teacher: ScoredText;
  reference: ScoredText;
  /** The instances that are ranked and selected: those of one of the models, or those both were converted from. */
  instances: string;
  /**
   * What becomes of an instance whose text the two models did not both read whole: refused, or left without a score and counted.
   * Default refuse.
   */
  onMismatch?: "refuse" | "exclude" | undefined;
  /** Path of scores.parquet; scores.json goes beside it. */
  output: string;
}

/** What one model makes of the text of one ranked instance. */
interface TextNll {
  tokens: number;
  nats: number;
  bytes: number;
  text: string;
}

/**
 * Joins the scores of models with different tokenizers into scores.parquet, in bits per byte: the NLL of the scored targets over
 * the UTF-8 bytes of those targets. Rows are those of `instances`; each model's scores are found by content (it scored these very
 * instances), by conversion (its instances were converted from these), or by document (one instance a document on both sides).
 *
 * A difference is defined for an instance only if both models read the same text, byte for byte: where a conversion cut the end
 * off, or a context length a document, texts differ and the instance is refused or excluded. It is not defined for single tokens.
 * @throws HeartcutError HC3005, HC3006 as readScoreFolder, HC3010 as readTextBytes; HC3012 if bytes and scores are of other
 *   instances or under another mask, HC3013 if a model's instances cannot be matched, HC3014 at an instance whose text differs
 */
export async function joinBitsPerByte(input: BitsPerByteInput, context: StageContext): Promise<BitsPerByteSummary> {
  const teacher = await readSide(input.teacher);
  const reference = await readSide(input.reference);
  for (const key of ["mask", "documentBarrier"] as const)
    if (teacher.scores.summary[key] !== reference.scores.summary[key]) throw otherScores(input, key);
  const reader = await openInstances(input.instances);
  try {
    const { fingerprint } = await readContent(reader, { shardInstances: 4096 }, context);
    const instances = await reader.rows();
    await checkpointSignal(context);
    const sides = [matchSide(teacher, fingerprint, instances), matchSide(reference, fingerprint, instances)] as const;
    const excluded = { differentText: 0, missing: 0, unscored: 0 };
    const rows = instances.map((instance, i): ScoreRow => {
      const [t, r] = [sides[0].texts[i], sides[1].texts[i]];
      const why = exclusion(t, r);
      if (why !== undefined) {
        if (why !== "unscored" && input.onMismatch !== "exclude") throw differentText(input, instance, why);
        excluded[why]++;
        return scoreRow(instance, 0, 0, 0);
      }
      return scoreRow(instance, t!.tokens, bitsPerByte(t!.nats, t!.bytes), bitsPerByte(r!.nats, r!.bytes));
    });
    const published = await writeScores(input.output, rows);
    const summary: BitsPerByteSummary = {
      unit: "bits_per_byte",
      scores: published.sha256,
      teacher: describe(teacher, sides[0].matchedBy),
      reference: describe(reference, sides[1].matchedBy),
      instances: rows.length,
      compared: rows.filter((row) => row.tokens > 0).length,
      excluded,
    };
    await publishJson(join(dirname(input.output), SCORES_SUMMARY), summary);
    if (summary.compared < rows.length) {
      const { differentText, missing, unscored } = excluded;
      const message = `${rows.length - summary.compared} of ${rows.length} instances have no score and are never selected: ${differentText} of different text, ${missing} that a model did not score, ${unscored} without scored text`;
      context.report({ type: "warning", stage: context.stage, message });
    }
    return summary;
  } finally {
    reader.close();
  }
}

interface Side {
  scores: ScoreFolder;
  bytes: TextBytesFolder;
}

async function readSide(input: ScoredText): Promise<Side> {
  const side = { scores: await readScoreFolder(input.scores), bytes: await readTextBytes(input.bytes) };
  requireBytesOfScores(side.scores, side.bytes);
  return side;
}

/** Holds a count of bytes against the scores it is to divide. @throws HeartcutError HC3012 if it is of something else */
export function requireBytesOfScores(scores: ScoreFolder, bytes: TextBytesFolder): void {
  const fault = (found: string, expected: string) =>
    new HeartcutError("HC3012", {
      what: "the bytes are not those of what was scored",
      where: `${bytes.folder} and ${scores.folder}`,
      found,
      expected,
      fix: "count the bytes of the scored instances, under the same mask",
    });
  for (const key of ["corpus", "mask"] as const)
    if (bytes.summary[key] !== scores.summary[key])
      throw fault(`${key} ${bytes.summary[key]}`, `${key} ${scores.summary[key]}`);
  const at = bytes.rows.findIndex((row, i) => row.tokens !== scores.rows[i]?.tokens);
  if (at >= 0)
    throw fault(
      `instance ${at} with ${bytes.rows[at]!.tokens} scored positions`,
      `${scores.rows[at]?.tokens}, as its scores have (another EOS or pad)`,
    );
}

/** Finds the text of each ranked instance in the scores of one model. */
function matchSide(
  { scores, bytes }: Side,
  ranked: string,
  instances: readonly InstanceRow[],
): { matchedBy: MatchedBy; texts: (TextNll | undefined)[] } {
  const { corpus, convertedFrom } = bytes.summary;
  if (corpus === ranked) return { matchedBy: "instance", texts: textsBy((row) => row.instance) };
  if (convertedFrom === ranked) return { matchedBy: "conversion", texts: textsBy((row) => row.origin) };
  const numbers = new Map(instances.map((row) => [row.first_document, row.instance]));
  const whole = (row: { first_document: string; last_document: string }) => row.first_document === row.last_document;
  const single = (rows: readonly { first_document: string }[]) =>
    new Set(rows.map((row) => row.first_document)).size === rows.length;
  const perDocument = [bytes.rows, instances].every((rows) => rows.every(whole) && single(rows));
  if (perDocument) return { matchedBy: "document", texts: textsBy((row) => numbers.get(row.first_document)) };
  throw new HeartcutError("HC3013", {
    what: "a model's scores cannot be matched with the instances that are ranked",
    where: scores.folder,
    found: "scores of other instances, not converted from these, with several documents in one or several of one",
    expected: "scores of these instances, of a conversion of them, or one instance a document on both sides",
    why: "packed with two tokenizers, a corpus falls into different pieces",
    fix: "heartcut convert these instances to the model's tokenizer and score them, or pack both with --per-document",
  });

  function textsBy(numberOf: (row: TextBytesRow) => number | undefined): (TextNll | undefined)[] {
    const texts = new Array<TextNll | undefined>(instances.length).fill(undefined);
    for (const [i, row] of bytes.rows.entries()) {
      const number = numberOf(row);
      if (number !== undefined) texts[number] = add(texts[number], row, scores.rows[i]!);
    }
    return texts;
  }
}

/** The pieces of a carried instance add up. */
function add(sum: TextNll | undefined, row: TextBytesRow, nll: NllRow): TextNll {
  return {
    tokens: (sum?.tokens ?? 0) + nll.tokens,
    nats: (sum?.nats ?? 0) + nll.nll_sum,
    bytes: (sum?.bytes ?? 0) + row.scored_bytes,
    text: row.text_sha256,
  };
}

function exclusion(
  teacher: TextNll | undefined,
  reference: TextNll | undefined,
): "missing" | "differentText" | "unscored" | undefined {
  if (teacher === undefined || reference === undefined) return "missing";
  if (teacher.text !== reference.text) return "differentText";
  return teacher.bytes === 0 || reference.bytes === 0 ? "unscored" : undefined;
}

function scoreRow(row: InstanceRow, tokens: number, nll_teacher: number, nll_reference: number): ScoreRow {
  const { instance, source, first_document, last_document } = row;
  const difference = nll_reference - nll_teacher;
  return { instance, tokens, source, first_document, last_document, nll_teacher, nll_reference, difference };
}

function describe({ scores, bytes }: Side, matchedBy: MatchedBy): BitsPerByteSummary["teacher"] {
  return { model: scores.summary.model, tokenizer: bytes.summary.tokenizer, matchedBy };
}

function otherScores({ teacher, reference }: BitsPerByteInput, key: string): HeartcutError {
  return new HeartcutError("HC3012", {
    what: "teacher and reference were scored under different settings",
    where: `${teacher.scores} and ${reference.scores}`,
    found: `another ${key}`,
    fix: "score with one mask and one barrier",
  });
}

function differentText(input: BitsPerByteInput, row: InstanceRow, why: "missing" | "differentText"): HeartcutError {
  return new HeartcutError("HC3014", {
    what: "teacher and reference did not read the same text, so their losses do not compare",
    where: `${input.instances}, instance ${row.instance} (document ${row.first_document})`,
    found: why === "missing" ? "no score of one of the models" : "texts that differ",
    why: "a conversion or a context length cut off its end, or a tokenizer cannot spell it",
    fix: 'convert with overflow carry (or a greater length), or join with onMismatch "exclude", which leaves such instances out',
  });
}
