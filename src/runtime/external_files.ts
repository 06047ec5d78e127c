import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";

type Message = "model" | "graph" | "node" | "attribute" | "sparse" | "function" | "training" | "tensor" | "entry";

/** Where messages that can hold a tensor stand, by field number. Source: onnx.proto, IR version 13. */
const CHILDREN: Readonly<Record<Message, Readonly<Record<number, Message>>>> = {
  model: { 7: "graph", 20: "training", 25: "function" },
  training: { 1: "graph", 2: "graph" },
  function: { 7: "node", 11: "attribute" },
  graph: { 1: "node", 5: "tensor", 15: "sparse" },
  node: { 5: "attribute" },
  attribute: { 5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse" },
  sparse: { 1: "tensor", 2: "tensor" },
  tensor: { 13: "entry" },
  entry: {},
};
const MOST_DEPTH = 64;

/**
 * Names of the files an ONNX model keeps tensors in, wherever in the model they stand: nothing but names is decoded.
 * @throws Error where the bytes are no protobuf, or nested too deeply
 */
export function externalLocations(model: Uint8Array): string[] {
  const found = new Set<string>();
  walk("model", model, 0, found);
  return [...found];
}

function walk(message: Message, bytes: Uint8Array, depth: number, found: Set<string>): void {
  if (depth > MOST_DEPTH) throw new Error(`messages nested deeper than ${MOST_DEPTH}`);
  const reader = new BinaryReader(bytes);
  const entry = { key: "", value: "" };
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    const child = CHILDREN[message][field];
    if (child !== undefined && type === WireType.LengthDelimited) walk(child, reader.bytes(), depth + 1, found);
    else if (message === "entry" && type === WireType.LengthDelimited && (field === 1 || field === 2))
      entry[field === 1 ? "key" : "value"] = reader.string();
    else reader.skip(type, field);
  }
  if (entry.key === "location") found.add(entry.value);
}
