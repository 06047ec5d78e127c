import { join } from "node:path";
import type { Regret, ScorerAudit } from "../../analyze/record.ts";
import {
  auditScorer,
  BASELINES,
  type Baseline,
  baselineScores,
  checkSame,
  differenceWithTeacher,
  regretOf,
} from "../../analyze/scorer_audit.ts";
import { scorerTable } from "../../analyze/tables.ts";
import { openInstances } from "../../corpus/instances.ts";
import { closest } from "../../did_you_mean.ts";
import { HeartcutError, printable } from "../../errors.ts";
import type { EvaluationResult } from "../../evaluate/record.ts";
import { readJsonFile } from "../../formats/json_file.ts";
import { publishJson } from "../../formats/publish.ts";
import { RECORD_BYTES } from "../../report/run_folder.ts";
import { readScoreFolder } from "../../score/files.ts";
import type { ScoreRow } from "../../score/record.ts";
import { keepHighest } from "../../select/difference_sampling.ts";
import { loadTokenizer } from "../../tokenizers/tokenizer.ts";
import { numberWithin } from "../command.ts";
import { holds } from "../holds.ts";
import { localArguments } from "../hub_arguments.ts";
import type { JobContext, JobResult } from "../job.ts";
import { scoresAt } from "./scores_argument.ts";

/** Options of `heartcut analyze scorers`. */
export interface ScorersOptions {
  exact: string;
  cheap: string[];
  ratio?: string[];
  instances?: string;
  tokenizer?: string;
  evaluation?: string;
  cheapStudent?: string;
  exactStudent?: string;
  out?: string;
}

/** Shares that are compared where none is asked for: the paper's, and one on each side. */
const RATIOS = [0.3, 0.5, 0.7];
const TEXT_BASELINE: Baseline = "low_compression_ratio";

/** Audits each cheap scorer. */
export async function analyzeScorers(options: ScorersOptions, context: JobContext): Promise<JobResult> {
  const ratios = options.ratio?.map(numberWithin(0, 1)) ?? RATIOS;
  checkTogether(options);
  for (const cheap of options.cheap) await checkKnown(cheap);
  const rows = await scoresAt(options.exact);
  const eligible = Uint8Array.from(rows, (row) => Number(row.tokens > 0));
  const exactScores = Float64Array.from(rows, (row) => row.difference);
  const regret = await regretsOf(options);
  const audits: ScorerAudit[] = [];
  for (const cheap of options.cheap)
    audits.push(
      auditScorer({
        cheap,
        exact: options.exact,
        cheapScores: await cheapScores(cheap, rows, options, context),
        exactScores,
        eligible,
        ratios,
        keep: (scores, mayKeep, ratio) => keepHighest({ scores, tokens: [], eligible: mayKeep }, { ratio }),
        regret,
      }),
    );
  if (options.out !== undefined) await publishJson(options.out, audits);
  return { text: printable(audits.map(scorerTable).join("\n\n")), data: audits };
}

async function cheapScores(
  cheap: string,
  rows: readonly ScoreRow[],
  options: ScorersOptions,
  context: JobContext,
): Promise<Float64Array> {
  const baseline = BASELINES.find((name) => name === cheap);
  if (baseline !== undefined) return withTexts(baseline, rows, options, context);
  if (await holds(cheap, "score.json")) return differenceWithTeacher(rows, (await readScoreFolder(cheap)).rows, cheap);
  const other = await scoresAt(cheap);
  checkSame(rows, other, cheap);
  return Float64Array.from(other, (row) => row.difference);
}

async function withTexts(
  baseline: Baseline,
  rows: readonly ScoreRow[],
  options: ScorersOptions,
  context: JobContext,
): Promise<Float64Array> {
  if (baseline !== TEXT_BASELINE) return baselineScores(baseline, rows, () => "");
  const local = await localArguments(context, {
    instances: ["files", options.instances],
    tokenizer: ["tokenizer", options.tokenizer],
  });
  const tokenizer = await loadTokenizer(local.tokenizer!);
  const reader = await openInstances(local.instances!);
  try {
    checkSizes(rows, reader.length, local.instances!);
    return baselineScores(baseline, rows, (i) => tokenizer.decode(reader.read(i)));
  } finally {
    reader.close();
  }
}

function checkSizes(rows: readonly ScoreRow[], instances: number, where: string): void {
  if (rows.length === instances) return;
  throw new HeartcutError("HC3635", {
    what: "the instances are not those that were scored",
    where,
    found: `${instances} instances`,
    expected: `${rows.length}`,
    fix: "name the instances of the exact scores with --instances",
  });
}

async function regretsOf({ evaluation, cheapStudent, exactStudent }: ScorersOptions): Promise<Regret[] | undefined> {
  if (evaluation === undefined) return undefined;
  const path = (await holds(evaluation, "evaluate/evaluation.json"))
    ? join(evaluation, "evaluate/evaluation.json")
    : evaluation;
  const read = await readJsonFile(path, { wholeNumbers: "rounded", limits: { jsonBytes: RECORD_BYTES } });
  return regretOf(read as unknown as EvaluationResult, cheapStudent!, exactStudent!);
}

/** @throws HeartcutError HC3639 for what is neither a scorer that needs no file nor a path that is there */
async function checkKnown(cheap: string): Promise<void> {
  if (BASELINES.some((name) => name === cheap) || (await holds(cheap, "."))) return;
  const guess = closest(cheap, BASELINES);
  throw new HeartcutError("HC3639", {
    what: "there is no such cheap scorer, and nothing at this path",
    where: `--cheap ${cheap}`,
    expected: `scores.parquet, the folder of one or of score.json, or one of ${BASELINES.join(", ")}`,
    fix: guess === undefined ? "name one of these" : `did you mean --cheap ${guess}?`,
  });
}

/** Options that need each other. @throws HeartcutError HC3636 */
function checkTogether(options: ScorersOptions): void {
  const { instances, tokenizer } = options;
  const texts = Object.entries({ "--instances": instances, "--tokenizer": tokenizer });
  const students = [options.evaluation, options.cheapStudent, options.exactStudent];
  const refuse = (what: string, fix: string) => new HeartcutError("HC3636", { what, fix });
  const named = (given: boolean) => texts.flatMap(([name, path]) => ((path !== undefined) === given ? [name] : []));
  if (options.cheap.includes(TEXT_BASELINE) && named(false).length > 0)
    throw refuse(
      `--cheap ${TEXT_BASELINE} reads the texts that were scored, and ${named(false).join(" and ")} ${named(false).length === 1 ? "is" : "are"} missing`,
      "name the instances with --instances (RUN/pack/pool) and their tokenizer with --tokenizer (RUN/tokenizer)",
    );
  if (!options.cheap.includes(TEXT_BASELINE) && named(true).length > 0)
    throw refuse(`${named(true).join(" and ")} would have no effect without --cheap ${TEXT_BASELINE}`, "leave it out");
  const given = students.filter((option) => option !== undefined).length;
  if (given !== 0 && given !== students.length)
    throw refuse(
      "--evaluation, --cheap-student and --exact-student belong together",
      "give all three, or none for an audit without regret",
    );
  if (given > 0 && options.cheap.length > 1)
    throw refuse("the regret is of one cheap scorer", "give one --cheap with --cheap-student");
}
