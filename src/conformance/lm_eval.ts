import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { HeartcutError } from "../errors.ts";
import { causalLikelihood } from "../evaluate/tasks/causal_likelihood.ts";
import type { LikelihoodModel } from "../evaluate/tasks/likelihood.ts";
import { argmax } from "../evaluate/tasks/metrics.ts";
import { prepareTask } from "../evaluate/tasks/prepare.ts";
import type { PreparedTask } from "../evaluate/tasks/prepared.ts";
import { codePoints } from "../evaluate/tasks/python_text.ts";
import { taskNamed } from "../evaluate/tasks/registry.ts";
import { rollingLikelihoods } from "../evaluate/tasks/rolling.ts";
import { rollingMetrics } from "../evaluate/tasks/rolling_metrics.ts";
import { scoreTask } from "../evaluate/tasks/score_task.ts";
import { loadModel } from "../models/load.ts";
import { loadTokenizer, type Tokenizer } from "../tokenizers/tokenizer.ts";
import type { CaseResult, GoldenFolders } from "./case.ts";
import { Comparison } from "./compare.ts";

/** Tolerances: log-likelihoods in nats; logarithms of perplexities, which are relative errors of these; sums over whole texts. */
const LIKELIHOOD = { atol: 1e-3, rtol: 0 };
const LOG_PERPLEXITY = { atol: 1e-5, rtol: 0 };
const ROLLING = { atol: 0, rtol: 1e-5 };
const METRIC = { atol: 1e-12, rtol: 1e-12 };
/** Of one model with itself in other batches. */
const BATCHES = { atol: 1e-4, rtol: 0 };

interface GoldenRequest {
  context: string;
  continuation: string;
  ll: number;
  greedy: boolean;
  tokens: [number, number];
  cut: number;
}
interface GoldenDoc {
  doc: number;
  target: number | string;
  pred?: number;
  pred_norm?: number;
  acc?: number;
  acc_norm?: number;
  requests: GoldenRequest[];
}
interface GoldenTask {
  metrics: Record<string, number>;
  skipped?: number[];
  docs: GoldenDoc[];
}
interface GoldenRolling {
  ll: number;
  tokens: number;
  windows: [context: number, predicted: number, ll: number][];
}
interface Golden {
  settings: { model: string; num_fewshot: number };
  tasks: Record<string, GoldenTask>;
  rolling?: Record<"default" | "no_bos", Record<string, number>> & {
    docs: ({ text: string; words: number; bytes: number } & Record<"default" | "no_bos", GoldenRolling>)[];
  };
}

/** fixtures/lm_eval/expected*.json.gz: requests, answers and metrics of lm-evaluation-harness; texts rolled over; other batches. */
export async function* lmEval({ fixtures, data }: GoldenFolders): AsyncGenerator<CaseResult> {
  const folder = join(fixtures, "lm_eval");
  if (!existsSync(folder)) return;
  for (const file of (await readdir(folder)).filter((name) => /^expected.*\.json\.gz$/.test(name)).sort()) {
    const golden = JSON.parse(gunzipSync(await readFile(join(folder, file))).toString("utf8")) as Golden;
    const at = modelFolder(golden.settings.model, [fixtures, data]);
    const tokenizer = await loadTokenizer(at);
    const model = await loadModel(at, { device: "cpu" });
    // One row of few tokens a batch.
    const single = await loadModel(at, { device: "cpu", batchTokens: 1 });
    try {
      const name = `lm_eval/${file.replace(/\.json\.gz$/, "")}`;
      const asked = causalLikelihood(model);
      const prepared: PreparedTask[] = [];
      for (const [task, want] of Object.entries(golden.tasks)) {
        const made = await prepare(task, want, golden, { tokenizer, data, maxPositions: asked.maxPositions });
        prepared.push(made);
        yield await taskCase(`${name}/${task}`, made, want, asked);
      }
      yield await batchCase(`${name}/batch_1`, prepared, asked, causalLikelihood(single));
      if (golden.rolling !== undefined) {
        yield await rollingCase(`${name}/rolling`, golden.rolling, "default", asked, tokenizer);
        yield await rollingCase(`${name}/rolling_no_bos`, golden.rolling, "no_bos", asked, tokenizer);
      }
    } finally {
      await model.dispose();
      await single.dispose();
    }
  }
}

function modelFolder(name: string, roots: readonly string[]): string {
  const places = roots.map((root) => join(root, "weights", name));
  const found = places.find(existsSync);
  if (found !== undefined) return found;
  throw new HeartcutError("HC3538", { what: `no folder of the model ${name}`, expected: places.join(" or ") });
}

/** The rows that the golden asks, or leaves out since they do not fit the model. */
function prepare(
  task: string,
  { docs, skipped = [] }: GoldenTask,
  { settings }: Golden,
  { tokenizer, data, maxPositions }: { tokenizer: Tokenizer; data: string; maxPositions: number },
): Promise<PreparedTask> {
  const rows = [...docs.map(({ doc }) => doc), ...skipped];
  const first = Math.min(...rows);
  return prepareTask(taskNamed(task), {
    tokenizer,
    maxPositions,
    data: join(data, "zero_shot_eval"),
    first,
    limit: Math.max(...rows) - first + 1,
    fewshot: settings.num_fewshot,
  });
}

