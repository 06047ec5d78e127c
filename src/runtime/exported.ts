import { open } from "node:fs/promises";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { HeartcutError, InternalError } from "../errors.ts";
import type { DeviceName } from "./device.ts";
import { externalLocations } from "./external_files.ts";

/** Protobuf cannot hold more: larger models keep their tensors in files beside. */
const MOST_BYTES = 2 ** 31 - 1;
/** Inputs that may be there, beside empty caches. */
const KNOWN_INPUTS = ["input_ids", "attention_mask", "position_ids"];
const PAST = /^(past_key_values|past)[._]/;

type Metadata = InferenceSession.ValueMetadata & { isTensor: true };

/** Reads a model file that was made elsewhere. @throws HeartcutError HC3330 if it is missing, empty or too large */
export async function readOnnxFile(path: string): Promise<Uint8Array> {
  try {
    const file = await open(path, "r");
    try {
      const { size } = await file.stat();
      if (size === 0 || size > MOST_BYTES) throw unusable(path, `${size} bytes`, `1 … ${MOST_BYTES} bytes`);
      return await file.readFile();
    } finally {
      await file.close();
    }
  } catch (error) {
    if (error instanceof HeartcutError) throw error;
    throw unusable(path, firstLine(error), "a file that can be read", error);
  }
}

/** Names of the files beside a model that hold its tensors, as it writes them: to be checked before anything opens them. @throws HeartcutError HC3330 */
export function externalFilesOf(model: Uint8Array, path: string): string[] {
  try {
    return externalLocations(model);
  } catch (error) {
    throw unusable(path, firstLine(error), "an ONNX model", error);
  }
}

/**
 * A foreign ONNX graph of a decoder: input_ids [B,T] (attention_mask, position_ids, empty caches) → logits [B,T,V].
 * Nothing of the file is trusted but its arithmetic; external files must have been checked before.
 */
export class ExportedDecoder {
  private constructor(
    private readonly session: InferenceSession,
    private readonly inputs: readonly Metadata[],
    readonly vocabSize: number,
    /** Rows of every batch, where the graph has no other size. */
    readonly rows: number | undefined,
    /** Places of every row, where the graph has no other length. */
    readonly places: number | undefined,
  ) {}

  /** @throws HeartcutError HC3330 if the engine refuses the file, HC3331 if its inputs or outputs are not a decoder's */
  static async open(
    path: string,
    options: { device: DeviceName; threads?: number | undefined },
  ): Promise<ExportedDecoder> {
    const { device, threads } = options;
    let session: InferenceSession;
    try {
      session = await InferenceSession.create(path, {
        executionProviders: device === "cpu" ? ["cpu"] : [device, "cpu"],
        logSeverityLevel: 3,
        ...(threads !== undefined && { intraOpNumThreads: threads }),
      });
    } catch (error) {
      throw unusable(path, firstLine(error), "a model the engine can run", error);
    }
    try {
      const inputs = session.inputMetadata.map((input) => checkedInput(input, path));
      const ids = inputs.find(({ name }) => name === "input_ids");
      if (ids === undefined) throw misfit(path, `inputs ${session.inputNames.join(", ")}`, "an input input_ids");
      const [rows, places] = ids.shape.map(fixedSize);
      const logits = session.outputMetadata.find(({ name }) => name === "logits");
      if (logits === undefined || !logits.isTensor || !["float32", "float16"].includes(logits.type))
        throw misfit(path, `outputs ${session.outputNames.join(", ")}`, "an output logits, float32 or float16");
      const probe = new ExportedDecoder(session, inputs, 0, rows, places);
      const { dims } = await probe.run([Int32Array.of(0, 0)], places ?? 2, path);
      const expected = [rows ?? 1, places ?? 2];
      if (dims.length !== 3 || dims[0] !== expected[0] || dims[1] !== expected[1])
        throw misfit(path, `logits of shape [${dims.join(",")}]`, `[${expected.join(",")},V]: logits of every place`);
      return new ExportedDecoder(session, inputs, dims[2]!, rows, places);
    } catch (error) {
      await session.release();
      throw error;
    }
  }

