import { HeartcutError } from "../errors.ts";
import type { ScoreRow } from "../score/record.ts";
import { bootstrapAuroc } from "./auroc.ts";
import type { LabelAudit } from "./record.ts";

/** A document that people judged. */
export interface LabelledDocument {
  id: string;
  source: string;
  label: string;
  /** Further scores of the document by name, e.g. its gzip ratio: the same names in every document. */
  baselines?: Readonly<Record<string, number>>;
}

/** What scores are held against labels. */
export interface LabelAuditInput {
  documents: AsyncIterable<LabelledDocument> | Iterable<LabelledDocument>;
  /** Joined scores of instances that hold one document each, by the name they go by; the first leads the comparisons. */
  scores: readonly { name: string; rows: readonly ScoreRow[] }[];
  /** Values of the label. */
  good: string;
  bad: string;
  /** Only documents of this source; all where left out. */
  source?: string | undefined;
  resamples?: number | undefined;
  seed: number;
}

/** One document's scores: means over its instances, weighted by their scored tokens. */
interface DocumentScores {
  tokens: number;
  nll_teacher: number;
  nll_reference: number;
  difference: number;
}

/**
 * How well scores tell the documents that people marked good from those they marked bad: AUROC of the difference, of low teacher and
 * reference perplexity, of length, and of each baseline. A document in several instances counts once, by its mean weighted by
 * scored tokens. Every score is read on the same documents.
 * @throws HeartcutError HC3620 for instances of several documents, HC3621 if good or bad has fewer than two scored documents,
 *   HC3622 for a document that comes twice, HC3623 for a score that is not finite
 */
export async function auditLabels(input: LabelAuditInput): Promise<LabelAudit> {
  const { good, bad, source, seed } = input;
  const scored = input.scores.map(({ name, rows }) => ({ name, documents: documentScores(rows, name) }));
  const labelled = await labelledDocuments(input);
  const documents = labelled.filter(({ id }) => scored.every((each) => each.documents.has(id)));
  const isGood = Uint8Array.from(documents, ({ label }) => Number(label === good));
  const goods = isGood.reduce((sum, x) => sum + x, 0);
  const counts = { good: goods, bad: documents.length - goods };
  if (counts.good < 2 || counts.bad < 2) throw tooFew(input, counts, labelled.length);
  const columns = new Map<string, Float64Array>();
  const column = (name: string, value: (document: LabelledDocument) => number) =>
    columns.set(
      name,
      Float64Array.from(documents, (document) => finite(value(document), name, document.id)),
    );
  for (const each of scored) {
    const name = (score: string) => (scored.length === 1 ? score : `${score} (${each.name})`);
    const of = ({ id }: LabelledDocument) => each.documents.get(id)!;
    column(name("difference"), (document) => of(document).difference);
    column(name("-nll_teacher"), (document) => -of(document).nll_teacher);
    column(name("-nll_reference"), (document) => -of(document).nll_reference);
  }
  column("length", ({ id }) => scored[0]!.documents.get(id)!.tokens);
  for (const name of Object.keys(documents[0]!.baselines ?? {}))
    column(name, ({ baselines }) => baselines?.[name] ?? Number.NaN);
  return {
    source: source ?? "all",
    good: { label: good, documents: counts.good },
    bad: { label: bad, documents: counts.bad },
    unscored: labelled.length - documents.length,
    ...bootstrapAuroc(columns, isGood, { seed, resamples: input.resamples }),
  };
}

async function labelledDocuments({ documents, good, bad, source }: LabelAuditInput): Promise<LabelledDocument[]> {
  const wanted = new Map<string, LabelledDocument>();
  for await (const document of documents) {
    if (source !== undefined && document.source !== source) continue;
    if (document.label !== good && document.label !== bad) continue;
    if (wanted.has(document.id))
      throw new HeartcutError("HC3622", {
        what: "a labelled document comes twice",
        found: document.id,
        why: "its label could not be told",
        fix: "give every document an id of its own",
      });
    wanted.set(document.id, document);
  }
  return [...wanted.values()];
}

function documentScores(rows: readonly ScoreRow[], where: string): Map<string, DocumentScores> {
  const documents = new Map<string, DocumentScores>();
  for (const row of rows) {
    if (row.first_document !== row.last_document)
      throw new HeartcutError("HC3620", {
        what: "an instance holds several documents, so its score is of none of them",
        where: `${where}, instance ${row.instance}`,
        found: `documents ${row.first_document} to ${row.last_document}`,
        fix: "pack the labelled documents with `heartcut pack --per-document`, and score those instances",
      });
    if (row.tokens === 0) continue;
    const seen = documents.get(row.first_document) ?? { tokens: 0, nll_teacher: 0, nll_reference: 0, difference: 0 };
    const tokens = seen.tokens + row.tokens;
    const mean = (key: "nll_teacher" | "nll_reference" | "difference") =>
      (seen[key] * seen.tokens + row[key] * row.tokens) / tokens;
    documents.set(row.first_document, {
      tokens,
      nll_teacher: mean("nll_teacher"),
      nll_reference: mean("nll_reference"),
      difference: mean("difference"),
    });
  }
  return documents;
}

function finite(value: number, score: string, document: string): number {
  if (Number.isFinite(value)) return value;
  throw new HeartcutError("HC3623", {
    what: "a score of a labelled document is not a finite number",
    where: `document ${document}`,
    found: `${score}: ${value}`,
    why: "it has no place in a ranking",
    fix: "score the documents again",
  });
}

function tooFew(
  { good, bad, source, scores }: LabelAuditInput,
  counts: { good: number; bad: number },
  labelled: number,
): HeartcutError {
  return new HeartcutError("HC3621", {
    what: "too few labelled documents were scored",
    where: scores.map(({ name }) => name).join(", "),
    found: `${counts.good} labelled ${good} and ${counts.bad} labelled ${bad} among ${labelled} with these labels${source === undefined ? "" : ` in source ${source}`}`,
    expected: "at least two of each, under the ids that were packed",
    fix: "check the label's column and values, and give --id and --source as the pack was given them",
  });
}
