import * as z from "zod";
import type { HfConfigJson } from "../formats/hf_config.ts";
import type { Random } from "../random.ts";
import type { CausalConfig } from "./causal.ts";
import { NEUTRAL, parseKeys, refusing, requireNeutral } from "./config_check.ts";
import type { ParameterSpec } from "./parameters.ts";

const count = z.number().int().positive();
const positive = z.number().positive();

/** The keys of a Mamba config.json that are read, under HF's own names; sizes of the stack are never guessed. */
const mambaJson = z.object({
  vocab_size: count,
  hidden_size: count,
  num_hidden_layers: count,
  state_size: count.default(16),
  expand: count.default(2),
  conv_kernel: count.min(2).default(4),
  use_bias: z.boolean().default(false),
  use_conv_bias: z.boolean().default(true),
  hidden_act: z.literal("silu").default("silu"),
  layer_norm_epsilon: positive.default(1e-5),
  time_step_rank: z.union([count, z.literal("auto")]).default("auto"),
  time_step_scale: positive.default(1),
  time_step_min: positive.default(0.001),
  time_step_max: positive.default(0.1),
  time_step_floor: positive.default(1e-4),
  time_step_init_scheme: z.enum(["random", "constant"]).default("random"),
  rescale_prenorm_residual: z.boolean().default(false),
  initializer_range: positive.default(0.1),
  tie_word_embeddings: z.boolean().default(true),
});

/** Keys that change nothing here: which of equal computations transformers runs, the precision of its residual stream. */
const KEPT = ["use_mambapy", "use_associative_scan", "use_cache", "residual_in_fp32", "fused_add_norm"];

/** The same sizes under the names of the original code, as converted files still hold them. */
const sizesAgain = (c: MambaConfig) => ({
  intermediate_size: c.inner,
  d_inner: c.inner,
  d_model: c.hiddenSize,
  n_layer: c.layers,
  rms_norm: true,
});

/** A Mamba with every default settled. */
export interface MambaConfig extends CausalConfig {
  /** Channels of the mixer. */
  readonly inner: number;
  /** States per channel. */
  readonly stateSize: number;
  readonly convKernel: number;
  /** Width from which step sizes are projected. */
  readonly timeStepRank: number;
  readonly epsilon: number;
  /** Bias of the projections into and out of the mixer. */
  readonly bias: boolean;
  readonly convBias: boolean;
  /** How fresh weights are drawn. */
  readonly fresh: {
    readonly initializerRange: number;
    readonly scheme: "random" | "constant";
    readonly scale: number;
    readonly min: number;
    readonly max: number;
    readonly floor: number;
    readonly rescale: boolean;
  };
}

/** Keys of config.json that are read, or refused unless they change nothing. */
export const MAMBA_KEYS: readonly string[] = [
  "model_type",
  ...Object.keys(mambaJson.shape),
  ...["intermediate_size", "d_inner", "d_model", "n_layer", "rms_norm"],
  ...KEPT,
];

/** Reads a Mamba's config. @throws HeartcutError HC1101 naming the key that cannot be used */
export function parseMambaConfig(json: HfConfigJson, where: string): MambaConfig {
  const c = parseKeys(mambaJson, json, "mamba", where);
  const refuse = refusing("mamba", where);
  if (c.time_step_max < c.time_step_min)
    refuse("time_step_max", String(c.time_step_max), `at least time_step_min (${c.time_step_min})`);
  const config: MambaConfig = {
    modelType: "mamba",
    vocabSize: c.vocab_size,
    hiddenSize: c.hidden_size,
    layers: c.num_hidden_layers,
    tied: c.tie_word_embeddings,
    maxPositions: Infinity,
    inner: c.expand * c.hidden_size,
    stateSize: c.state_size,
    convKernel: c.conv_kernel,
    timeStepRank: c.time_step_rank === "auto" ? Math.ceil(c.hidden_size / 16) : c.time_step_rank,
    epsilon: c.layer_norm_epsilon,
    bias: c.use_bias,
    convBias: c.use_conv_bias,
    fresh: {
      initializerRange: c.initializer_range,
      scheme: c.time_step_init_scheme,
      scale: c.time_step_scale,
      min: c.time_step_min,
      max: c.time_step_max,
      floor: c.time_step_floor,
      rescale: c.rescale_prenorm_residual,
    },
  };
  requireNeutral(json, { ...NEUTRAL, ...sizesAgain(config) }, "mamba", refuse);
  return config;
}

