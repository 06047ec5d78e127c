import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { BinaryWriter } from "@bufbuild/protobuf/wire";
import { type ModelProto, ModelProtoSchema, NodeProtoSchema, ValueInfoProtoSchema } from "../../src/graph/onnx.pb.ts";
import { writeOnnx } from "../../src/graph/onnx.ts";
import { logitsGraph } from "../../src/models/causal_graphs.ts";
import type { CausalLM } from "../../src/models/causal_lm.ts";

const INT64 = 7;
const INT32 = 6;

/** A model as optimum exports it, of fixed size: input_ids, attention_mask and position_ids int64 [B,T] → logits [B,T,V]. */
export function decoderOnnx(model: CausalLM, B: number, T: number): Uint8Array {
  const graph = logitsGraph(model.description, { B, T, visibility: "padding" });
  const proto = fromBinary(ModelProtoSchema, writeOnnx(graph, { frozen: model.weights as never }).bytes);
  const inputs = { ids: "input_ids", visibility: "attention_mask" };
  for (const [ours, theirs] of Object.entries(inputs)) {
    const input = proto.graph!.input.find(({ name }) => name === ours)!;
    input.name = theirs;
    input.type!.tensorType!.elemType = INT64;
    const to = { name: "to", type: 2, i: BigInt(INT32) };
    proto.graph!.node.unshift(
      create(NodeProtoSchema, { opType: "Cast", input: [theirs], output: [ours], attribute: [to] }),
    );
  }
  proto.graph!.input.push(valueInfo("position_ids", INT64, [B, T]));
  return toBinary(ModelProtoSchema, proto);
}

/** The smallest decoder of free sizes, with an empty cache: the logits behind an id are its row of a table [V,V]. */
export function bigramOnnx(
  table: Float32Array,
  V: number,
  change: { inputs?: string[]; output?: string; location?: string; past?: number } = {},
): Uint8Array {
  const { inputs = ["input_ids", "attention_mask"], output = "logits" } = change;
  const proto = create(ModelProtoSchema, {
    irVersion: 10n,
    opsetImport: [{ domain: "", version: 18n }],
    graph: {
      name: "bigram",
      node: [{ opType: "Gather", input: ["table", inputs[0]!], output: [output] }],
      input: [
        ...inputs.map((name) => valueInfo(name, INT64, ["batch", "sequence"])),
        valueInfo("past_key_values.0.key", 1, ["batch", 2, change.past ?? "past", 4]),
      ],
      output: [valueInfo(output, 1, ["batch", "sequence", V])],
    },
  });
  const raw = new Uint8Array(table.buffer, table.byteOffset, table.byteLength);
  const tensor = { name: "table", dims: [BigInt(V), BigInt(V)], dataType: 1 };
  if (change.location === undefined) {
    proto.graph!.initializer.push(
      create(ModelProtoSchema, { graph: { initializer: [{ ...tensor, rawData: raw }] } }).graph!.initializer[0]!,
    );
    return toBinary(ModelProtoSchema, proto);
  }
  return withExternalTensor(proto, V, change.location, raw.length);
}

/** ModelProto.graph gains an initializer whose data lie in another file; our own schema has no such fields. */
function withExternalTensor(proto: ModelProto, V: number, location: string, bytes: number): Uint8Array {
  const entry = (key: string, value: string) =>
    new BinaryWriter().tag(1, 2).string(key).tag(2, 2).string(value).finish();
  const tensor = new BinaryWriter().tag(1, 0).int64(V).tag(1, 0).int64(V).tag(2, 0).int32(1).tag(8, 2).string("table");
  tensor
    .tag(13, 2)
    .bytes(entry("location", location))
    .tag(13, 2)
    .bytes(entry("length", String(bytes)));
  tensor.tag(14, 0).int32(1);
  const graph = new BinaryWriter().tag(5, 2).bytes(tensor.finish()).finish();
  // A message that occurs twice is merged.
  return new BinaryWriter().raw(toBinary(ModelProtoSchema, proto)).tag(7, 2).bytes(graph).finish();
}

/** Sizes with a name are written as dim_param (2), which our own schema does not have. */
function valueInfo(name: string, elemType: number, dims: (number | string)[]) {
  return create(ValueInfoProtoSchema, {
    name,
    type: {
      tensorType: {
        elemType,
        shape: {
          dim: dims.map((n) =>
            typeof n === "number"
              ? { dimValue: BigInt(n) }
              : { $unknown: [{ no: 2, wireType: 2, data: new BinaryWriter().string(n).finish() }] },
          ),
        },
      },
    },
  });
}
