import { add, concat, exp, matmul, max, mul, neg, reshape, scan, shift, slice, sum, zeros } from "../ops/index.ts";
import { differentiatedAs, type Value } from "../value.ts";
import { ChunkLayout, chunkLength } from "./chunk_layout.ts";
import { split } from "./tiles.ts";

/** States of all tokens alive at once in the backward pass (float32: 64 MB); channels are done in groups. */
const STATES_BUDGET = 2 ** 24;

/** Shapes: B rows, T tokens, E channels, N states per channel. */
export interface SelectiveScanInputs {
  /** [B,T,E] */
  readonly x: Value;
  /** Step sizes, at least 0, [B,T,E]; 0 leaves the state as it is. */
  readonly dt: Value;
  /** Rates of decay, at most 0, [N,E]. */
  readonly A: Value;
  /** How x enters the states and how they are read, [B,T,N] each. */
  readonly B: Value;
  readonly C: Value;
  /** 1 where the state is forgotten before a token, else 0, [B,T]; left out: nowhere. No gradient flows to it. */
  readonly reset?: Value | undefined;
  /** State before the first token, [B,N,E]; zero where left out. No gradient flows to it. */
  readonly initial?: Value | undefined;
  /** Tokens per chunk; left out: by the width of a step. */
  readonly chunk?: number | undefined;
  /** States alive at once in the backward pass. */
  readonly statesBudget?: number | undefined;
}

export interface SelectiveScanOutputs {
  /** [B,T,E] */
  readonly y: Value;
  /** State behind the last token, [B,N,E]; has no gradient. */
  readonly final: Value;
}

/** [Q,R,1,F] → [Q,R,F,1] */
const columns = (x: Value) => reshape(x, [x.shape[0]!, x.shape[1]!, x.shape[3]!, 1]);

/** Sequences of a layout, in the form the steps read. */
interface Steps {
  /** dt and dt·x, [Q,R,1,E]; B as columns [Q,R,N,1], C as rows [Q,R,1,N]. */
  readonly dt: Value;
  readonly u: Value;
  readonly B: Value;
  readonly C: Value;
  /** 0 where the state is forgotten, [Q,R,1,1]. */
  readonly keep: Value | undefined;
}

const optional = (x: Value | undefined) => (x === undefined ? [] : [x]);
const kept = (h: Value, keep: Value | undefined) => (keep === undefined ? h : mul(h, keep));

/** h_t = exp(dt A) h_{t-1} + B u, per channel and state: h [R,N,E], dt and u [R,1,E], A [N,E], B [R,N,1]. */
const advance = (h: Value, dt: Value, A: Value, B: Value, u: Value) => add(mul(exp(mul(dt, A)), h), mul(B, u));

/** What a whole chunk leaves of a state, [C,B,N,E]: the exponents add up. */
function chunkDecay(layout: ChunkLayout, { dt, keep }: Steps, A: Value): Value {
  const E = dt.shape[3]!;
  const total = reshape(sum(dt, [0]), [layout.R, 1, E]);
  // All kept: the smallest of numbers 0 and 1.
  const all = keep && neg(max(neg(keep), [0]));
  return layout.byChunk(kept(exp(mul(total, A)), all && reshape(all, [layout.R, 1, 1])));
}

/**
 * Carries from chunk to chunk: given what each chunk adds to a carry of zero and what it leaves of one, the carry with
 * which each chunk is entered, [R,N,E].
 */
function carries(layout: ChunkLayout, first: Value, added: Value, decay: Value, reverse: boolean): Value {
  const { results } = scan(
    ([carry], [leaves, adds]) => ({ state: [add(mul(leaves!, carry!), adds!)], results: [carry!] }),
    { state: [first], sequences: [decay, layout.byChunk(added)], reverse },
  );
  return layout.fromChunks(results[0]!);
}

/** The state with which each chunk begins, [R,N,E]. */
function entering(layout: ChunkLayout, steps: Steps, A: Value, first: Value): Value {
  if (layout.C === 1) return first;
  const [N, E] = A.shape as [number, number];
  const { state } = scan(
    ([h], [dt, u, B, keep], [rates]) => ({ state: [advance(kept(h!, keep), dt!, rates!, B!, u!)], results: [] }),
    {
      state: [zeros(A.dtype, [layout.R, N, E])],
      sequences: [steps.dt, steps.u, steps.B, ...optional(steps.keep)],
      fixed: [A],
    },
  );
  return carries(layout, first, state[0]!, chunkDecay(layout, steps, A), false);
}

/**
 * The selective scan of a state-space model with a diagonal transition:
 * h_t = exp(dt_t A) h_{t-1} + dt_t B_t x_t, y_t = C_t h_t, with a state of N numbers per channel.
 *
 * The engine loops over the tokens of a chunk, all chunks side by side. With several chunks a first pass finds what each
 * adds to the state, a short scan over chunks the state with which each begins, a second pass the outputs. Every exponent
 * is a sum of dt·A and thus at most 0, nothing is divided: states fade to 0 and never overflow. States are not kept: the
 * gradient runs forward again and then a scan backwards, of the adjoint g_{t-1} = exp(dt_t A) g_t + C_{t-1} ȳ_{t-1},
 * chunked the same way.
 * Source: Gu and Dao 2023, arXiv:2312.00752, section 3.3; the scan is associative, Blelloch 1990, "Prefix sums".
 */
