import { HeartcutError } from "../../errors.ts";
import type { LikelihoodModel } from "./likelihood.ts";
import { answered, taskOutcome } from "./metrics.ts";
import type { AnsweredItem, PreparedTask, TaskItem } from "./prepared.ts";
import type { TaskOutcome } from "./record.ts";

/** Questions the model gets in one call: enough to fill its batches, few enough to be heard of soon. */
export const ITEMS_PER_CALL = 512;

export interface ScoreTaskOptions {
  signal?: AbortSignal | undefined;
  /** Called with each item as it is answered, in order of the rows; awaited. */
  onItem?: (item: AnsweredItem) => void | Promise<void>;
  /** Told while a model reads how many of the questions it is through with, those half read in part. */
  onProgress?: ((questions: number) => void) | undefined;
}

/**
 * Asks a model all questions of a task. Nothing is read or written: the same for a model in training.
 * @returns the answers in order of prepared.items, and the task's figures
 * @throws HeartcutError HC3514 if the tokenizer's ids go beyond the model's vocabulary, HC3516 if its context is shorter
 *   than the task was made ready for, HC3515 if it gives NaN
 */
export async function scoreTask(
  prepared: PreparedTask,
  model: LikelihoodModel,
  { signal, onItem }: ScoreTaskOptions = {},
): Promise<{ items: AnsweredItem[]; outcome: TaskOutcome }> {
  const items = await answerItems(prepared, prepared.items, model, { signal, ...(onItem && { onItem }) });
  return { items, outcome: taskOutcome(prepared, items) };
}

/** Asks some of a task's questions: what is left of them when work goes on. @throws HeartcutError as scoreTask */
export async function answerItems(
  prepared: PreparedTask,
  items: readonly TaskItem[],
  model: LikelihoodModel,
  { signal, onItem, onProgress }: ScoreTaskOptions = {},
): Promise<AnsweredItem[]> {
  checkFit(prepared, items, model);
  const answers: AnsweredItem[] = [];
  for (let start = 0; start < items.length; start += ITEMS_PER_CALL) {
    const asked = items.slice(start, start + ITEMS_PER_CALL);
    const groups = asked.map(({ requests }) => requests.map(({ sequence }) => sequence));
    const sequences = groups.flat().length;
    const said = await model.likelihoods(groups, signal, (read) =>
      onProgress?.(start + (asked.length * read) / sequences),
    );
    for (const [i, item] of asked.entries()) {
      const answer = answered(prepared, item, said[i]!);
      answers.push(answer);
      await onItem?.(answer);
    }
  }
  return answers;
}

function checkFit(prepared: PreparedTask, items: readonly TaskItem[], model: LikelihoodModel): void {
  for (const { docId, requests } of items) {
    for (const { sequence } of requests) {
      const where = `${prepared.task}, row ${docId + 1}`;
      const beyond = sequence.ids.find((id) => id >= model.vocabSize);
      if (beyond !== undefined) {
        throw new HeartcutError("HC3514", {
          what: "the task has tokens that the model does not know",
          where,
          found: `id ${beyond}`,
          expected: `ids below ${model.vocabSize}, the size of the model's vocabulary`,
          fix: "use the tokenizer the model was trained with",
        });
      }
      if (sequence.ids.length - 1 > model.maxPositions) {
        throw new HeartcutError("HC3516", {
          what: "the task was made ready for a longer context than the model has",
          where,
          found: `${sequence.ids.length - 1} tokens`,
          expected: `at most ${model.maxPositions}`,
          fix: "prepare the task with the model's own context length",
        });
      }
    }
  }
}
