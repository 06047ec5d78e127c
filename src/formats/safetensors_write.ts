import { join } from "node:path";
import { InternalError } from "../errors.ts";
import { type FileSystemOptions, PIECE_BYTES } from "./file_system.ts";
import { float32ToBfloat16, float32ToFloat16, requireLittleEndian } from "./float_conversion.ts";
import { type Published, publishFile, publishJson, type Sink } from "./publish.ts";
import { DTYPE_ORDER, type Dtype, SHARD_INDEX, SINGLE_FILE, tensorBytes } from "./safetensors_header.ts";
import { bytesOf, type TypedArray } from "./typed_array.ts";

/** A tensor to write. */
export interface TensorSource {
  name: string;
  /** BF16 and F16 take their bits as Uint16Array, or a Float32Array that is rounded to nearest even. */
  dtype: Dtype;
  shape: readonly number[];
  /** Row-major values, or a function that makes them when their turn comes, so that a model is never in memory twice. */
  data: TypedArray | (() => Promise<TypedArray>);
}

/**
 * Publishes a .safetensors file with the same bytes that the reference library writes: tensors by dtype (last of its enumeration
 * first), then by name; header padded with spaces to a multiple of 8.
 * @param metadata - strings for `__metadata__`, in this order; transformers asks for `{ format: "pt" }`
 */
export async function writeSafetensors(
  path: string,
  tensors: readonly TensorSource[],
  metadata?: Readonly<Record<string, string>>,
  options: FileSystemOptions = {},
): Promise<Published> {
  requireLittleEndian();
  const ordered = sorted(tensors);
  return publishFile(
    path,
    async (sink) => {
      await sink.write(encodeHeader(ordered, metadata));
      for (const tensor of ordered) await writeData(sink, tensor);
    },
    options,
  );
}

/**
 * Writes a model folder as transformers does: model.safetensors, or, above `maxShardBytes`, model-00001-of-0000N.safetensors with
 * model.safetensors.index.json last. Tensors fill the shards in the order given; one that is larger than a shard gets its own.
 * @returns the files written, by name
 */
export async function writeShardedSafetensors(
  folder: string,
  tensors: readonly TensorSource[],
  options: FileSystemOptions & { maxShardBytes?: number; metadata?: Readonly<Record<string, string>> } = {},
): Promise<Map<string, Published>> {
  const shards = split(tensors, options.maxShardBytes ?? 5_000_000_000);
  const files = new Map<string, Published>();
  const weightMap: [string, string][] = [];
  for (const [i, shard] of shards.entries()) {
    const name = shards.length === 1 ? SINGLE_FILE : `model-${number(i + 1)}-of-${number(shards.length)}.safetensors`;
    for (const tensor of shard) weightMap.push([tensor.name, name]);
    files.set(name, await writeSafetensors(join(folder, name), shard, options.metadata, options));
  }
  if (shards.length > 1) {
    const index = {
      metadata: {
        total_parameters: tensors.reduce(
          (sum, { shape }) => sum + shape.reduce((product, size) => product * size, 1),
          0,
        ),
        total_size: tensors.reduce((sum, tensor) => sum + sizeOf(tensor), 0),
      },
      weight_map: Object.fromEntries(weightMap.sort(([a], [b]) => compareUtf8(a, b))),
    };
    files.set(SHARD_INDEX, await publishJson(join(folder, SHARD_INDEX), index, options));
  }
  return files;
}

function split(tensors: readonly TensorSource[], maxBytes: number): TensorSource[][] {
  const shards: TensorSource[][] = [[]];
  let bytes = 0;
  for (const tensor of tensors) {
    const size = sizeOf(tensor);
    if (bytes > 0 && bytes + size > maxBytes) {
      shards.push([]);
      bytes = 0;
    }
    shards.at(-1)!.push(tensor);
    bytes += size;
  }
  return shards;
}

function sorted(tensors: readonly TensorSource[]): TensorSource[] {
  return [...tensors].sort(
    (a, b) => DTYPE_ORDER.get(b.dtype)! - DTYPE_ORDER.get(a.dtype)! || compareUtf8(a.name, b.name),
  );
}

function encodeHeader(
  ordered: readonly TensorSource[],
  metadata: Readonly<Record<string, string>> | undefined,
): Uint8Array {
  const header: string[] = metadata === undefined ? [] : [`"__metadata__":${JSON.stringify(metadata)}`];
  const names = new Set<string>(["__metadata__"]);
  let position = 0;
  for (const tensor of ordered) {
    const { name, dtype, shape } = tensor;
    if (names.has(name)) throw new InternalError(`two tensors named ${name}`);
    names.add(name);
    const end = position + sizeOf(tensor);
    header.push(`${JSON.stringify(name)}:${JSON.stringify({ dtype, shape, data_offsets: [position, end] })}`);
    position = end;
  }
  const json = Buffer.from(`{${header.join(",")}}`, "utf8");
  const padded = Math.ceil(json.length / 8) * 8;
  const bytes = new Uint8Array(8 + padded).fill(0x20);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(padded), true);
  bytes.set(json, 8);
  return bytes;
}

async function writeData(sink: Sink, tensor: TensorSource): Promise<void> {
  const data = typeof tensor.data === "function" ? await tensor.data() : tensor.data;
  const expected = sizeOf(tensor);
  const { dtype } = tensor;
  if (data instanceof Float32Array && (dtype === "BF16" || dtype === "F16")) {
    if (data.length * 2 !== expected) throw wrongLength(tensor, data);
    const round = dtype === "BF16" ? float32ToBfloat16 : float32ToFloat16;
    const bits = new Uint16Array(Math.min(data.length, PIECE_BYTES / 2));
    for (let start = 0; start < data.length; start += bits.length) {
      const values = data.subarray(start, start + bits.length);
      round(values, bits);
      await sink.write(bytesOf(bits.subarray(0, values.length)));
    }
    return;
  }
  if (data.byteLength !== expected || isFloat(data) !== (dtype === "F32" || dtype === "F64" || dtype === "C64"))
    throw wrongLength(tensor, data);
  await sink.write(bytesOf(data));
}

function isFloat(data: TypedArray): boolean {
  return data instanceof Float32Array || data instanceof Float64Array;
}

function sizeOf({ name, dtype, shape }: TensorSource): number {
  const bytes = tensorBytes(dtype, shape);
  if (bytes === undefined) throw new InternalError(`tensor ${name}: ${dtype}[${shape}] has no size in whole bytes`);
  return bytes;
}

function wrongLength({ name, dtype, shape }: TensorSource, data: TypedArray): InternalError {
  return new InternalError(`tensor ${name}: ${data.constructor.name} of ${data.length} for ${dtype}[${shape}]`);
}

function number(n: number): string {
  return String(n).padStart(5, "0");
}

/** Order of the UTF-8 bytes, which is that of the reference library (and of code points). */
function compareUtf8(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a, "utf8"), Buffer.from(b, "utf8"));
}
