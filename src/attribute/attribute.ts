import { closest } from "../did_you_mean.ts";
import { HeartcutError } from "../errors.ts";
import { BATCH_TOKENS } from "../models/batch.ts";
import type { LanguageModel } from "../models/language_model.ts";
import { quietContext, type StageContext } from "../progress.ts";
import { Completeness } from "./completeness.ts";
import type { AttributedPair, Attribution, ComputedMethod, MethodOptions, PreparedMethod } from "./method.ts";
import { METHODS } from "./methods/index.ts";
import type { AttributionEngine } from "./rows.ts";

/** Pairs to attribute: ids as the model reads them, special tokens and the target's end-of-sequence id included. */
export interface AttributeRequest<Ids extends Int32Array | readonly Int32Array[]> extends MethodOptions {
  readonly input: Ids;
  readonly target: Ids;
  /** The other answers, for `scalar: "contrastive"` only. */
  readonly other?: Ids;
  /** Default "gradient". */
  readonly method?: ComputedMethod;
  /** Names of the pairs, which seed random scores and stand in errors; default: 0, 1, … */
  readonly ids?: readonly string[];
  /** Padded input and target places of one engine call, at most. Default BATCH_TOKENS. */
  readonly batchPlaces?: number;
}

/**
 * Scores how much each input token matters for a model's target, one score per input id; batched, padding gets none.
 * @param request - one pair or several; the method and its options (MethodOptions)
 * @param context - receives a warning where integrated gradients miss completeness
 * @returns one Attribution per pair
 * @throws HeartcutError HC6101 for an option the method does not take, HC6102 for a value it cannot use, HC6103 without a
 *   padding token, HC6104 for pairs that do not match, HC6105 for a score that is not finite, HC1105 for an unknown id
 * Source: Ballout et al. 2024, arXiv:2409.12586; the other methods name theirs
 */
export function attribute(
  model: LanguageModel,
  request: AttributeRequest<Int32Array>,
  context?: StageContext,
): Promise<Attribution>;
export function attribute(
  model: LanguageModel,
  request: AttributeRequest<readonly Int32Array[]>,
  context?: StageContext,
): Promise<Attribution[]>;
export async function attribute(
  model: LanguageModel,
  request: AttributeRequest<Int32Array | readonly Int32Array[]>,
  context: StageContext = quietContext("attribute"),
): Promise<Attribution | Attribution[]> {
  const { input, target, other, method = "gradient", ids, batchPlaces = BATCH_TOKENS, ...options } = request;
  const prepared = prepareMethod(method, options);
  const pairs = pairsOf({ input, target, other, ids });
  const results = await attributePairs({ model, batchPlaces, context }, prepared, pairs);
  if (prepared.completenessBound !== undefined) {
    const completeness = new Completeness(prepared.completenessBound);
    for (const result of results) completeness.add(result.completeness!);
    const message = completeness.warning();
    if (message !== undefined) context.report({ type: "warning", stage: context.stage, message });
  }
  return input instanceof Int32Array ? results[0]! : results;
}

/** A method by name with its options settled. @throws HeartcutError HC6101, HC6102 */
export function prepareMethod(name: ComputedMethod, options: MethodOptions): PreparedMethod {
  if (!Object.hasOwn(METHODS, name)) {
    const names = Object.keys(METHODS);
    const guess = closest(String(name), names);
    throw new HeartcutError("HC6102", {
      what: "there is no such attribution method",
      found: String(name),
      expected: `one of: ${names.join(", ")}`,
      fix: guess === undefined ? "name one of these" : `did you mean ${guess}?`,
    });
  }
  return METHODS[name].prepare(options);
}

/** Runs a method over pairs that are checked first. @throws HeartcutError HC6103-HC6105, HC1105 */
export async function attributePairs(
  engine: AttributionEngine,
  method: PreparedMethod,
  pairs: readonly AttributedPair[],
): Promise<Attribution[]> {
  for (const pair of pairs) checkPair(engine.model, method, pair);
  const results = await method.attribute(engine, pairs);
  for (const [i, { scores }] of results.entries()) {
    const bad = scores.findIndex((score) => !Number.isFinite(score));
    if (bad >= 0)
      throw new HeartcutError("HC6105", {
        what: "a score is not a finite number",
        where: `example ${pairs[i]!.id}, input token ${bad} (id ${pairs[i]!.input[bad]})`,
        found: String(scores[bad]),
        why: "tokens could not be ranked",
        fix: "check that the model's weights are finite",
      });
  }
  return results;
}

function checkPair(model: LanguageModel, method: PreparedMethod, { id, input, target, other }: AttributedPair): void {
  const fault = (what: string, fix: string) => new HeartcutError("HC6104", { what, where: `example ${id}`, fix });
  if (input.length === 0) throw fault("the input has no tokens", "leave the example out");
  if (target.length === 0)
    throw fault("the target has no tokens", "leave the example out, or end targets with the end-of-sequence id");
  if (method.contrastive && (other === undefined || other.length === 0))
    throw fault("a contrastive scalar needs another answer", "give `other` for each pair");
  if (!method.contrastive && other !== undefined)
    throw fault("another answer has no effect here", 'leave out `other`, or set scalar: "contrastive"');
  for (const ids of [input, target, other]) if (ids !== undefined) model.checkIds(ids);
}

type Ids = Int32Array | readonly Int32Array[];

function pairsOf(given: {
  input: Ids;
  target: Ids;
  other: Ids | undefined;
  ids: readonly string[] | undefined;
}): AttributedPair[] {
  const list = (ids: Ids) => (ids instanceof Int32Array ? [ids] : ids);
  const [inputs, targets] = [list(given.input), list(given.target)];
  const others = given.other === undefined ? undefined : list(given.other);
  const single = given.input instanceof Int32Array;
  const counts = { input: inputs, target: targets, other: others, ids: given.ids };
  for (const [name, all] of Object.entries(counts)) {
    const otherForm = name !== "ids" && all !== undefined && given[name as "target"] instanceof Int32Array !== single;
    if (all !== undefined && (all.length !== inputs.length || otherForm))
      throw new HeartcutError("HC6104", {
        what: `input and ${name} do not match`,
        found: `${single ? "one input" : `${inputs.length} inputs`}, ${otherForm ? "one array" : all.length} of ${name}`,
        expected: "one of each per pair: an Int32Array for one pair, a list of them for several",
      });
  }
  return inputs.map((input, i) => ({
    id: given.ids?.[i] ?? String(i),
    input,
    target: targets[i]!,
    ...(others === undefined ? {} : { other: others[i]! }),
  }));
}
