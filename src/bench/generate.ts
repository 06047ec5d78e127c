import { describeCausalModel } from "../models/architecture.ts";
import { CausalLM } from "../models/causal_lm.ts";
import { generateBatch } from "../models/generate.ts";
import { initialWeights } from "../models/weights.ts";
import { secondsOf } from "./time.ts";
import { randomIds, readConfig, type StartWork } from "./work.ts";

/** Greedy continuation of a batch of prompts with cached keys and values. */
export const startGeneration: StartWork = async ({ config, batch, seq, target, device, threads }) => {
  const description = describeCausalModel(await readConfig(config!), config!);
  const model = new CausalLM(description, initialWeights(description, 0), { device, threads });
  const ids = randomIds(model.vocabSize);
  return {
    parameters: model.parameterCount,
    tokensPerStep: batch * target,
    prepare: () => {
      const prompts = ids(batch, seq);
      return () => secondsOf(async () => void (await generateBatch(model, prompts, { maxNewTokens: target })));
    },
    dispose: () => model.dispose(),
  };
};
