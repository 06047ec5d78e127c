import { input, type Value } from "../../graph/value.ts";
import type { CausalDescription } from "../../models/architecture.ts";
import type { TokenBatch } from "../../models/batch.ts";
import type { CausalLM } from "../../models/causal_lm.ts";
import { loadModel } from "../../models/load.ts";
import { weightInputs } from "../../models/weight_inputs.ts";
import type { DeviceChoice } from "../../runtime/device.ts";
import type { Buffers } from "../../runtime/executable.ts";

/** What of a teacher a student's graph reads besides its last states. */
export interface TeacherParts {
  readonly layerStates: boolean;
  readonly attention: boolean;
}

/** The teacher's values as inputs of the student's graph. */
export interface TeacherInputs {
  /** [R,E], as its head expects them. */
  readonly hidden: Value;
  /** [W,E] */
  readonly head: Value;
  /** Per layer, [R,E]. */
  readonly layerStates: readonly Value[];
  /** Per layer, [B,N,T,T]. */
  readonly attention: readonly Value[];
}

const PREFIX = "teacher.";

/** Outputs of a teacher's graph by name; in the student's graph they are inputs of these names. */
export function teacherGraph(
  d: CausalDescription,
  { B, T, segments }: Pick<TokenBatch, "B" | "T"> & { readonly segments: boolean },
  parts: TeacherParts,
): Record<string, Value> {
  const weights = weightInputs(d, "float32").get;
  const out = d.architecture.states(weights, {
    embeddings: d.architecture.embed(weights, input("ids", "int32", [B, T])),
    ...(segments && { segments: input("visibility", "int32", [B, T]) }),
    ...parts,
  });
  return {
    [`${PREFIX}hidden`]: out.hidden,
    ...Object.fromEntries(out.layerStates.map((value, i) => [`${PREFIX}layer.${i}`, value])),
    ...Object.fromEntries(out.attention.map((value, i) => [`${PREFIX}attention.${i}`, value])),
  };
}

/** Declares what a teacher's graph gives, and its head, in a student's graph. */
export function teacherInputs(d: CausalDescription, outputs: Readonly<Record<string, Value>>): TeacherInputs {
  const asInput = (name: string) => input(name, "float32", outputs[name]!.shape);
  const named = (kind: string) =>
    Object.keys(outputs)
      .filter((name) => name.startsWith(PREFIX + kind))
      .map(asInput);
  return {
    hidden: asInput(`${PREFIX}hidden`),
    head: d.architecture.head((name) => {
      const { shape } = d.parameters.find((spec) => spec.name === name)!;
      return input(PREFIX + name, "float32", shape);
    }),
    layerStates: named("layer."),
    attention: named("attention."),
  };
}

/** A teacher in this process: reads each batch before the student does. */
export class OnlineTeacher {
  constructor(
    readonly model: CausalLM,
    private readonly parts: TeacherParts = { layerStates: false, attention: false },
  ) {}

  static async load(folder: string, parts: TeacherParts, device: DeviceChoice): Promise<OnlineTeacher> {
    return new OnlineTeacher(await loadModel(folder, { device }), parts);
  }

  /** Declares its values in a student's graph over B rows of T places. */
  inputs(B: number, T: number): TeacherInputs {
    const { description: d } = this.model;
    return teacherInputs(d, teacherGraph(d, { B, T, segments: false }, this.parts));
  }

  /** Reads a batch: what `inputs` is fed, overwritten by the next call. */
  async read(batch: TokenBatch): Promise<Buffers> {
    const { model } = this;
    const shape = { B: batch.B, T: batch.T, segments: batch.visibility !== undefined };
    const executable = await model.executable("teacher", shape, () =>
      teacherGraph(model.description, shape, this.parts),
    );
    const out = await executable.run(
      model.feeds({
        ids: batch.ids as Int32Array<ArrayBuffer>,
        ...(batch.visibility && { visibility: batch.visibility as Int32Array<ArrayBuffer> }),
      }),
    );
    const head = [...model.weights].map(([name, values]) => [PREFIX + name, values as Float32Array<ArrayBuffer>]);
    return { ...out, ...Object.fromEntries(head) };
  }

  dispose(): Promise<void> {
    return this.model.dispose();
  }
}
