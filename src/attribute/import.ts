import { join } from "node:path";
import { z } from "zod";
import { HeartcutError, printable } from "../errors.ts";
import { publishJsonl, readJsonl } from "../formats/jsonl.ts";
import { publishJson, sha256File } from "../formats/publish.ts";
import { isCurrent, openFolder } from "../formats/stage_folder.ts";
import { checkpointSignal, type StageContext } from "../progress.ts";
import { mismatchOf } from "../schema_words.ts";
import { readTaskSummary } from "../tasks/files.ts";
import { SPLITS, type Split, type TaskExample } from "../tasks/record.ts";
import { alignTokens, checkSpans, projectScores } from "./align.ts";
import { encodeExamples, type TextCodec } from "./encode.ts";
import { figuresOf, summarize, truncationWarning } from "./figures.ts";
import { readAttributionSummary, rowsName, SUMMARY_NAME } from "./files.ts";
import type { AttributionRow, AttributionSummary } from "./record.ts";
import { exampleGroups } from "./task_examples.ts";
import { type AttributeTaskInput, hash } from "./task_input.ts";

/** Examples between two looks at the signal. */
const STRIDE = 256;

/** Input of the import: files of scores, and the model whose tokens they are put on. */
export interface ImportInput extends TextCodec {
  /** Where the scores come from; stands in the summary as the model. */
  source: string;
  /** A prepared task. */
  task: string;
  /** JSONL of each split: one row {id, tokens, scores} or {id, spans, scores} per example, in any order; plain, gzip or zstd. */
  files: { readonly [split in Split]?: string | undefined };
  /** Judges the rows' `prediction`, where they have one. */
  judge?: AttributeTaskInput["judge"];
  /** Where <split>.jsonl and attribution.json go. */
  folder: string;
}

const rowSchema = z
  .strictObject({
    id: z.string(),
    tokens: z.array(z.string()).optional(),
    spans: z.array(z.tuple([z.int(), z.int()])).optional(),
    scores: z.array(z.number()),
    prediction: z.string().optional(),
  })
  .refine(({ tokens, spans }) => (tokens === undefined) !== (spans === undefined), "give tokens or spans, one of them")
  .refine(
    ({ tokens, spans, scores }) => (tokens ?? spans ?? []).length === scores.length,
    "tokens or spans and scores must be equally many",
  );
const ROW_FORM =
  "in all {id, tokens, scores} or {id, spans, scores}: texts or [start, end], and as many finite numbers";
type ImportedRow = z.infer<typeof rowSchema>;

/**
 * Takes over scores that were made elsewhere: their tokens or spans are found in each example's input by characters, and
 * each token of the model takes the score of the unit that covers most of it (the lowest one where none does), so that
 * whatever reads attributions can read these.
 * @throws HeartcutError HC6121 for a malformed row, HC6122 for ids that are unknown, twice or missing, HC6123 for tokens
 *   or spans that are not in the input, HC6120 for a damaged task, HC6108 without a file; Interrupted if asked to stop
 */
