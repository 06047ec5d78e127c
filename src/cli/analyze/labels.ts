import { auditLabels, type LabelledDocument } from "../../analyze/label_audit.ts";
import { compressionRatio } from "../../analyze/lexical.ts";
import { labelTable } from "../../analyze/tables.ts";
import { readDocuments } from "../../corpus/read.ts";
import { HeartcutError, printable } from "../../errors.ts";
import { publishJson } from "../../formats/publish.ts";
import { type CorpusOptions, localCorpusSpec } from "../corpus_options.ts";
import type { JobContext, JobResult } from "../job.ts";
import { scoresAt } from "./scores_argument.ts";

/** Options of `heartcut analyze labels`. */
export interface LabelsOptions extends CorpusOptions {
  scores: string[];
  label: string;
  good: string;
  bad: string;
  only?: string;
  resamples: number;
  seed: number;
  out?: string;
}

/** Holds scores against labels. @throws HeartcutError HC3637 for --tag, which would have no effect */
export async function analyzeLabels(options: LabelsOptions, context: JobContext): Promise<JobResult> {
  const { label, good, bad, only, resamples, seed, out } = options;
  if (options.tag !== undefined)
    throw new HeartcutError("HC3637", {
      what: "--tag has no effect here",
      fix: "name the label's column with --label",
    });
  const corpus = readDocuments({ ...(await localCorpusSpec(options, context)), tags: [label] });
  async function* documents(): AsyncGenerator<LabelledDocument> {
    for await (const { id, source, text, tags } of corpus) {
      const value = tags[label];
      if (value === undefined || (value !== good && value !== bad) || (only !== undefined && source !== only)) continue;
      const baselines = {
        text_bytes: Buffer.byteLength(text, "utf8"),
        "-compression_ratio": -compressionRatio([text]),
      };
      yield { id, source, label: value, baselines };
    }
  }
  const scores = [];
  for (const path of options.scores) scores.push({ name: path, rows: await scoresAt(path) });
  const audit = await auditLabels({ documents: documents(), scores, good, bad, source: only, resamples, seed });
  if (out !== undefined) await publishJson(out, audit);
  return { text: printable(labelTable(audit)), data: audit };
}
