import { HeartcutError, printable } from "../errors.ts";
import type { LanguageModel } from "../models/language_model.ts";
import { quietContext, type StageContext } from "../progress.ts";
import { encodeInput, encodeTarget } from "../tokenizers/encode_pair.ts";
import type { Tokenizer } from "../tokenizers/tokenizer.ts";
import { attribute } from "./attribute.ts";
import { answerInputs } from "./encode.ts";
import type { Attribution, ComputedMethod, MethodOptions } from "./method.ts";
import { type UnknownWords, unknownWords } from "./unknown_words.ts";

/** One text to attribute, as people write it. */
export interface AttributeTextInput {
  readonly model: LanguageModel;
  readonly tokenizer: Tokenizer;
  readonly text: string;
  /** The answer that is explained; the model's own greedy one without it. */
  readonly target?: string | undefined;
  /** The other answer, for `scalar: "contrastive"` and only for it. */
  readonly contrast?: string | undefined;
  readonly method?: ComputedMethod | undefined;
  readonly options?: MethodOptions | undefined;
  /** Tokens of the input, and of an answer of the model, at most. */
  readonly limits: { readonly input: number; readonly target: number };
}

/** An answer and the log-probability of all its tokens given the input, its end included where it has one, in nats. */
export interface WeighedAnswer {
  text: string;
  logProbability: number;
}

/** Scores of a text's tokens, and what the model makes of the text. */
export interface TextAttribution extends Omit<Attribution, "scores"> {
  /** What the scores explain. */
  answer: WeighedAnswer;
  /** What the model itself answers: the same where no target was given. */
  predicted: WeighedAnswer;
  /** Every input token, those around the text included. */
  tokens: { id: number; text: string; score: number }[];
  /** Tokens of the text that were cut off at its end. */
  truncated: number;
  /** Words the tokenizer has no token for, by where they stand; only texts that have some. */
  unknown: { input?: UnknownWords; target?: UnknownWords; contrast?: UnknownWords };
}

/**
 * Scores how much each token of one text matters for an answer, and asks the model for its own. Warns of words the
 * tokenizer does not know, and of what is cut off.
 * @throws HeartcutError HC6109 for a target or contrast without any token that the tokenizer knows; those of attribute,
 *   encodeInput and generateBatch
 */
export async function attributeText(
  input: AttributeTextInput,
  context: StageContext = quietContext("attribute"),
): Promise<TextAttribution> {
  const { model, tokenizer, text, target, contrast, method, options, limits } = input;
  const warn = (message: string) => context.report({ type: "warning", stage: context.stage, message });
  const unknown: TextAttribution["unknown"] = {};
  for (const [name, words] of Object.entries({ input: text, target, contrast })) {
    if (words === undefined) continue;
    const found = await unknownWords(tokenizer, words);
    if (name !== "input" && found.tokens === found.unknown) throw nothingKnown(name, words);
    if (found.unknown === 0) continue;
    unknown[name as keyof typeof unknown] = found;
    warn(unknownWarning(name, found));
  }
  const { kind } = model.description;
  const { ids, truncated } = await encodeInput(tokenizer, text, { kind, maxTokens: limits.input });
  if (truncated > 0) warn(`the input is longer than ${limits.input} tokens: its last ${truncated} tokens were cut off`);
  const { endId } = model;
  const [own] = await answerInputs(model, tokenizer, [ids], {
    maxNewTokens: limits.target,
    places: ids.length + limits.target,
    signal: context.signal,
  });
  const explained =
    target === undefined ? own! : { ids: await encodeTarget(tokenizer, target, endId), text: target.trim() };
  const { scores, ...rest } = await attribute(
    model,
    {
      input: ids,
      target: explained.ids,
      ...(contrast !== undefined && { other: await encodeTarget(tokenizer, contrast, endId) }),
      ...(method !== undefined && { method }),
      ...options,
    },
    context,
  );
  const [answer, predicted] = (
    await model.targetLogProbs([explained, own!].map((one) => ({ input: ids, target: one.ids })))
  ).map((logProbs, i) => ({
    text: i === 0 ? explained.text : own!.text,
    logProbability: logProbs.reduce((sum, logProb) => sum + logProb, 0),
  }));
  const tokens = tokenizer.pieces(ids).map((piece, i) => ({ id: ids[i]!, text: piece, score: scores[i]! }));
  return { answer: answer!, predicted: predicted!, tokens, truncated, unknown, ...rest };
}

/** Words named in a warning, at most. */
const NAMED = 10;

function unknownWarning(name: string, { tokens, unknown, words }: UnknownWords): string {
  const named = words.slice(0, NAMED).map((word) => JSON.stringify(word));
  const more = words.length > NAMED ? ` and ${words.length - NAMED} more` : "";
  const which = named.length === 0 ? "" : `: ${named.join(", ")}${more}`;
  const many = unknown === 1 ? "1 token" : `${unknown} of the ${tokens} tokens`;
  return printable(
    `the tokenizer does not know ${many} of the ${name}${which}; to the model all unknown words are the same`,
  );
}

function nothingKnown(name: string, text: string): HeartcutError {
  return new HeartcutError("HC6109", {
    what: `the ${name} holds no token that the tokenizer knows`,
    found: printable(JSON.stringify(text)),
    expected: "an answer in words of the model's vocabulary",
    why: "the scores would be those of any unknown word",
    fix: `give another ${name}; \`heartcut inspect MODEL/tokenizer.json\` shows the vocabulary`,
  });
}
