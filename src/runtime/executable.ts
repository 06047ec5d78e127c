import { InferenceSession, Tensor } from "onnxruntime-node";
import { InternalError } from "../errors.ts";
import { DTYPES, formatType, sizeOf, type TensorType, type TypedArray } from "../graph/dtype.ts";
import { writeOnnx } from "../graph/onnx.ts";
import type { Value } from "../graph/value.ts";
import { allocate, type Border, planBorder, scatterRows } from "./border.ts";
import { type DeviceName, deviceUnavailable } from "./device.ts";

export type Buffers = Readonly<Record<string, TypedArray>>;

export interface CompileOptions {
  readonly device?: DeviceName;
  /** Threads of the engine; default: its own choice, one per physical core. */
  readonly threads?: number | undefined;
  /** Data of inputs that become constants of the graph (pre-packed weights of a model that is only read). */
  readonly frozen?: ReadonlyMap<string, TypedArray>;
}

/**
 * A graph loaded into the engine. Results are written into buffers that belong to this object and are overwritten by
 * the next run, or into buffers given by the caller: in steady state a run allocates nothing of the size of a tensor.
 */
export class Executable {
  private readonly tensors = new Map<string, { array: TypedArray; tensor: Tensor }>();
  private readonly own = new Map<string, TypedArray>();
  private disposed = false;

  private constructor(
    private readonly session: InferenceSession,
    private readonly border: Border,
    private readonly inputs: ReadonlyMap<string, TensorType>,
    private readonly engineOutputs: ReadonlyMap<string, TensorType>,
    /** Milliseconds it took to write and load the graph. */
    readonly compileMs: number,
  ) {}

  /** Writes the graph as ONNX and loads it. Throws HeartcutError HC1201 if the device is not there. */
  static async compile(outputs: Readonly<Record<string, Value>>, options: CompileOptions = {}): Promise<Executable> {
    const started = performance.now();
    const device = options.device ?? "cpu";
    const border = planBorder(outputs, options.frozen === undefined);
    const graph = writeOnnx(border.values, { fed: border.fed, ...(options.frozen && { frozen: options.frozen }) });
    const hasDouble = [...graph.inputs.values(), ...graph.outputs.values()].some((type) => type.dtype === "float64");
    const sessionOptions: InferenceSession.SessionOptions = {
      executionProviders: device === "cpu" ? ["cpu"] : [device, "cpu"],
      // Extended rewrites put in kernels that have no float64 version (QuickGelu): gradients are checked without them.
      graphOptimizationLevel: hasDouble ? "basic" : "all",
      enableCpuMemArena: true,
      // A pattern plans one block for all activations beside the memory the first run took: 3,860 MB instead of 2,450 for a
      // 44M training step, and no faster.
      enableMemPattern: false,
      executionMode: "sequential",
      logSeverityLevel: 3,
      extra: {
        session: {
          // Probabilities near 1e-40 make denormals, on which the CPU is some hundred times slower.
          set_denormal_as_zero: hasDouble ? "0" : "1",
          // Each graph has threads of its own: those of one that has finished must not spin while another runs
          // (six graphs in turn ran at half speed).
          force_spinning_stop: "1",
        },
      },
      ...(options.threads === undefined ? {} : { intraOpNumThreads: options.threads }),
    };
    let session: InferenceSession;
    try {
      session = await InferenceSession.create(graph.bytes, sessionOptions);
    } catch (error) {
      if (device !== "cpu") throw deviceUnavailable(device, error);
      throw new InternalError(`engine refused a graph: ${error instanceof Error ? error.message : String(error)}`, {
        cause: error,
      });
    }
    return new Executable(session, border, graph.inputs, graph.outputs, performance.now() - started);
  }

  /**
   * Runs the graph.
   * @param feeds - one array per input, elements in row-major order
   * @param results - arrays to write outputs into; those left out get buffers of this object
   * @throws InternalError if an input is missing or has the wrong type or size
   */
  async run(feeds: Buffers, results: Buffers = {}): Promise<Buffers> {
    if (this.disposed) throw new InternalError("run of a disposed executable");
    const engineFeeds: Record<string, Tensor> = {};
    for (const [name, type] of this.inputs) {
      const view = this.border.views.get(name);
      const array = feeds[view?.input ?? name];
      if (array === undefined) throw new InternalError(`input ${view?.input ?? name} ${formatType(type)} was not fed`);
      engineFeeds[name] = this.tensor(name, view === undefined ? array : array.subarray(view.first, view.last), type);
    }
    const out: Record<string, TypedArray> = {};
    const fetches: Record<string, Tensor> = {};
    const rows = (name: string) => this.ownBuffer(name, this.engineOutputs.get(name)!);
    for (const plan of this.border.outputs) {
      const array = results[plan.name] ?? this.ownBuffer(plan.name, plan.type);
      if (array.length !== sizeOf(plan.type.shape))
        throw new InternalError(`output ${plan.name} ${formatType(plan.type)} into ${array.length} elements`);
      out[plan.name] = array;
      if (plan.parts.length === 0) array.fill(0 as never);
      for (const part of plan.parts) {
        const whole = part.first === 0 && part.last === array.length;
        const target = whole ? array : array.subarray(part.first, part.last);
        fetches[part.name] = this.tensor(`>${part.name}`, target, this.engineOutputs.get(part.name)!);
      }
      for (const s of plan.scatters)
        for (const name of [s.ids, s.rows])
          fetches[name] = this.tensor(`>${name}`, rows(name), this.engineOutputs.get(name)!);
    }
    await this.session.run(engineFeeds, fetches);
    for (const plan of this.border.outputs)
      for (const s of plan.scatters) scatterRows(out[plan.name]!, rows(s.ids), rows(s.rows), s.width);
    return out;
  }

  /** Frees the engine's memory. Buffers handed out stay valid. */
  async dispose(): Promise<void> {
    if (this.disposed) return;
    this.disposed = true;
    this.tensors.clear();
    this.own.clear();
    await this.session.release();
  }

  private ownBuffer(name: string, type: TensorType): TypedArray {
    let buffer = this.own.get(name);
    if (buffer === undefined) {
      buffer = allocate(type);
      this.own.set(name, buffer);
    }
    return buffer;
  }

  private tensor(name: string, array: TypedArray, type: TensorType): Tensor {
    const known = this.tensors.get(name);
    if (known !== undefined && sameMemory(known.array, array)) return known.tensor;
    if (!(array instanceof DTYPES[type.dtype].array) || array.length !== sizeOf(type.shape))
      throw new InternalError(
        `${name}: expected ${formatType(type)}, got ${array.constructor.name} of ${array.length}`,
      );
    const tensor = new Tensor(type.dtype, array as never, type.shape);
    this.tensors.set(name, { array, tensor });
    return tensor;
  }
}

function sameMemory(a: TypedArray, b: TypedArray): boolean {
  return a.buffer === b.buffer && a.byteOffset === b.byteOffset && a.length === b.length;
}
