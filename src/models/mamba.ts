import { selectiveScan } from "../graph/composite/selective_scan.ts";
import {
  add,
  cast,
  concat,
  equal,
  exp,
  gather,
  matmul,
  mul,
  neg,
  pad,
  reshape,
  rmsNorm,
  shift,
  silu,
  slice,
  softplus,
  swiglu,
  transpose,
  zeros,
} from "../graph/ops/index.ts";
import { scoped, type Value } from "../graph/value.ts";
import { linear } from "./attention_layers.ts";
import type { CausalFamily, CausalInputs, LayerState, ReadOn } from "./causal.ts";
import { MAMBA_KEYS, type MambaConfig, mambaParameters, parseMambaConfig, settledMambaJson } from "./mamba_config.ts";
import { recomputed } from "./recompute.ts";
import type { Weights } from "./weight_inputs.ts";

/** What the tokens of a batch know of each other, the same in every layer. Shapes: B rows, T tokens. */
interface Context {
  readonly B: number;
  readonly T: number;
  /** 1 for tokens, 0 for padding, [B,T,1]. */
  readonly mask: Value | undefined;
  /** By distance j from 1 on: 1 where the token j places before belongs to the same document, else 0, [B,T,1]. */
  readonly sameDocument: readonly Value[] | undefined;
}

function contextOf(c: MambaConfig, { embeddings, mask, segments }: CausalInputs): Context {
  const [B, T] = embeddings.shape as [number, number];
  const { dtype } = embeddings;
  const same = (document: Value, distance: number) => {
    if (distance >= T) return zeros(dtype, [B, T, 1]);
    const later = slice(document, { axis: 1, start: distance, end: T });
    const earlier = slice(document, { axis: 1, start: 0, end: T - distance });
    const equals = cast(equal(later, earlier), dtype);
    return reshape(pad(equals, { axis: 1, before: distance, after: 0 }), [B, T, 1]);
  };
  return {
    B,
    T,
    mask: mask && reshape(cast(mask, dtype), [B, T, 1]),
    sameDocument: segments && Array.from({ length: c.convKernel - 1 }, (_, i) => same(segments, i + 1)),
  };
}

/**
 * Convolution over time of each channel for itself: every token sees itself and the K-1 tokens before it.
 * @param x - [B,K-1+T,E]: the tokens, behind those that came before them   @returns [B,T,E]
 */
function causalConvolution(c: MambaConfig, weights: Weights, name: string, x: Value, { T, sameDocument }: Context) {
  const taps = transpose(reshape(weights(`${name}.weight`), [c.inner, c.convKernel]), [1, 0]);
  const terms = Array.from({ length: c.convKernel }, (_, distance) => {
    const start = c.convKernel - 1 - distance;
    const tap = reshape(slice(taps, { axis: 0, start, end: start + 1 }), [c.inner]);
    const term = mul(slice(x, { axis: 1, start, end: start + T }), tap);
    const same = distance === 0 ? undefined : sameDocument?.[distance - 1];
    return same === undefined ? term : mul(term, same);
  });
  const y = terms.reduce((a, b) => add(a, b));
  return c.convBias ? add(y, weights(`${name}.bias`)) : y;
}

interface MixerOutputs {
  /** [B·T,D] */
  readonly y: Value;
  readonly state: LayerState;
}

/**
 * The selective state-space mixer. x [B·T,D]. Padding enters neither the convolution nor the state, and takes no time: its
 * step size is 0.
 */
