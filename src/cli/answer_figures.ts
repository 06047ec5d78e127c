import { wilsonInterval } from "../evaluate/statistics.ts";
import type { Prediction } from "../tasks/record.ts";
import { formatCount } from "./terminal.ts";

/** What a model's answers to a split come to. */
export interface AnswerFigures {
  examples: number;
  correct: number;
  /** Answers that are possible ones at all: among the choices, or with a value. */
  valid: number;
  invalid: number;
  /** Share that is right, and its 95 % Wilson interval over examples. */
  accuracy: number;
  interval: [number, number];
}

/** Counts right and invalid answers. */
export function answerFigures(predictions: readonly Prediction[]): AnswerFigures {
  const examples = predictions.length;
  const correct = predictions.filter((one) => one.correct).length;
  const valid = predictions.filter((one) => one.valid).length;
  const interval = wilsonInterval(correct, examples);
  return { examples, correct, valid, invalid: examples - valid, accuracy: correct / examples, interval };
}

/** The figures in a line. */
export function figuresInWords({ examples, correct, invalid, accuracy, interval: [low, high] }: AnswerFigures): string {
  const percent = (share: number) => (100 * share).toFixed(1);
  const right = `${formatCount(correct)} of ${formatCount(examples)} right (${percent(accuracy)} %, 95 % interval ${percent(low)}–${percent(high)})`;
  return `${right}, ${formatCount(invalid)} invalid${invalid === 0 ? "" : ` (no possible ${invalid === 1 ? "answer" : "answers"})`}`;
}