  /**
   * Logits of several sequences, padded on the right to T places; a graph of fixed sizes takes `rows` at most and `places` places.
   * @returns [B,T,V] row-major; the bits of float16 where the graph gives that. Places behind a sequence's end mean nothing
   */
  async logits(rows: readonly Int32Array[], T: number): Promise<Float32Array | Uint16Array> {
    const { data } = await this.run(rows, T, "the exported model");
    return data as Float32Array | Uint16Array;
  }

  private async run(rows: readonly Int32Array[], T: number, path: string): Promise<Tensor> {
    const B = this.rows ?? rows.length;
    if (rows.length > B || (this.places ?? T) !== T)
      throw new InternalError(`a graph of ${B} × ${this.places} places was given ${rows.length} × ${T}`);
    const feeds: Record<string, Tensor> = {};
    for (const input of this.inputs) feeds[input.name] = feedOf(input, rows, B, T);
    try {
      return (await this.session.run(feeds, ["logits"])).logits!;
    } catch (error) {
      throw misfit(path, firstLine(error), "a graph that reads whole sequences from empty caches", error);
    }
  }

  /** Frees the engine's memory. */
  dispose(): Promise<void> {
    return this.session.release();
  }
}

function feedOf({ name, type, shape }: Metadata, rows: readonly Int32Array[], B: number, T: number): Tensor {
  if (PAST.test(name)) {
    const dims = shape.map((n, axis) => fixedSize(n) ?? (axis === 0 ? B : 0));
    return new Tensor(
      type as "float32",
      (type === "float16" ? new Uint16Array(0) : new Float32Array(0)) as never,
      dims,
    );
  }
  const values = new Int32Array(B * T);
  for (const [b, ids] of rows.entries())
    for (let t = 0; t < T; t++) {
      const real = t < ids.length;
      values[b * T + t] = name === "position_ids" ? t : real ? (name === "input_ids" ? ids[t]! : 1) : 0;
    }
  return type === "int64"
    ? new Tensor("int64", BigInt64Array.from(values, BigInt), [B, T])
    : new Tensor("int32", values, [B, T]);
}

/** Symbolic sizes come as text, those without a name as "" or -1. */
function fixedSize(n: number | string): number | undefined {
  return typeof n === "number" && n > 0 ? n : undefined;
}

function checkedInput(input: InferenceSession.ValueMetadata, path: string): Metadata {
  const known = KNOWN_INPUTS.includes(input.name);
  if (input.isTensor && known && (input.type === "int64" || input.type === "int32") && input.shape.length === 2)
    return input;
  const empty = input.isTensor && input.shape.length === 4 && fixedSize(input.shape[2]!) === undefined;
  if (input.isTensor && PAST.test(input.name) && empty && (input.type === "float32" || input.type === "float16"))
    return input;
  throw misfit(
    path,
    `input ${input.name}${input.isTensor ? ` ${input.type}[${input.shape.join(",")}]` : ""}`,
    `${KNOWN_INPUTS.join(", ")} (int64 [B,T]), and caches past_key_values.* [B,K,S,H] that may be empty`,
  );
}

function unusable(path: string, found: string, expected: string, cause?: unknown): HeartcutError {
  return new HeartcutError(
    "HC3330",
    {
      what: "this ONNX file cannot be used",
      where: path,
      found,
      expected,
      fix: "export the model again, with its external data in the same folder",
    },
    { cause },
  );
}

function misfit(path: string, found: string, expected: string, cause?: unknown): HeartcutError {
  return new HeartcutError(
    "HC3331",
    {
      what: "this ONNX model is no decoder that reads token ids and gives logits",
      where: path,
      found,
      expected,
      fix: "export it for text generation, without merging and preferably without a cache (optimum: --task text-generation)",
    },
    { cause },
  );
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split("\n")[0]!.slice(0, 300);
}