export function selectiveScan(inputs: SelectiveScanInputs): SelectiveScanOutputs {
  const { x, dt, A } = inputs;
  const [rows, T, E] = x.shape as [number, number, number];
  const N = A.shape[0]!;
  const chunk = inputs.chunk ?? chunkLength(T, rows * N * E);
  const layout = new ChunkLayout(rows, T, chunk);
  const steps: Steps = {
    dt: layout.rows(dt),
    u: layout.rows(mul(dt, x)),
    B: columns(layout.rows(inputs.B)),
    C: layout.rows(inputs.C),
    keep: inputs.reset && shift(neg(layout.rows(reshape(inputs.reset, [rows, T, 1]))), 1),
  };
  const first = entering(layout, steps, A, inputs.initial ?? zeros(A.dtype, [rows, N, E]));
  const { state, results } = scan(
    ([h], [dtRow, u, B, C, keep], [rates]) => {
      const next = advance(kept(h!, keep), dtRow!, rates!, B!, u!);
      return { state: [next], results: [matmul(C!, next)] };
    },
    { state: [first], sequences: [steps.dt, steps.u, steps.B, steps.C, ...optional(steps.keep)], fixed: [A] },
  );
  const last = slice(layout.byChunk(state[0]!), { axis: 0, start: layout.C - 1, end: layout.C });
  const y = layout.tokens(results[0]!, E);
  differentiatedAs(y, [x, dt, A, inputs.B, inputs.C], (ct) => selectiveScanGradients(layout, steps, first, ct, inputs));
  return { y, final: reshape(last, [rows, N, E]) };
}

/** Cotangents of x, dt, A, B and C; channels in groups, so that the states of all tokens are never in memory at once. */
function selectiveScanGradients(
  layout: ChunkLayout,
  steps: Steps,
  first: Value,
  ct: Value,
  { x, dt, A, statesBudget = STATES_BUDGET }: SelectiveScanInputs,
): Value[] {
  const [N, E] = A.shape as [number, number];
  const { Q, R } = layout;
  const ctRows = layout.rows(ct);
  const groups = split({ start: 0, end: E }, Math.ceil((Q * R * N * E) / statesBudget), 16).map((range) => {
    const ofRange = (value: Value) => slice(value, { axis: value.shape.length - 1, ...range });
    const own = { ...steps, dt: ofRange(steps.dt), u: ofRange(steps.u) };
    return channelGradients(layout, own, ofRange(A), ofRange(first), ofRange(ctRows));
  });
  const parts = (name: keyof GroupGradients) => groups.map((group) => group[name]);
  const joined = (name: "u" | "dt") => layout.tokens(concat(parts(name), 3), E);
  const added = (name: "B" | "C") => {
    const total = parts(name).reduce((a, b) => add(a, b));
    return layout.tokens(total, N);
  };
  const dU = joined("u");
  const dA = reshape(sum(concat(parts("A"), 2), [0]), [N, E]);
  return [mul(dU, dt), add(joined("dt"), mul(dU, x)), dA, added("B"), added("C")];
}

/** What flows back to a group of channels: of u and dt's decay [Q,R,1,E], of A per row [R,N,E], of B and C [Q,R,N,1]. */
interface GroupGradients {
  readonly u: Value;
  readonly dt: Value;
  readonly A: Value;
  readonly B: Value;
  readonly C: Value;
}

/** Gradients of a group of channels from the cotangents of their outputs, [Q,R,1,E]. */
function channelGradients(layout: ChunkLayout, steps: Steps, A: Value, first: Value, ct: Value): GroupGradients {
  const [N, E] = A.shape as [number, number];
  const { C, R } = layout;
  const readers = columns(steps.C);
  const fixed = [A];
  const none = zeros(A.dtype, [R, N, E]);
  const keep = optional(steps.keep);

  // Each token's state before it, kept or not.
  const trajectory = scan(
    ([h], [dt, u, B, k], [rates]) => {
      const before = kept(h!, k);
      return { state: [advance(before, dt!, rates!, B!, u!)], results: [before] };
    },
    { state: [first], sequences: [steps.dt, steps.u, steps.B, ...keep], fixed },
  ).results[0]!;

  const backward = (state: Value, dt: Value, rates: Value, k: Value | undefined) =>
    kept(mul(exp(mul(dt, rates)), state), k);
  let behind = none;
  if (C > 1) {
    const { state } = scan(
      ([g], [dt, reader, cty, k], [rates]) => ({
        state: [backward(add(g!, mul(reader!, cty!)), dt!, rates!, k)],
        results: [],
      }),
      { state: [none], sequences: [steps.dt, readers, ct, ...keep], fixed, reverse: true },
    );
    const nothing = zeros(A.dtype, [layout.B, N, E]);
    behind = carries(layout, nothing, state[0]!, chunkDecay(layout, steps, A), true);
  }

  const { state, results } = scan(
    ([g, sumA], [dt, u, B, reader, cty, h, k], [rates]) => {
      const total = add(g!, mul(reader!, cty!));
      const decay = exp(mul(dt!, rates!));
      const decayed = mul(decay, h!);
      const exponent = mul(decayed, total);
      const column = (row: Value) => reshape(row, [R, E, 1]);
      const overlap = matmul(u!, column(cty!));
      return {
        state: [kept(mul(decay, total), k), add(sumA!, mul(exponent, dt!))],
        results: [
          matmul(reshape(B!, [R, 1, N]), total),
          sum(mul(exponent, rates!), [1]),
          matmul(total, column(u!)),
          // The token's own state is decayed + B u.
          add(matmul(decayed, column(cty!)), mul(B!, overlap)),
        ],
      };
    },
    {
      state: [behind, none],
      sequences: [steps.dt, steps.u, steps.B, readers, ct, trajectory, ...keep],
      fixed,
      reverse: true,
    },
  );
  const [u, dt, B, dC] = results as [Value, Value, Value, Value];
  return { u, dt, A: state[1]!, B, C: dC };
}
