import { describeCausalModel } from "../models/architecture.ts";
import { CausalLM } from "../models/causal_lm.ts";
import { initialWeights } from "../models/weights.ts";
import { MINIPLM_ADAMW } from "../train/adamw.ts";
import { OnlineTeacher } from "../train/distillation/teacher.ts";
import { Trainer, type TrainerDistillation } from "../train/trainer.ts";
import type { BenchOptions } from "./options.ts";
import { randomIds, readConfig, type StartWork } from "./work.ts";

/** Half of the loss from a teacher that reads along. */
async function vanillaKd({ teacher, device, threads }: BenchOptions): Promise<TrainerDistillation | undefined> {
  if (teacher === undefined) return undefined;
  const description = describeCausalModel(await readConfig(teacher), teacher);
  const model = new CausalLM(description, initialWeights(description, 1), { device, threads });
  const settings = { weight: 0.5, loss: "cross_entropy", temperature: 1 } as const;
  return { settings, teacher: { online: new OnlineTeacher(model) }, seed: 0 };
}

/** Forward, backward, clipping, AdamW; vanilla KD where a teacher is given. */
export const startTraining: StartWork = async (options) => {
  const { config, batch, seq, micro = batch, device, threads, recompute } = options;
  const description = describeCausalModel(await readConfig(config!), config!);
  const trainer = new Trainer(description, initialWeights(description, 0), {
    length: seq,
    microBatch: micro,
    accumulates: micro < batch,
    device,
    ...(threads !== undefined && { threads }),
    recompute,
    lossNormalization: "token",
    documentBarrier: false,
    adamw: { ...MINIPLM_ADAMW, weightDecay: 0.1 },
    distillation: await vanillaKd(options),
  });
  const ids = randomIds(description.config.vocabSize);
  let step = 0;
  return {
    parameters: description.parameterCount,
    tokensPerStep: batch * seq,
    prepare: () => {
      const instances = ids(batch, seq + 1);
      return async () => {
        await trainer.step(instances, ++step, 1e-4);
        return trainer.executionMs / 1000;
      };
    },
    dispose: () => trainer.dispose(),
  };
};
