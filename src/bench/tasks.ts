import { causalLikelihood } from "../evaluate/tasks/causal_likelihood.ts";
import { hellaswag } from "../evaluate/tasks/hellaswag.ts";
import type { LikelihoodModel } from "../evaluate/tasks/likelihood.ts";
import { prepareTask } from "../evaluate/tasks/prepare.ts";
import { scoreTask } from "../evaluate/tasks/score_task.ts";
import { publishJson } from "../formats/publish.ts";
import { CausalLM } from "../models/causal_lm.ts";
import { loadModel } from "../models/load.ts";
import { loadTokenizer } from "../tokenizers/tokenizer.ts";
import { secondsOf } from "./time.ts";
import type { StartWork } from "./work.ts";

/**
 * Zero-shot HellaSwag as a user meets it: each step is a whole evaluation, tokenization and compilation included, loading
 * not. With `answers`, requests and what the model said to them are written, so that another program can be asked the same.
 */
export const startTasks: StartWork = async ({ model: folder, taskData, limit, answers, device, threads }) => {
  const { description, weights } = await loadModel(folder!, { device, threads });
  const tokenizer = await loadTokenizer(folder!);
  const prepare = () =>
    prepareTask(hellaswag, { tokenizer, data: taskData, limit, maxPositions: description.config.maxPositions });
  const { items } = await prepare();
  const sequences = items.flatMap(({ requests }) => requests.map(({ sequence }) => sequence));
  return {
    parameters: description.parameterCount,
    tokensPerStep: sequences.reduce((total, { ids }) => total + ids.length - 1, 0),
    asked: { items: items.length, requests: sequences.length },
    warmUp: 0,
    prepare: () => {
      const model = new CausalLM(description, weights, { device, threads });
      return async () => {
        const task = await prepare();
        const timed = timedLikelihoods(causalLikelihood(model));
        const scored = await scoreTask(task, timed.model);
        await model.dispose();
        if (answers !== undefined)
          await publishJson(
            answers,
            task.items.flatMap(({ docId, requests }, i) =>
              requests.map(({ context, continuation }, j) => ({
                docId,
                context,
                continuation,
                ...scored.items[i]!.likelihoods[j]!,
              })),
            ),
          );
        return timed.seconds();
      };
    },
    dispose: () => Promise.resolve(),
  };
};

/** A model whose seconds are counted. */
function timedLikelihoods(model: LikelihoodModel): { model: LikelihoodModel; seconds: () => number } {
  let seconds = 0;
  const likelihoods: LikelihoodModel["likelihoods"] = async (...asked) => {
    let answers: Awaited<ReturnType<LikelihoodModel["likelihoods"]>> = [];
    seconds += await secondsOf(async () => {
      answers = await model.likelihoods(...asked);
    });
    return answers;
  };
  return { model: { ...model, likelihoods }, seconds: () => seconds };
}
