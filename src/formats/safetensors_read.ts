import { HeartcutError } from "../errors.ts";
import { guarded, nodeFileSystem, type OpenFile, PIECE_BYTES, readFully } from "./file_system.ts";
import { bfloat16ToFloat32, float16ToFloat32 } from "./float_conversion.ts";
import type { Limits } from "./limits.ts";
import { explainForeignFile } from "./safetensors_foreign.ts";
import { type Dtype, type HeaderTensor, headerFault, parseSafetensorsHeader } from "./safetensors_header.ts";
import { quoted } from "./strict_json.ts";
import { bytesOf, type TypedArray } from "./typed_array.ts";

/** What a header says about one tensor. */
export interface TensorInfo {
  dtype: Dtype;
  shape: number[];
  bytes: number;
  /** Path of the file that holds it. */
  file: string;
}

/** Random access to the tensors of one file or one sharded model. */
export interface SafetensorsReader {
  /** In the order of the file; of the weight map for shards. */
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  /** `__metadata__` of the file, or of all shards together. */
  readonly metadata: ReadonlyMap<string, string>;
  /**
   * Values of a BF16, F16, F32 or F64 tensor as float32, row-major.
   * @param into - receives the values where given; its length must be the number of elements
   */
  readFloat32(name: string, into?: Float32Array): Promise<Float32Array>;
  /** The bytes as they stand in the file. */
  readRaw(name: string): Promise<Uint8Array>;
  /** The values in the natural array: F16 and BF16 as Uint16Array of their bits, BOOL and sub-byte floats as Uint8Array. */
  readTyped(name: string): Promise<TypedArray>;
  close(): Promise<void>;
}

const TYPED = {
  I8: Int8Array,
  I16: Int16Array,
  U16: Uint16Array,
  F16: Uint16Array,
  BF16: Uint16Array,
  I32: Int32Array,
  U32: Uint32Array,
  F32: Float32Array,
  C64: Float32Array,
  F64: Float64Array,
  I64: BigInt64Array,
  U64: BigUint64Array,
} as const;

interface Location extends TensorInfo {
  handle: OpenFile;
  /** Byte of the file. */
  position: number;
}

/** The files of one model, opened together. */
export class Reader implements SafetensorsReader {
  readonly tensors: ReadonlyMap<string, TensorInfo>;

  private constructor(
    private readonly locations: ReadonlyMap<string, Location>,
    readonly metadata: ReadonlyMap<string, string>,
    private readonly handles: OpenFile[],
  ) {
    this.tensors = new Map(
      [...locations].map(([name, { dtype, shape, bytes, file }]) => [name, { dtype, shape, bytes, file }]),
    );
  }

  static async open(paths: string[], limits: Limits): Promise<Reader> {
    const handles: OpenFile[] = [];
    const locations = new Map<string, Location>();
    const metadata = new Map<string, string>();
    try {
      for (const file of paths) {
        const handle = await guarded(file, "nothing was changed", () => nodeFileSystem.open(file, "r"));
        handles.push(handle);
        const { header, dataStart } = await readHeader(handle, file, limits);
        for (const [key, value] of header.metadata) metadata.set(key, value);
        for (const [name, tensor] of header.tensors) {
          const before = locations.get(name);
          if (before !== undefined) throw disagreement(file, `tensor ${quoted(name)} is also in ${before.file}`);
          locations.set(name, locate(tensor, file, handle, dataStart));
        }
      }
      return new Reader(locations, metadata, handles);
    } catch (error) {
      await Promise.all(handles.map((handle) => handle.close()));
      throw error;
    }
  }

  /** The same files, in the order of a weight map that must name exactly their tensors. */
  arranged(index: string, weightMap: ReadonlyMap<string, string>): Reader {
    const arranged = new Map<string, Location>();
    for (const [name, file] of weightMap) {
      const location = this.locations.get(name);
      if (location === undefined) throw disagreement(index, `tensor ${quoted(name)} is not in ${file}`);
      if (location.file !== file)
        throw disagreement(index, `tensor ${quoted(name)} is in ${location.file}, not in ${file}`);
      arranged.set(name, location);
    }
    for (const [name, { file }] of this.locations) {
      if (!arranged.has(name)) throw disagreement(index, `tensor ${quoted(name)} of ${file} is not in the weight map`);
    }
    return new Reader(arranged, this.metadata, this.handles);
  }

