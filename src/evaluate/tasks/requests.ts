import type { EncodedRequest } from "./encode_request.ts";
import type { TaskDocument, TaskItem, TaskRequest } from "./prepared.ts";
import { choicesOf, type Question } from "./task.ts";

/** Context length of a model that states none (Infinity). */
const UNSTATED = 2048;

/** Tokens that a model is given at most. Source: lm-evaluation-harness 0.4.13, HFLM.max_length */
export function contextLength(maxPositions: number): number {
  return Number.isFinite(maxPositions) ? maxPositions : UNSTATED;
}

/**
 * The requests of a question for a model that reads maxPositions ids: of longer sequences the beginning is lost, one id
 * more than the model reads is kept, since the last one is only asked for.
 * @returns the item, or why it cannot be asked
 */
export function itemOf(
  docId: number,
  doc: TaskDocument,
  question: Question,
  texts: readonly { readonly context: string; readonly continuation: string }[],
  encoded: readonly EncodedRequest[],
  maxPositions: number,
): TaskItem | string {
  const requests: TaskRequest[] = [];
  for (const [i, { context, continuation }] of encoded.entries()) {
    if (context.length === 0) return "its context has no tokens";
    if (continuation.length === 0) return `answer ${i + 1} has no tokens of its own`;
    if (continuation.length > maxPositions)
      return `answer ${i + 1} has ${continuation.length} tokens, the model reads ${maxPositions}`;
    const length = context.length + continuation.length;
    const cut = Math.max(0, length - maxPositions - 1);
    const ids = new Int32Array(length - cut);
    ids.set(context.subarray(Math.min(cut, context.length)));
    ids.set(continuation, ids.length - continuation.length);
    requests.push({
      ...texts[i]!,
      tokens: { context: context.length, continuation: continuation.length },
      cut,
      sequence: { ids, from: ids.length - continuation.length },
    });
  }
  const choices = choicesOf(question);
  return { docId, doc, target: question.target, ...(choices && { choices }), requests };
}
