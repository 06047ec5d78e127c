import { z } from "zod";
import { HeartcutError } from "../../errors.ts";
import { add, mul, reshape, sub, sum } from "../../graph/ops/index.ts";
import { input } from "../../graph/value.ts";
import { baselineEmbedding } from "../baseline.ts";
import { gaussLegendre } from "../gauss_legendre.ts";
import { differentiate, readScalars } from "../gradient_graph.ts";
import { type Attribution, defineMethod } from "../method.ts";
import { meanWeights, type Row, type RowGraph, runRows } from "../rows.ts";
import { SCALARS } from "../scalars.ts";

/** Share of |F(input) - F(baseline)| that a completeness delta may reach before it is warned of. */
export const COMPLETENESS_BOUND = 0.05;

/**
 * Integrated gradients: s_i = (e_i - b) · ∫₀¹ ∂F/∂e_i (b + α (e - b)) dα, F = (1/m) Σ_t scalar_t, by Gauss-Legendre nodes
 * that run as rows of a batch. Signed. By completeness Σ s_i = F(input) - F(baseline); the delta says how far off the
 * integral is. A zero baseline leaves large deltas on models with RMSNorm, whose output jumps near zero: more steps do
 * not help there, another baseline does. Source: Sundararajan et al. 2017, arXiv:1703.01365.
 */
export const integratedGradients = defineMethod({
  name: "integrated_gradients",
  options: {
    scalar: z.enum(SCALARS).default("logit"),
    absolute: z.boolean().default(false),
    steps: z.int().min(1).max(1024).default(32),
    baseline: z.enum(["pad", "zero", "mean"]).default("pad"),
    padId: z.int().nonnegative().optional(),
    completenessBound: z.number().positive().default(COMPLETENESS_BOUND),
  },
  check: ({ baseline, padId }) => {
    if (padId === undefined || baseline === "pad") return;
    throw new HeartcutError("HC6102", {
      what: `padId has no effect with baseline ${baseline}`,
      where: "options of attribution method integrated_gradients",
      found: `padId ${padId}, baseline ${baseline}`,
      expected: "padId only with baseline pad: it is the token that the path starts at",
      fix: "leave padId out, or set baseline to pad",
    });
  },
  async attribute(engine, pairs, { scalar, absolute, steps, baseline, padId }) {
    const { nodes, weights } = gaussLegendre(steps);
    // The two ends of the path carry no weight: their rows give F(baseline) and F(input).
    const alphas = [0, ...nodes, 1];
    const shares = [0, ...weights, 0];
    const rows = pairs.flatMap((pair): Row[] =>
      alphas.map((alpha) => ({ ...pair, weights: meanWeights(pair.target.length), alpha })),
    );
    const start = await baselineEmbedding(engine.model, baseline, padId);
    const graph: RowGraph = {
      name: `attribute/integrated_gradients/${scalar}`,
      feeds: { baseline: start as Float32Array<ArrayBuffer> },
      build: (conditional, inputs, { B }) => {
        const base = input("baseline", "float32", [1, 1, start.length]);
        const alpha = reshape(inputs.alpha, [B, 1, 1]);
        const { embeddings, gradient, outputs } = differentiate(conditional, inputs, scalar, (e) =>
          add(base, mul(alpha, sub(e, base))),
        );
        return { ...outputs, scores: sum(mul(gradient, sub(embeddings, base)), [2]) };
      },
    };
    const integrals = pairs.map((pair) => new Float64Array(pair.input.length));
    const ends = pairs.map(() => ({ input: 0, baseline: 0 }));
    const results = pairs.map((): Attribution => ({ scores: new Float32Array() }));
    await runRows(engine, rows, graph, (index, outputs) => {
      const step = index % alphas.length;
      const pair = Math.floor(index / alphas.length);
      const integral = integrals[pair]!;
      if (shares[step]! > 0)
        for (const [i, x] of outputs.perInput("scores").entries()) integral[i]! += shares[step]! * x;
      if (step > 0 && step < alphas.length - 1) return;
      const { value, ...logits } = readScalars(rows[index]!, scalar, outputs);
      if (step === 0) ends[pair]!.baseline = value;
      else {
        ends[pair]!.input = value;
        Object.assign(results[pair]!, logits);
      }
    });
    for (const [i, result] of results.entries()) {
      const { input: atInput, baseline: atBaseline } = ends[i]!;
      const total = integrals[i]!.reduce((a, x) => a + x, 0);
      result.scores = Float32Array.from(integrals[i]!, (x) => (absolute ? Math.abs(x) : x));
      result.completeness = { input: atInput, baseline: atBaseline, delta: total - (atInput - atBaseline) };
    }
    return results;
  },
});