  async readFloat32(name: string, into?: Float32Array): Promise<Float32Array> {
    const location = this.location(name);
    const elements = location.shape.reduce((product, size) => product * size, 1);
    if (into !== undefined && into.length !== elements) {
      throw new RangeError(`readFloat32(${name}): array of ${into.length} for ${location.dtype}[${location.shape}]`);
    }
    const { dtype } = location;
    if (dtype !== "F32" && dtype !== "BF16" && dtype !== "F16" && dtype !== "F64") {
      throw new HeartcutError("HC1014", {
        what: `tensor ${quoted(name)} does not hold plain floating-point numbers`,
        where: location.file,
        found: dtype,
        expected: "BF16, F16, F32 or F64",
        why: "quantized weights need the scales of their own scheme",
        fix: "use the unquantized model",
      });
    }
    const values = into ?? allocate(location, () => new Float32Array(elements));
    if (dtype === "F32") {
      await this.fill(location, bytesOf(values), 0);
      return values;
    }
    const width = dtype === "F64" ? 8 : 2;
    const scratch = new ArrayBuffer(Math.min(PIECE_BYTES, location.bytes));
    for (let start = 0; start < elements; start += scratch.byteLength / width) {
      const count = Math.min(scratch.byteLength / width, elements - start);
      await this.fill(location, new Uint8Array(scratch, 0, count * width), start * width);
      const target = values.subarray(start, start + count);
      if (dtype === "F64") target.set(new Float64Array(scratch, 0, count));
      else if (dtype === "F16") float16ToFloat32(new Uint16Array(scratch, 0, count), target);
      else bfloat16ToFloat32(new Uint16Array(scratch, 0, count), target);
    }
    return values;
  }

  async readRaw(name: string): Promise<Uint8Array> {
    const location = this.location(name);
    const bytes = allocate(location, () => new Uint8Array(location.bytes));
    await this.fill(location, bytes, 0);
    return bytes;
  }

  async readTyped(name: string): Promise<TypedArray> {
    const { buffer, byteLength } = await this.readRaw(name);
    const { dtype } = this.location(name);
    if (!(dtype in TYPED)) return new Uint8Array(buffer);
    const Typed = TYPED[dtype as keyof typeof TYPED];
    return new Typed(buffer as ArrayBuffer, 0, byteLength / Typed.BYTES_PER_ELEMENT);
  }

  async close(): Promise<void> {
    await Promise.all(this.handles.splice(0).map((handle) => handle.close()));
  }

  private location(name: string): Location {
    const location = this.locations.get(name);
    if (location !== undefined) return location;
    throw new HeartcutError("HC1015", {
      what: `no tensor ${quoted(name)} in the file`,
      where: [...new Set([...this.locations.values()].map(({ file }) => file))].slice(0, 3).join(", "),
      found: `${this.locations.size} tensors: ${[...this.locations.keys()].slice(0, 5).map(quoted).join(", ")}${this.locations.size > 5 ? ", …" : ""}`,
      why: "the weights do not belong to this architecture, or were saved under other names",
      fix: "check that config.json and the weights come from the same model",
    });
  }

  private async fill(location: Location, bytes: Uint8Array, offset: number): Promise<void> {
    const { file, handle, position } = location;
    const count = await guarded(file, "nothing was changed", () => readFully(handle, bytes, position + offset));
    if (count === bytes.length) return;
    throw new HeartcutError("HC1012", {
      what: "the safetensors file became shorter while it was read",
      where: file,
      fix: "do not write to model files in use; run the command again",
    });
  }
}

function locate(tensor: HeaderTensor, file: string, handle: OpenFile, dataStart: number): Location {
  const { dtype, shape, start, end } = tensor;
  return { dtype, shape, bytes: end - start, file, handle, position: dataStart + start };
}

async function readHeader(handle: OpenFile, file: string, limits: Limits) {
  return guarded(file, "nothing was changed", async () => {
    const { size } = await handle.stat();
    const start = new Uint8Array(Math.min(512, size));
    await readFully(handle, start, 0);
    const length = start.length < 8 ? undefined : new DataView(start.buffer).getBigUint64(0, true);
    if (length === undefined || length > BigInt(size - 8) || start[8] !== 0x7b) {
      throw (
        explainForeignFile(start, size, file) ??
        headerFault(file, `the file of ${size} bytes does not hold the header its first 8 bytes announce`)
      );
    }
    const headerBytes = Number(length);
    if (headerBytes > limits.safetensorsHeaderBytes) {
      throw new HeartcutError("HC1006", {
        what: "safetensors header is over its size limit",
        where: file,
        found: `${headerBytes} bytes`,
        expected: `at most ${limits.safetensorsHeaderBytes} bytes`,
        fix: "raise limits.safetensorsHeaderBytes if you trust the file",
      });
    }
    const bytes = new Uint8Array(headerBytes);
    await readFully(handle, bytes, 8);
    const dataStart = 8 + headerBytes;
    return { dataStart, header: parseSafetensorsHeader(bytes, size - dataStart, file, limits) };
  });
}

function allocate<T>(location: Location, make: () => T): T {
  try {
    return make();
  } catch (cause) {
    throw new HeartcutError(
      "HC1006",
      {
        what: "a tensor does not fit into memory as one array",
        where: location.file,
        found: `${location.dtype}[${location.shape}], ${location.bytes} bytes`,
        fix: "use a machine with more memory",
      },
      { cause },
    );
  }
}

/** The error for shards, or an index, that contradict each other. */
export function disagreement(where: string, what: string): HeartcutError {
  return new HeartcutError("HC1013", {
    what: `the shards of the model do not fit together: ${what}`,
    where,
    fix: "fetch the missing or changed files again, all of one revision",
  });
}
