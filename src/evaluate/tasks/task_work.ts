import type { CausalLM } from "../../models/causal_lm.ts";
import type { Tokenizer } from "../../tokenizers/tokenizer.ts";
import { causalLikelihood } from "./causal_likelihood.ts";
import { generateAnswers, generationOutcome, TEXTS_PER_CALL } from "./generate_until.ts";
import type { Likelihood } from "./likelihood.ts";
import { taskOutcome } from "./metrics.ts";
import type { PreparedGeneration, PreparedRolling, PreparedTask, TaskItem } from "./prepared.ts";
import { strip } from "./python_text.ts";
import type { TaskOutcome } from "./record.ts";
import { rollingLikelihoods, TEXTS } from "./rolling.ts";
import { rollingOutcome, rollingValues } from "./rolling_metrics.ts";
import { type ReadSample, type Sample, singleValues } from "./sample_files.ts";
import { answerItems, ITEMS_PER_CALL } from "./score_task.ts";

type AnyPrepared = PreparedTask | PreparedGeneration | PreparedRolling;

/** A task as evaluation goes through it, whatever the model has to do for it. */
export interface TaskWork {
  readonly prepared: AnyPrepared;
  /** What was done to the answers before they were judged, by lm-evaluation-harness's name for it. */
  readonly filter: string;
  readonly skipped: PreparedTask["skipped"];
  /** Questions the model gets in one call: what is answered together is kept together. */
  readonly questionsPerCall: number;
  /** Has the model answer the questions from one place to before another. @param onProgress - told how many of them it is through with */
  answer(
    start: number,
    end: number,
    watch: { readonly signal: AbortSignal; readonly onProgress: (questions: number) => void },
  ): Promise<Sample[]>;
  /** The figures, from the answers as they were written. */
  outcome(samples: readonly ReadSample[]): TaskOutcome;
}

/** Who answers. */
export interface TaskModel {
  readonly model: CausalLM;
  readonly tokenizer: Tokenizer;
}

/** How a model goes through a task that was made ready. */
export function taskWork(prepared: AnyPrepared, by: TaskModel): TaskWork {
  switch (prepared.outputType) {
    case "generate_until":
      return generationWork(prepared, by);
    case "loglikelihood_rolling":
      return rollingWork(prepared, by);
    default:
      return likelihoodWork(prepared, by);
  }
}

function likelihoodWork(prepared: PreparedTask, { model }: TaskModel): TaskWork {
  const { items, skipped } = prepared;
  return {
    prepared,
    filter: "none",
    skipped,
    questionsPerCall: ITEMS_PER_CALL,
    async answer(start, end, watch) {
      const asked = items.slice(start, end);
      const answers = await answerItems(prepared, asked, causalLikelihood(model), watch);
      return answers.map(({ likelihoods, values }, i) => likelihoodSample(asked[i]!, likelihoods, values));
    },
    outcome: (samples) =>
      taskOutcome(
        prepared,
        samples.map((sample) => ({
          docId: sample.docId,
          likelihoods: sample.responses.map(likelihoodOf),
          values: singleValues(sample),
        })),
      ),
  };
}

function likelihoodSample(
  { docId, doc, target, requests }: TaskItem,
  likelihoods: readonly Likelihood[],
  values: Sample["values"],
): Sample {
  return {
    ...{ docId, doc, target, values },
    arguments: requests.map(({ context, continuation }) => [context, continuation]),
    responses: likelihoods.map(({ logLikelihood, greedy }) => [String(logLikelihood), greedy ? "True" : "False"]),
  };
}

function likelihoodOf(response: string | readonly string[]): Likelihood {
  const [logLikelihood, greedy] = response;
  return { logLikelihood: Number(logLikelihood), greedy: greedy === "True" };
}

function generationWork(prepared: PreparedGeneration, { model, tokenizer }: TaskModel): TaskWork {
  const { items } = prepared;
  return {
    prepared,
    filter: "strip",
    skipped: [],
    questionsPerCall: TEXTS_PER_CALL,
    async answer(start, end, watch) {
      const asked = items.slice(start, end);
      const answers = await generateAnswers({ ...prepared, items: asked }, model, { tokenizer, ...watch });
      return answers.map(({ text, exactMatch }, i): Sample => {
        const { docId, doc, target, context, until, maxNewTokens } = asked[i]!;
        return {
          ...{ docId, doc, target },
          arguments: [[context, { until, max_gen_toks: maxNewTokens, do_sample: false }]],
          responses: [text],
          filtered: [strip(text)],
          values: { exact_match: exactMatch },
        };
      });
    },
    outcome: (samples) =>
      generationOutcome(
        prepared,
        model,
        samples.map((sample) => ({ docId: sample.docId, exactMatch: singleValues(sample).exact_match! })),
      ),
  };
}

function rollingWork(prepared: PreparedRolling, { model, tokenizer }: TaskModel): TaskWork {
  const { items, bos } = prepared;
  return {
    prepared,
    filter: "none",
    skipped: [],
    questionsPerCall: TEXTS,
    async answer(start, end, watch) {
      const asked = items.slice(start, end);
      const texts = asked.map(({ text }) => text);
      const rolled = await rollingLikelihoods(texts, causalLikelihood(model), { tokenizer, bos, ...watch });
      return rolled.map((one, i): Sample => {
        const { docId, doc, text } = asked[i]!;
        return {
          ...{ docId, doc, target: text },
          arguments: [[text]],
          responses: [String(one.logLikelihood)],
          values: rollingValues(one),
        };
      });
    },
    outcome: (samples) => rollingOutcome(prepared, samples),
  };
}