function mixer(
  c: MambaConfig,
  weights: Weights,
  name: string,
  x: Value,
  context: Context,
  before: LayerState | undefined,
): MixerOutputs {
  const { B, T, mask, sameDocument } = context;
  const E = c.inner;
  const masked = (value: Value) => (mask === undefined ? value : mul(value, mask));
  const projected = linear(weights, `${name}.in_proj`, x, c.bias);
  const gate = slice(projected, { axis: 1, start: E, end: 2 * E });
  const entering = masked(reshape(slice(projected, { axis: 1, start: 0, end: E }), [B, T, E]));
  const earlier = c.convKernel - 1;
  const sequence =
    before === undefined
      ? pad(entering, { axis: 1, before: earlier, after: 0 })
      : concat([before.convolution!, entering], 1);
  const u = scoped("conv1d", () => masked(silu(causalConvolution(c, weights, `${name}.conv1d`, sequence, context))));

  const selected = matmul(reshape(u, [B * T, E]), weights(`${name}.x_proj.weight`), { transB: true });
  const columns = (start: number, width: number) => slice(selected, { axis: 1, start, end: start + width });
  const steps = softplus(linear(weights, `${name}.dt_proj`, columns(0, c.timeStepRank), true));
  const states = (start: number) => reshape(columns(c.timeStepRank + start, c.stateSize), [B, T, c.stateSize]);
  const { y, final } = scoped("scan", () =>
    selectiveScan({
      x: u,
      dt: masked(reshape(steps, [B, T, E])),
      A: neg(exp(transpose(weights(`${name}.A_log`), [1, 0]))),
      B: states(0),
      C: states(c.stateSize),
      reset: sameDocument && reshape(shift(neg(sameDocument[0]!), 1), [B, T]),
      initial: before?.scan,
    }),
  );
  const out = reshape(add(y, mul(u, weights(`${name}.D`))), [B * T, E]);
  return {
    y: linear(weights, `${name}.out_proj`, swiglu(gate, out), c.bias),
    state: { convolution: slice(sequence, { axis: 1, start: T, end: T + earlier }), scan: final },
  };
}

/** Layers of one mixer each, behind an RMSNorm, on a residual stream; final norm. */
function readOn(c: MambaConfig, weights: Weights, inputs: CausalInputs, state?: readonly LayerState[]): ReadOn {
  const context = contextOf(c, inputs);
  let x = reshape(inputs.embeddings, [context.B * context.T, c.hiddenSize]);
  const layerStates: Value[] = [];
  const next: LayerState[] = [];
  for (let i = 0; i < c.layers; i++) {
    const name = `backbone.layers.${i}`;
    const block = (h: Value, w: Weights): MixerOutputs => {
      const normed = rmsNorm(h, w(`${name}.norm.weight`), c.epsilon);
      const mixed = scoped("mixer", () => mixer(c, w, `${name}.mixer`, normed, context, state?.[i]));
      return { ...mixed, y: add(h, mixed.y) };
    };
    const out = scoped(`layers.${i}`, () => (inputs.recompute ? recomputed(block, x, weights) : block(x, weights)));
    x = out.y;
    next.push(out.state);
    if (inputs.layerStates) layerStates.push(x);
  }
  const hidden = rmsNorm(x, weights("backbone.norm_f.weight"), c.epsilon);
  return { outputs: { hidden, present: [], attention: [], layerStates }, state: next };
}

/**
 * Mamba: selective state spaces instead of attention, so that a token costs the same however many came before it.
 * Source: Gu and Dao 2023, arXiv:2312.00752; transformers' modeling_mamba.py.
 */
export const mamba: CausalFamily = {
  modelType: "mamba",
  keys: MAMBA_KEYS,
  describe(given, where) {
    const config = parseMambaConfig(given, where);
    return {
      json: settledMambaJson(config, given),
      architecture: {
        config,
        parameters: mambaParameters(config),
        tables: ["backbone.embeddings.weight", "lm_head.weight"],
        prefix: "backbone.",
        memory: {
          kind: "state",
          parts: {
            convolution: [config.convKernel - 1, config.inner],
            scan: [config.stateSize, config.inner],
          },
          readOn: (weights, inputs, state) => readOn(config, weights, inputs, state),
        },
        // Per channel and state: the product and the sum of the recurrence, B·u, and the two of C·h. dt·A and its exponential
        // are the two of each weight of A_log, which are counted with the weights.
        mixingFlops: () => 5 * config.layers * config.inner * config.stateSize,
        embed: (weights, ids) => scoped("embeddings", () => gather(weights("backbone.embeddings.weight"), ids)),
        head: (weights) => weights(config.tied ? "backbone.embeddings.weight" : "lm_head.weight"),
        states: (weights, inputs) => readOn(config, weights, inputs).outputs,
      },
    };
  },
};