async function taskCase(
  name: string,
  prepared: PreparedTask,
  want: GoldenTask,
  model: LikelihoodModel,
): Promise<CaseResult> {
  const comparison = new Comparison(name);
  const { items, outcome } = await scoreTask(prepared, model);
  comparison.equal(
    "skipped",
    prepared.skipped.map(({ docId }) => docId),
    want.skipped ?? [],
  );
  comparison.equal(
    "documents",
    items.map(({ docId }) => docId),
    want.docs.map(({ doc }) => doc),
  );
  for (const [i, doc] of want.docs.entries()) {
    const [item, answer] = [prepared.items[i], items[i]];
    if (item === undefined || answer === undefined) break;
    const at = `document ${doc.doc}`;
    const { likelihoods } = answer;
    comparison.equal(`${at} target`, item.target, doc.target);
    comparison.equal(
      `${at} requests`,
      item.requests.map(({ context, continuation, tokens, cut }) => [
        context,
        continuation,
        tokens.context,
        tokens.continuation,
        cut,
      ]),
      doc.requests.map(({ context, continuation, tokens, cut }) => [context, continuation, ...tokens, cut]),
    );
    comparison.close(
      `${at} log-likelihood`,
      likelihoods.map(({ logLikelihood }) => logLikelihood),
      doc.requests.map(({ ll }) => ll),
      LIKELIHOOD,
    );
    comparison.equal(
      `${at} greedy`,
      likelihoods.map(({ greedy }) => greedy),
      doc.requests.map(({ greedy }) => greedy),
    );
    const lengths = item.choices?.map(codePoints);
    const got = likelihoods.map(({ logLikelihood }) => logLikelihood);
    comparePrediction(comparison, `${at} pred`, got, doc.pred);
    comparePrediction(
      comparison,
      `${at} pred_norm`,
      got.map((ll, c) => ll / (lengths?.[c] ?? 1)),
      doc.pred_norm,
    );
    for (const metric of ["acc", "acc_norm"] as const)
      if (doc[metric] !== undefined) comparison.equal(`${at} ${metric}`, answer.values[metric], doc[metric]);
  }
  for (const { name: metric, value, stderr } of outcome.metrics) {
    const golden = want.metrics[metric] ?? Number.NaN;
    // The harness has a bootstrap for the error of a perplexity.
    if (metric === "perplexity")
      comparison.close(`log ${metric}`, [Math.log(value)], [Math.log(golden)], LOG_PERPLEXITY);
    else
      comparison.close(
        `${metric}, ${metric}_stderr`,
        [value, stderr ?? Number.NaN],
        [golden, want.metrics[`${metric}_stderr`] ?? Number.NaN],
        METRIC,
      );
  }
  return comparison.result();
}

/** The likeliest choice must be the golden's, unless the two are as good as equal. */
function comparePrediction(
  comparison: Comparison,
  what: string,
  scores: readonly number[],
  want: number | undefined,
): void {
  if (want === undefined) return;
  const got = argmax(scores);
  const tie = Math.abs(scores[got]! - scores[want]!) <= LIKELIHOOD.atol;
  comparison.equal(what, tie ? want : got, want);
}

/** Each sequence alone and in the opposite order gives what batches of many give. */
async function batchCase(
  name: string,
  prepared: readonly PreparedTask[],
  many: LikelihoodModel,
  single: LikelihoodModel,
): Promise<CaseResult> {
  const comparison = new Comparison(name);
  const groups = prepared.flatMap(({ items }) => items.map(({ requests }) => requests.map(({ sequence }) => sequence)));
  const together = (await many.likelihoods(groups)).flat();
  const alone: typeof together = [];
  const sequences = groups.flat().reverse();
  for (const sequence of sequences) alone.push((await single.likelihoods([[sequence]]))[0]![0]!);
  alone.reverse();
  comparison.close(
    "log-likelihood",
    alone.map(({ logLikelihood }) => logLikelihood),
    together.map(({ logLikelihood }) => logLikelihood),
    BATCHES,
  );
  comparison.equal(
    "greedy",
    alone.map(({ greedy }) => greedy),
    together.map(({ greedy }) => greedy),
  );
  return comparison.result();
}

async function rollingCase(
  name: string,
  golden: NonNullable<Golden["rolling"]>,
  way: "default" | "no_bos",
  model: LikelihoodModel,
  tokenizer: Tokenizer,
): Promise<CaseResult> {
  const comparison = new Comparison(name);
  const texts = golden.docs.map(({ text }) => text);
  const got = await rollingLikelihoods(texts, model, { tokenizer, bos: way === "default" });
  for (const [i, doc] of golden.docs.entries()) {
    const { windows, words, bytes, logLikelihood } = got[i]!;
    const want = doc[way];
    comparison.equal(`${i} words, bytes`, [words, bytes], [doc.words, doc.bytes]);
    comparison.equal(
      `${i} windows`,
      windows.map(({ context, predicted }) => [context, predicted]),
      want.windows.map(([context, predicted]) => [context, predicted]),
    );
    comparison.close(
      `${i} windows`,
      windows.map((window) => window.logLikelihood),
      want.windows.map(([, , ll]) => ll),
      ROLLING,
    );
    comparison.close(`${i} log-likelihood`, [logLikelihood], [want.ll], ROLLING);
  }
  const metrics = rollingMetrics(got);
  for (const { name: metric, value } of metrics) {
    const want = golden[way][metric] ?? Number.NaN;
    if (metric === "bits_per_byte") comparison.close(metric, [value], [want], ROLLING);
    else comparison.close(`log ${metric}`, [Math.log(value)], [Math.log(want)], LOG_PERPLEXITY);
  }
  comparison.equal("metrics", metrics.map((metric) => metric.name).sort(), Object.keys(golden[way]).sort());
  return comparison.result();
}
