import { create, toBinary } from "@bufbuild/protobuf";
import { InternalError } from "../errors.ts";
import { DTYPES, type TensorType, type TypedArray } from "./dtype.ts";
import {
  type AttributeProto,
  AttributeProtoSchema,
  type GraphProto,
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
export type OnnxAttribute =
  | { int: number }
  | { ints: readonly number[] }
  | { float: number }
  | { string: string }
  | { graph: GraphProto };

/** What an op's `emit` may do: add nodes and small constants. */
export interface OnnxNodes {
  /** Adds a node and returns the name of its (first) output. `domain` "" is standard ONNX. */
  node(type: string, inputs: readonly string[], attributes?: Record<string, OnnxAttribute>, domain?: string): string;
  /** As `node`, for a node of several outputs: all names. */
  nodeOf(
    outputs: number,
    type: string,
    inputs: readonly string[],
    attributes?: Record<string, OnnxAttribute>,
  ): readonly string[];
  /** Adds nodes once per key, for values that are outputs of one node: later calls give the names of the first. */
  once(key: object, make: () => readonly string[]): readonly string[];
  /**
   * The graph inside a node that runs it, from `inputs` to `outputs`.
   * @param bound - names of values of the graph around it that the inside reads
   */
  body(inputs: readonly Value[], bound: readonly (readonly [Value, string])[], outputs: readonly Value[]): GraphProto;
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
  if ("graph" in value) return create(AttributeProtoSchema, { name, type: 5, g: value.graph });
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
  let nodes: NodeProto[] = [];
  let nodesMade = 0;
  const initializers: ReturnType<typeof tensorProto>[] = [];
  const inputs = new Map<string, TensorType>();
  let names = new Map<number, string>();
  const domains = new Set<string>();
  const frozenNames = new Set<string>();
  const pooled = new Map<string, string>();
  const shared = new Map<object, readonly string[]>();
  let scope = "";

  const addNode = (
    type: string,
    input: readonly string[],
    attributes: Record<string, OnnxAttribute>,
    domain: string,
    endings: readonly string[],
  ): string[] => {
    const name = `${scope}${scope === "" ? "" : "."}${type}_${nodesMade++}`;
    const output = endings.map((ending) => `${name}${ending}`);
    domains.add(domain);
    nodes.push(
      create(NodeProtoSchema, {
        name,
        opType: type,
        domain,
        input: [...input],
        output,
        attribute: Object.entries(attributes).map(([key, value]) => attributeProto(key, value)),
      }),
    );
    return output;
  };
  const emitter: OnnxNodes = {
    node: (type, input, attributes = {}, domain = "") => addNode(type, input, attributes, domain, [""])[0]!,
    nodeOf: (outputs, type, input, attributes = {}) =>
      addNode(
        type,
        input,
        attributes,
        "",
        Array.from({ length: outputs }, (_, i) => `.${i}`),
      ),
    once(key, make) {
      const made = shared.get(key) ?? make();
      shared.set(key, made);
      return made;
    },
    body(bodyInputs, bound, bodyOutputs) {
      const around = { nodes, names, scope };
      nodes = [];
      names = new Map(bound.map(([x, name]) => [x.id, name]));
      const input = bodyInputs.map((x) => {
        const name = `${scope}${scope === "" ? "" : "."}body_${nodesMade++}`;
        names.set(x.id, name);
        return valueInfo(name, x);
      });
      const given = new Set(names.keys());
      for (const value of ancestors(bodyOutputs, (x) => given.has(x.id))) {
        if (given.has(value.id)) continue;
        if (value.origin.kind === "input") throw new InternalError(`a body reads ${value.origin.name} from around it`);
        emit(value);
      }
      // What is given, or asked for twice, needs a name of its own.
      const taken = new Set<number>(given);
      const output = bodyOutputs.map((x) => {
        const name = taken.has(x.id) ? emitter.node("Identity", [names.get(x.id)!]) : names.get(x.id)!;
        taken.add(x.id);
        return valueInfo(name, x);
      });
      const graph = create(GraphProtoSchema, { name: "body", node: nodes, input, output });
      ({ nodes, names, scope } = around);
      return graph;
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

  const emit = (value: Value) => {
    const { origin } = value;
    scope = value.scope;
    const inputName = fed.get(value.id) ?? (origin.kind === "input" ? origin.name : undefined);
    if (inputName !== undefined) {
      names.set(value.id, inputName);
      const again = inputs.has(inputName) || frozenNames.has(inputName);
      if (again && fed.has(value.id)) return;
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
  };
  for (const value of ancestors(Object.values(outputs), (x) => fed.has(x.id))) emit(value);
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
