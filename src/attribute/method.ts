import { z } from "zod";
import { closest } from "../did_you_mean.ts";
import { HeartcutError } from "../errors.ts";
import type { Pair } from "../models/pairs.ts";
import { allowedValues, mismatchOf } from "../schema_words.ts";
import type { AttributionMethod, AttributionRow } from "./record.ts";
import type { AttributionEngine } from "./rows.ts";
import type { Scalar } from "./scalars.ts";

/** Methods that are computed here; "imported" scores come from elsewhere. */
export type ComputedMethod = Exclude<AttributionMethod, "imported">;

/** Options of all methods; each takes the ones named there and refuses the others. Defaults stand with the method. */
export interface MethodOptions {
  /** What of the model's output is explained. */
  readonly scalar?: Scalar | undefined;
  /** Gradient: norm over the embedding axis. */
  readonly norm?: "l1" | "l2" | undefined;
  /** Gradient: norm of the target tokens' mean gradient, or mean of the norms of each target token's gradient. */
  readonly aggregate?: "mean_gradient" | "norm_then_mean" | undefined;
  /** Signed methods: rank by absolute value. */
  readonly absolute?: boolean | undefined;
  /** Integrated gradients: Gauss-Legendre nodes. */
  readonly steps?: number | undefined;
  /** Integrated gradients: embedding at which the path starts, the same for every token. */
  readonly baseline?: "pad" | "zero" | "mean" | undefined;
  /** Integrated gradients from "pad": its id; default: pad_token_id of the model's config. */
  readonly padId?: number | undefined;
  /** Integrated gradients: share of |F(input) - F(baseline)| up to which a completeness delta passes without a warning. */
  readonly completenessBound?: number | undefined;
  /** Random: seed. */
  readonly seed?: number | undefined;
}

/** A pair whose target is to be explained by its input's tokens. */
export interface AttributedPair extends Pair {
  /** Names the pair: seeds the random scores, stands in errors. */
  readonly id: string;
  /** The other answer of the contrastive scalar. */
  readonly other?: Int32Array | undefined;
}

/** Importance of one pair's input tokens. */
export interface Attribution {
  /** One score per input id; higher is more important. */
  scores: Float32Array;
  /** Logit of each target token, where the method runs the model. */
  targetLogits?: Float32Array;
  /** The scalar at each target token, where the method differentiates one; the target's own logits for "contrastive". */
  targetScalars?: Float32Array;
  /** Integrated gradients: the scalar at the input and at the baseline, and Σ attributions - (input - baseline). */
  completeness?: NonNullable<AttributionRow["completeness"]>;
}

/** A method with its options settled. */
export interface PreparedMethod {
  readonly name: ComputedMethod;
  /** The options, defaults written out. */
  readonly settings: Record<string, string | number | boolean>;
  /** Whether each pair needs another answer. */
  readonly contrastive: boolean;
  /** Of integrated gradients: see MethodOptions. */
  readonly completenessBound: number | undefined;
  attribute(engine: AttributionEngine, pairs: readonly AttributedPair[]): Promise<Attribution[]>;
}

/** One attribution method: the options it takes and what it does with them. */
export interface Method {
  readonly name: ComputedMethod;
  readonly optionNames: readonly string[];
  /** @throws HeartcutError HC6101 for an option it does not take, HC6102 for a value it cannot use */
  prepare(options: MethodOptions): PreparedMethod;
}

type Shape = Record<string, z.ZodType<string | number | boolean | undefined>>;

/** Declares a method. `check` refuses options that exclude each other. @throws in `check` HeartcutError HC6102 */
export function defineMethod<S extends Shape>(declaration: {
  name: ComputedMethod;
  options: S;
  check?: (options: z.infer<z.ZodObject<S>>) => void;
  attribute(
    engine: AttributionEngine,
    pairs: readonly AttributedPair[],
    options: z.infer<z.ZodObject<S>>,
  ): Promise<Attribution[]>;
}): Method {
  const { name } = declaration;
  const schema = z.strictObject(declaration.options);
  const optionNames = Object.keys(declaration.options);
  return {
    name,
    optionNames,
    prepare(given) {
      const stated = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
      for (const option of Object.keys(stated))
        if (!optionNames.includes(option)) throw notTaken(name, option, optionNames);
      const parsed = schema.safeParse(stated);
      if (!parsed.success) throw unusable(name, parsed.error, stated, declaration.options);
      declaration.check?.(parsed.data);
      const settings = Object.fromEntries(Object.entries(parsed.data).filter(([, value]) => value !== undefined));
      return {
        name,
        settings: settings as PreparedMethod["settings"],
        contrastive: settings.scalar === ("contrastive" satisfies Scalar),
        completenessBound: settings.completenessBound as number | undefined,
        attribute: (engine, pairs) => declaration.attribute(engine, pairs, parsed.data),
      };
    },
  };
}

function notTaken(method: string, option: string, taken: readonly string[]): HeartcutError {
  const guess = closest(option, taken);
  return new HeartcutError("HC6101", {
    what: `attribution method ${method} takes no option ${option}`,
    expected: taken.length === 0 ? "no options" : `among ${taken.join(", ")}`,
    why: "an option without effect would make a comparison look like something it is not",
    fix: guess === undefined ? `leave out ${option}` : `write ${guess}, or leave out ${option}`,
  });
}

function unusable(method: string, error: z.ZodError, given: object, options: Shape): HeartcutError {
  const { path: option, found, expected } = mismatchOf(error, given);
  const issue = error.issues[0]!;
  const written = (given as Record<string, unknown>)[option];
  const guess = typeof written === "string" ? closest(written, allowedValues(issue)) : undefined;
  const standard = options[option]?.safeParse(undefined).data;
  const without = standard === undefined ? "or leave it out" : `left out, it is ${String(standard)}`;
  return new HeartcutError("HC6102", {
    what: `attribution method ${method} cannot use this value of option ${option}`,
    where: `option ${option}`,
    found,
    expected,
    fix: `${guess === undefined ? `give ${option} such a value` : `write ${guess}`}; ${without}`,
  });
}
