import { describeCausalModel } from "../models/architecture.ts";
import { CausalLM } from "../models/causal_lm.ts";
import { initialWeights } from "../models/weights.ts";
import { secondsOf } from "./time.ts";
import { randomIds, readConfig, type StartWork } from "./work.ts";

/** Mean NLL per instance, as MiniPLM's scoring pass computes it; or the likeliest tokens at each position. */
export const startScoring: StartWork = async ({ config, batch, seq, device, threads, topK }) => {
  const description = describeCausalModel(await readConfig(config!), config!);
  const weights = initialWeights(description, 0);
  const model = new CausalLM(description, weights, { device, threads, batchTokens: batch * seq });
  const ids = randomIds(model.vocabSize);
  return {
    parameters: model.parameterCount,
    tokensPerStep: batch * seq,
    prepare: () => {
      const instances = ids(batch, seq + 1);
      return () =>
        secondsOf(async () => {
          if (topK !== undefined) return void (await model.topLogProbs(instances, { k: topK }));
          const nll = await model.tokenNll(instances);
          nll.map((row) => row.reduce((a, b) => a + b, 0) / row.length);
        });
    },
    dispose: () => model.dispose(),
  };
};
