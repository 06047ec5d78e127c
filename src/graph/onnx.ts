import { create, toBinary } from "@bufbuild/protobuf";
import { InternalError } from "../errors.ts";
import { DTYPES, type TensorType, type TypedArray } from "./dtype.ts";
import {
  type AttributeProto,
  AttributeProtoSchema,
  GraphProtoSchema,
  ModelProtoSchema,
  type NodeProto,
  NodeProtoSchema,
  OperatorSetIdProtoSchema,
  TensorProtoSchema,
  ValueInfoProtoSchema,
} from "./onnx.pb.ts";
import { ancestors, type Value } from "./value.ts";

/** ONNX attribute values that ops use; integers must be marked, as every JavaScript number is a double. */
export type OnnxAttribute = { int: number } | { ints: readonly number[] } | { float: number } | { string: string };

/** What an op's `emit` may do: add nodes and small constants. */
export interface OnnxNodes {
  /** Adds a node and returns the name of its (first) output. `domain` "" is standard ONNX. */
  node(type: string, inputs: readonly string[], attributes?: Record<string, OnnxAttribute>, domain?: string): string;
  constant(data: TypedArray, type: TensorType): string;
  /** A vector of int64: axes, shapes, ranges. */
  int64s(values: readonly number[]): string;
}

/** A graph ready to run: ONNX bytes and the types of what goes in and comes out, by name. */
export interface CompiledGraph {
  readonly bytes: Uint8Array;
  readonly inputs: ReadonlyMap<string, TensorType>;
  readonly outputs: ReadonlyMap<string, TensorType>;
}

const OPSET = 23;
const IR_VERSION = 10n;

function attributeProto(name: string, value: OnnxAttribute): AttributeProto {
  if ("int" in value) return create(AttributeProtoSchema, { name, type: 2, i: BigInt(value.int) });
  if ("ints" in value) return create(AttributeProtoSchema, { name, type: 7, ints: value.ints.map(BigInt) });
  if ("float" in value) return create(AttributeProtoSchema, { name, type: 1, f: value.float });
  return create(AttributeProtoSchema, { name, type: 3, s: new TextEncoder().encode(value.string) });
}

function tensorProto(name: string, data: TypedArray, type: TensorType) {
  return create(TensorProtoSchema, {
    name,
    dims: type.shape.map(BigInt),
    dataType: DTYPES[type.dtype].onnx,
    rawData: new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
  });
}

function valueInfo(name: string, type: TensorType) {
  return create(ValueInfoProtoSchema, {
    name,
    type: {
      tensorType: {
        elemType: DTYPES[type.dtype].onnx,
        shape: { dim: type.shape.map((n) => ({ dimValue: BigInt(n) })) },
      },
    },
  });
}

/** Departures from "every input value is a graph input". */
export interface OnnxOptions {
  /** Data of inputs that become constants, by name: lets the engine pre-pack weights. */
  readonly frozen?: ReadonlyMap<string, TypedArray>;
  /** Values (by id) that are fed under a name of their own instead of being computed. */
  readonly fed?: ReadonlyMap<number, string>;
}

/**
 * Writes the graph that computes `outputs` as an ONNX model (opset 23, IR version 10).
 * Inputs are all `input` values the outputs depend on. Throws InternalError when two inputs share a name.
 */
export function writeOnnx(outputs: Readonly<Record<string, Value>>, options: OnnxOptions = {}): CompiledGraph {
  const frozen = options.frozen ?? new Map<string, TypedArray>();
  const fed = options.fed ?? new Map<number, string>();
  const nodes: NodeProto[] = [];
  const initializers: ReturnType<typeof tensorProto>[] = [];
  const inputs = new Map<string, TensorType>();
  const names = new Map<number, string>();
  const domains = new Set<string>();
  const frozenNames = new Set<string>();
  const pooled = new Map<string, string>();
  let scope = "";

  const emitter: OnnxNodes = {
    node(type, nodeInputs, attributes = {}, domain = "") {
      const name = `${scope}${scope === "" ? "" : "."}${type}_${nodes.length}`;
      domains.add(domain);
      nodes.push(
        create(NodeProtoSchema, {
          name,
          opType: type,
          domain,
          input: [...nodeInputs],
          output: [name],
          attribute: Object.entries(attributes).map(([key, value]) => attributeProto(key, value)),
        }),
      );
      return name;
    },
    constant(data, type) {
      // Small constants (axes, scalars) recur hundreds of times: one initializer each.
      const key =
        data.length <= 8 ? `${type.dtype}[${type.shape}]${Array.from(data as Float32Array).join()}` : undefined;
      const known = key === undefined ? undefined : pooled.get(key);
      if (known !== undefined) return known;
      const name = `constant_${initializers.length}`;
      initializers.push(tensorProto(name, data, type));
      if (key !== undefined) pooled.set(key, name);
      return name;
    },
    int64s: (values) =>
      emitter.constant(BigInt64Array.from(values.map(BigInt)), { dtype: "int64", shape: [values.length] }),
  };

  for (const value of ancestors(Object.values(outputs), (x) => fed.has(x.id))) {
    const { origin } = value;
    scope = value.scope;
    const inputName = fed.get(value.id) ?? (origin.kind === "input" ? origin.name : undefined);
    if (inputName !== undefined) {
      names.set(value.id, inputName);
      const again = inputs.has(inputName) || frozenNames.has(inputName);
      if (again && fed.has(value.id)) continue;
      if (again) throw new InternalError(`two graph inputs are named ${inputName}`);
      const data = frozen.get(inputName);
      if (data === undefined) inputs.set(inputName, value);
      else initializers.push(tensorProto(inputName, data, value));
      if (data !== undefined) frozenNames.add(inputName);
    } else if (origin.kind === "constant") {
      names.set(value.id, emitter.constant(origin.data, value));
    } else if (origin.kind === "op") {
      const inputNames = value.inputs.map((x) => names.get(x.id)!);
      names.set(value.id, origin.op.emit(emitter, inputNames, origin.attributes, value.inputs, value));
    }
  }
  // An output needs a name of its own: two outputs may be one value, or an input.
  scope = "";
  for (const [name, value] of Object.entries(outputs))
    nodes.push(
      create(NodeProtoSchema, {
        name: `output.${name}`,
        opType: "Identity",
        input: [names.get(value.id)!],
        output: [name],
      }),
    );

  const model = create(ModelProtoSchema, {
    irVersion: IR_VERSION,
    producerName: "heartcut",
    graph: create(GraphProtoSchema, {
      name: "graph",
      node: nodes,
      initializer: initializers,
      input: [...inputs].map(([name, type]) => valueInfo(name, type)),
      output: Object.entries(outputs).map(([name, type]) => valueInfo(name, type)),
    }),
    opsetImport: [...domains.add("")].map((domain) =>
      create(OperatorSetIdProtoSchema, { domain, version: domain === "" ? BigInt(OPSET) : 1n }),
    ),
  });
  return { bytes: toBinary(ModelProtoSchema, model), inputs, outputs: new Map(Object.entries(outputs)) };
}
