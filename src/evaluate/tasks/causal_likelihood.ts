import { InternalError } from "../../errors.ts";
import type { AskedLogProbs } from "../../models/asked_log_probs.ts";
import type { CausalLM } from "../../models/causal_lm.ts";
import type { AskedSequence, Likelihood, LikelihoodModel } from "./likelihood.ts";

/**
 * A causal language model as tasks ask it.
 * @throws InternalError on a sequence of more than maxPositions + 1 ids: whoever asks cuts them
 */
export function causalLikelihood(model: CausalLM): LikelihoodModel {
  const { maxPositions } = model.description.config;
  return {
    vocabSize: model.vocabSize,
    maxPositions,
    async likelihoods(groups, signal, onRead) {
      for (const { ids } of groups.flat())
        if (ids.length > maxPositions + 1)
          throw new InternalError(`a sequence of ${ids.length} ids for a model of ${maxPositions} positions`);
      const answers = await model.askedLogProbs(groups, { signal, onRead });
      return answers.map((group, g) => group.map((answer, i) => likelihoodOf(groups[g]![i]!, answer)));
    },
  };
}

function likelihoodOf({ ids, from }: AskedSequence, { logProbs, likeliest }: AskedLogProbs): Likelihood {
  return {
    logLikelihood: logProbs.reduce((total, logProb) => total + logProb, 0),
    greedy: likeliest.every((id, i) => id === ids[from + i]),
  };
}
