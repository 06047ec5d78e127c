import { causalLikelihood } from "../evaluate/tasks/causal_likelihood.ts";
import { prepareTask } from "../evaluate/tasks/prepare.ts";
import type { PreparedTask } from "../evaluate/tasks/prepared.ts";
import { mainMetricOf } from "../evaluate/tasks/record.ts";
import { scoreTask } from "../evaluate/tasks/score_task.ts";
import type { LikelihoodTask } from "../evaluate/tasks/task.ts";
import { fingerprintOf } from "../teachers/fingerprint.ts";
import { loadTokenizer } from "../tokenizers/tokenizer.ts";
import type { TrainingProbe } from "../train/train.ts";
import type { InputFile } from "./stage.ts";

/** A few questions of tasks that a model in training is asked again and again. */
export interface TaskProbeInput {
  tasks: readonly LikelihoodTask[];
  /** Folder with the tasks' data. */
  data: string;
  /** What the tasks are read from, hashed. */
  files: readonly InputFile[];
  /** First questions of each. */
  items: number;
  fewshot: number;
  /** Folder of the model's tokenizer. */
  tokenizer: string;
}

/** The probe that asks them. The questions are read when the first is asked. @throws HeartcutError as prepareTask and scoreTask, when it measures */
export function taskProbe({ tasks, data, files, items, fewshot, tokenizer: folder }: TaskProbeInput): TrainingProbe {
  let prepared: PreparedTask[] | undefined;
  return {
    fingerprint: fingerprintOf([
      tasks.map(({ name, version, definition }) => [name, version, definition]),
      files,
      items,
      fewshot,
    ]),
    async measure(model, signal) {
      const { maxPositions } = model.description.config;
      if (prepared === undefined) {
        const tokenizer = await loadTokenizer(folder);
        prepared = [];
        for (const task of tasks)
          prepared.push(await prepareTask(task, { tokenizer, maxPositions, data, limit: items, fewshot }));
      }
      const likelihood = causalLikelihood(model);
      const points = [];
      for (const each of prepared) {
        const { outcome } = await scoreTask(each, likelihood, { signal });
        const { value } = mainMetricOf(outcome);
        points.push({ task: outcome.task, metric: outcome.main, value, items: outcome.items });
      }
      return points;
    },
  };
}
