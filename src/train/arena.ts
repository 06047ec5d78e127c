import { HeartcutError } from "../errors.ts";
import type { ParameterSpec } from "../models/parameters.ts";
import { KERNELS_WASM } from "./kernels.wasm.ts";

// The part of the platform's WebAssembly that is used here: TypeScript has its types only together with the browser's.
declare const WebAssembly: {
  Memory: new (pages: { initial: number; maximum: number }) => { readonly buffer: ArrayBuffer };
  Module: new (bytes: Uint8Array) => object;
  Instance: new (module: object, imports: Record<string, Record<string, object>>) => { readonly exports: object };
};

/** Largest WebAssembly memory, in bytes (65,536 pages). */
const MEMORY_LIMIT = 2 ** 32;
const PAGE = 65536;
const ALIGN = 16;

export interface Kernels {
  adamw(
    p: number,
    g: number,
    m: number,
    v: number,
    end: number,
    clip: number,
    beta1: number,
    oneMinusBeta1: number,
    beta2: number,
    oneMinusBeta2: number,
    step: number,
    correction: number,
    epsilon: number,
    decay: number,
  ): void;
  sum_squares(x: number, end: number): number;
  accumulate(total: number, x: number, end: number): void;
}

/** The buffers training keeps per tensor: parameter, gradient, AdamW moments, and the running sum of micro-batches. */
export const SLOTS = ["parameter", "gradient", "mean", "square", "total"] as const;
export type Slot = (typeof SLOTS)[number];

/** One tensor's buffers, all in one memory. */
export interface ArenaTensor {
  readonly spec: ParameterSpec;
  readonly arrays: Readonly<Record<Slot, Float32Array>>;
  readonly address: Readonly<Record<Slot, number>>;
  /** Bytes of each buffer, padded to a multiple of 16. */
  readonly bytes: number;
  readonly kernels: Kernels;
}

let compiled: object | undefined;

/**
 * Lays out parameters, gradients and optimizer state in WebAssembly memories, so that the optimizer runs over them in
 * vector loops and the engine reads and writes the very same bytes. Tensors are spread over as many memories as needed.
 * @param accumulates - also lay out the running sum of micro-batches
 * @throws HeartcutError HC1301 for a tensor whose buffers exceed one memory (4 GiB: 268 million elements)
 */
export function layOut(specs: readonly ParameterSpec[], accumulates: boolean): ArenaTensor[] {
  const module = compiled ?? new WebAssembly.Module(Buffer.from(KERNELS_WASM, "base64"));
  compiled = module;
  const slots = SLOTS.filter((slot) => accumulates || slot !== "total");
  const padded = (spec: ParameterSpec) => Math.ceil((spec.shape.reduce((a, b) => a * b, 1) * 4) / ALIGN) * ALIGN;
  const groups: ParameterSpec[][] = [];
  let used = MEMORY_LIMIT;
  for (const spec of specs) {
    const bytes = padded(spec) * slots.length;
    if (bytes > MEMORY_LIMIT - PAGE)
      throw new HeartcutError("HC1301", {
        what: `tensor ${spec.name} is too large to be trained in one process`,
        found: `${(bytes / 2 ** 30).toFixed(1)} GiB for weights, gradients and optimizer state`,
        expected: "less than 4 GiB per tensor",
        fix: "train with another tool from the same instances (.bin/.idx), or use a smaller vocabulary or width",
      });
    if (used + bytes > MEMORY_LIMIT) {
      groups.push([]);
      used = PAGE;
    }
    groups.at(-1)!.push(spec);
    used += bytes;
  }
  return groups.flatMap((group) => {
    const total = group.reduce((n, spec) => n + padded(spec) * slots.length, 0);
    const pages = Math.max(1, Math.ceil(total / PAGE));
    const memory = new WebAssembly.Memory({ initial: pages, maximum: MEMORY_LIMIT / PAGE });
    const { exports } = new WebAssembly.Instance(module, { arena: { memory } });
    const kernels = exports as Kernels;
    let next = 0;
    // One slot of all tensors lies together: weights are read in order by every step.
    const address = new Map<string, number>();
    for (const slot of slots)
      for (const spec of group) {
        address.set(`${slot} ${spec.name}`, next);
        next += padded(spec);
      }
    return group.map((spec): ArenaTensor => {
      const size = spec.shape.reduce((a, b) => a * b, 1);
      const at = (slot: Slot) => address.get(`${slot} ${spec.name}`) ?? 0;
      const view = (slot: Slot) => new Float32Array(memory.buffer, at(slot), slots.includes(slot) ? size : 0);
      return {
        spec,
        kernels,
        bytes: padded(spec),
        address: {
          parameter: at("parameter"),
          gradient: at("gradient"),
          mean: at("mean"),
          square: at("square"),
          total: at("total"),
        },
        arrays: {
          parameter: view("parameter"),
          gradient: view("gradient"),
          mean: view("mean"),
          square: view("square"),
          total: view("total"),
        },
      };
    });
  });
}