/** A config with every default that is read written out; transformers' default ids would be those of another vocabulary. */
export function settledMambaJson(c: MambaConfig, json: HfConfigJson): HfConfigJson {
  return {
    bos_token_id: null,
    eos_token_id: null,
    pad_token_id: null,
    ...json,
    architectures: ["MambaForCausalLM"],
    state_size: c.stateSize,
    expand: c.inner / c.hiddenSize,
    intermediate_size: c.inner,
    conv_kernel: c.convKernel,
    use_bias: c.bias,
    use_conv_bias: c.convBias,
    hidden_act: "silu",
    layer_norm_epsilon: c.epsilon,
    time_step_rank: c.timeStepRank,
    time_step_scale: c.fresh.scale,
    time_step_min: c.fresh.min,
    time_step_max: c.fresh.max,
    time_step_floor: c.fresh.floor,
    time_step_init_scheme: c.fresh.scheme,
    rescale_prenorm_residual: c.fresh.rescale,
    initializer_range: c.fresh.initializerRange,
    tie_word_embeddings: c.tied,
  };
}

/** `size` numbers of a rule. */
const drawn = (size: number, rule: (random: Random, i: number) => number): ParameterSpec["init"] => ({
  kind: "drawn",
  draw: (random) => Float32Array.from({ length: size }, (_, i) => rule(random, i)),
});

const uniform = (size: number, bound: number) => drawn(size, (random) => (2 * random.uniform() - 1) * bound);

/** Biases whose softplus is spread evenly in the logarithm between the smallest and the largest step size. */
function timeStepBias({ inner, fresh }: MambaConfig): ParameterSpec["init"] {
  const [low, high] = [Math.log(fresh.min), Math.log(fresh.max)];
  return drawn(inner, (random) => {
    const dt = Math.max(fresh.floor, Math.exp(low + random.uniform() * (high - low)));
    return dt + Math.log(-Math.expm1(-dt));
  });
}

/**
 * All weights in HF's order and names, drawn as transformers' `_init_weights` draws them: states that decay at the rates
 * 1 … N (S4D-real), step sizes log-uniform, convolution and output projection uniform, the rest normal with
 * `initializer_range`.
 */
export function mambaParameters(c: MambaConfig): ParameterSpec[] {
  const list: ParameterSpec[] = [];
  const add = (name: string, shape: readonly number[], init: ParameterSpec["init"]) => list.push({ name, shape, init });
  const normal = { kind: "normal", std: c.fresh.initializerRange } as const;
  const { hiddenSize: D, inner: E, stateSize: N, convKernel: K, timeStepRank: rank } = c;
  const stepBound = rank ** -0.5 * c.fresh.scale;
  const outputBound = E ** -0.5 * (c.fresh.rescale ? c.layers ** -0.5 : 1);
  add("backbone.embeddings.weight", [c.vocabSize, D], normal);
  for (let i = 0; i < c.layers; i++) {
    const layer = `backbone.layers.${i}`;
    const mixer = `${layer}.mixer`;
    add(`${layer}.norm.weight`, [D], { kind: "ones" });
    add(
      `${mixer}.A_log`,
      [E, N],
      drawn(E * N, (_random, at) => Math.log((at % N) + 1)),
    );
    add(`${mixer}.D`, [E], { kind: "ones" });
    add(`${mixer}.conv1d.weight`, [E, 1, K], uniform(E * K, K ** -0.5));
    if (c.convBias) add(`${mixer}.conv1d.bias`, [E], { kind: "zeros" });
    add(`${mixer}.in_proj.weight`, [2 * E, D], normal);
    if (c.bias) add(`${mixer}.in_proj.bias`, [2 * E], { kind: "zeros" });
    add(`${mixer}.x_proj.weight`, [rank + 2 * N, E], normal);
    const steps = E * rank;
    add(
      `${mixer}.dt_proj.weight`,
      [E, rank],
      c.fresh.scheme === "random" ? uniform(steps, stepBound) : drawn(steps, () => stepBound),
    );
    add(`${mixer}.dt_proj.bias`, [E], timeStepBias(c));
    add(`${mixer}.out_proj.weight`, [D, E], uniform(D * E, outputBound));
    if (c.bias) add(`${mixer}.out_proj.bias`, [D], { kind: "zeros" });
  }
  add("backbone.norm_f.weight", [D], { kind: "ones" });
  if (!c.tied) add("lm_head.weight", [c.vocabSize, D], normal);
  return list;
}