export async function importAttributions(input: ImportInput, context: StageContext): Promise<AttributionSummary> {
  const splits = SPLITS.filter((split) => input.files[split] !== undefined);
  if (splits.length === 0)
    throw new HeartcutError("HC6108", {
      what: "there is nothing to import",
      found: "no file for any split",
      fix: "name a file",
    });
  const { tokenizer, kind, maxInput, separator, folder } = input;
  const task = await readTaskSummary(input.task);
  const settings = { maxInput, ...(separator !== undefined && { separator }) };
  const prints = new Map<string, string>();
  for (const split of splits) {
    const { sha256 } = await sha256File(input.files[split]!);
    prints.set(
      rowsName(split),
      hash([tokenizer.fingerprint, kind, settings, task.metric, task.splits[split].sha256, sha256]),
    );
  }
  const summaryPrint = hash([input.source, ...prints.values()]);
  const manifest = await openFolder(folder, new Map([...prints, [SUMMARY_NAME, summaryPrint]]));
  for (const split of splits) {
    const name = rowsName(split);
    const fingerprint = prints.get(name)!;
    if (await isCurrent(manifest, name, fingerprint)) continue;
    const groups = exampleGroups(input.task, split, task, STRIDE);
    const rows = importedRows(input, input.files[split]!, groups, context);
    const published = await publishJsonl(join(folder, name), rows);
    await manifest.commit({ name, ...published, rows: task.splits[split].examples, fingerprint });
  }
  if (await isCurrent(manifest, SUMMARY_NAME, summaryPrint)) return readAttributionSummary(folder);
  const figures = await figuresOf(folder, splits, Number.NaN);
  const message = truncationWarning(figures, maxInput);
  if (message !== undefined) context.report({ type: "warning", stage: context.stage, message });
  const summary = summarize(
    figures,
    { method: "imported", settings, model: input.source },
    (split) => manifest.get(rowsName(split as Split))!.sha256,
  );
  const published = await publishJson(join(folder, SUMMARY_NAME), summary);
  await manifest.commit({ name: SUMMARY_NAME, ...published, fingerprint: summaryPrint });
  return summary;
}

/** A split's rows in the order of its examples. */
async function* importedRows(
  input: ImportInput,
  file: string,
  groups: AsyncIterable<TaskExample[]>,
  context: StageContext,
): AsyncGenerator<AttributionRow> {
  const given = await readRows(file);
  for await (const examples of groups) {
    await checkpointSignal(context);
    for (const { example, ids, spans, truncated } of await encodeExamples(input, examples)) {
      const found = given.get(example.id);
      if (found === undefined) throw wrongIds(file, `no row for example ${printable(example.id)}`);
      given.delete(example.id);
      const { row, where } = found;
      const units =
        row.tokens === undefined ? checkSpans(row.spans!, example, where) : alignTokens(row.tokens, example, where);
      yield {
        id: example.id,
        target: example.target,
        ...(row.prediction !== undefined && judged(input, example, row.prediction)),
        ids: Array.from(ids),
        spans,
        scores: projectScores(spans, units, row.scores),
        truncated,
      };
    }
  }
  const [unknown] = given.values();
  if (unknown !== undefined)
    throw wrongIds(unknown.where, `id ${printable(unknown.row.id)}, which is no example of the split`);
}

function judged(
  { judge }: ImportInput,
  example: TaskExample,
  prediction: string,
): Pick<AttributionRow, "prediction" | "correct"> {
  return { prediction, ...(judge && { correct: judge(example, prediction).correct }) };
}

async function readRows(file: string): Promise<Map<string, { row: ImportedRow; where: string }>> {
  const rows = new Map<string, { row: ImportedRow; where: string }>();
  for await (const { line, value } of readJsonl(file)) {
    const where = `${file}:${line}`;
    const parsed = rowSchema.safeParse(value);
    if (!parsed.success) {
      const { path, found, expected } = mismatchOf(parsed.error, value);
      throw new HeartcutError("HC6121", {
        what: "the line is no row of scores",
        where,
        found: path === "" ? found : `${path}: ${found}`,
        expected: `${path === "" ? expected : `${path}: ${expected}`}\n${ROW_FORM}`,
        fix: "correct the line",
      });
    }
    if (rows.has(parsed.data.id)) throw wrongIds(where, `id ${printable(parsed.data.id)} a second time`);
    if (parsed.data.scores.length === 0) throw wrongIds(where, `no scores for ${printable(parsed.data.id)}`);
    rows.set(parsed.data.id, { row: parsed.data, where });
  }
  return rows;
}

function wrongIds(where: string, found: string): HeartcutError {
  return new HeartcutError("HC6122", {
    what: "the scores are not one row for each example of the split",
    where,
    found,
    fix: "score this split's examples, each once, under their ids",
  });
}
