import { InternalError, ShapeError } from "../../errors.ts";
import { formatType, type TensorType } from "../dtype.ts";
import { apply, input, type OpDeclaration, type Value } from "../value.ts";

/** What one step of a scan reads and gives. */
interface Body {
  /** Placeholders: the state before the step, a slice of each sequence, and what is the same in every step. */
  readonly state: readonly Value[];
  readonly slices: readonly Value[];
  readonly fixed: readonly Value[];
  /** The state behind the step, and what it contributes to each result. */
  readonly next: readonly Value[];
  readonly results: readonly Value[];
}

/** A loop in the engine; one object however many of its outputs are used. */
export class Loop {
  constructor(
    readonly body: Body,
    readonly steps: number,
    readonly reverse: boolean,
  ) {}

  /** Types of the outputs: the last state, then the results with an axis of steps in front. */
  outputType(output: number): TensorType {
    const { next, results } = this.body;
    if (output < next.length) return next[output]!;
    const { dtype, shape } = results[output - next.length]!;
    return { dtype, shape: [this.steps, ...shape] };
  }

  /** The body is a graph of its own: printed by its size. */
  toJSON(): object {
    return { steps: this.steps, reverse: this.reverse };
  }
}

/**
 * One output of a loop over the first axis of some sequences. It has no gradient rule: what of the steps is worth keeping
 * for the way back only the caller knows, who says so with `differentiatedAs`.
 */
const SCAN: OpDeclaration<{ loop: Loop; output: number }, "n"> = {
  name: "scan",
  infer: (_inputs, { loop, output }) => loop.outputType(output),
  emit: (onnx, names, { loop, output }) =>
    onnx.once(loop, () => {
      const { state, slices, fixed, next, results } = loop.body;
      const looped = state.length + slices.length;
      const graph = onnx.body(
        [...state, ...slices],
        fixed.map((x, i) => [x, names[looped + i]!]),
        [...next, ...results],
      );
      const direction = { ints: new Array<number>(slices.length).fill(loop.reverse ? 1 : 0) };
      const directions = { ints: new Array<number>(results.length).fill(loop.reverse ? 1 : 0) };
      return onnx.nodeOf(next.length + results.length, "Scan", names.slice(0, looped), {
        num_scan_inputs: { int: slices.length },
        body: { graph },
        scan_input_directions: direction,
        ...(results.length > 0 && { scan_output_directions: directions }),
      });
    })[output]!,
  vjp: () => {
    throw new InternalError("scan: expected a gradient rule of the caller's (differentiatedAs)");
  },
};

export interface ScanInputs {
  /** What is carried from step to step. */
  readonly state: readonly Value[];
  /** Cut along the first axis, one slice per step; at least one. */
  readonly sequences: readonly Value[];
  /** Values that every step reads whole: a body sees nothing of the graph around it but these. */
  readonly fixed?: readonly Value[];
  /** From the last slice to the first; results keep the order of the sequences. */
  readonly reverse?: boolean;
}

export interface ScanOutputs {
  readonly state: readonly Value[];
  /** [steps, ...] each. */
  readonly results: readonly Value[];
}

/**
 * Runs `step` over the first axis of the sequences inside the engine: the graph holds one step, however many there are.
 * @param step - builds the graph of a step from placeholders of the state, the slices and the fixed values
 * @throws ShapeError where sequences differ in length or a step changes the type of the state
 */
export function scan(
  step: (
    state: readonly Value[],
    slices: readonly Value[],
    fixed: readonly Value[],
  ) => { state: readonly Value[]; results: readonly Value[] },
  { state, sequences, fixed = [], reverse = false }: ScanInputs,
): ScanOutputs {
  const steps = sequences[0]?.shape[0];
  if (steps === undefined || sequences.some((x) => x.shape[0] !== steps))
    throw new ShapeError(`scan: expected sequences of one length, got ${sequences.map(formatType).join(", ")}`);
  const placeholder = ({ dtype, shape }: TensorType) => input("scan", dtype, shape);
  const given = {
    state: state.map(placeholder),
    slices: sequences.map(({ dtype, shape }) => placeholder({ dtype, shape: shape.slice(1) })),
    fixed: fixed.map(placeholder),
  };
  const made = step(given.state, given.slices, given.fixed);
  const types = (values: readonly Value[]) => values.map(formatType).join(", ");
  if (types(made.state) !== types(state))
    throw new ShapeError(`scan: expected a step to keep the state's types ${types(state)}, got ${types(made.state)}`);
  const loop = new Loop({ ...given, next: made.state, results: made.results }, steps, reverse);
  const inputs = [...state, ...sequences, ...fixed];
  const output = (i: number) => apply(SCAN, inputs, { loop, output: i });
  return {
    state: made.state.map((_, i) => output(i)),
    results: made.results.map((_, i) => output(state.length + i)),
  };
}
