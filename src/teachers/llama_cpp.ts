import { HeartcutError } from "../errors.ts";
import type { DeviceChoice } from "../runtime/device.ts";

/** The part of node-llama-cpp (3.x) that is used: written down here, so that the package stays optional. */
export interface LlamaPackage {
  getLlama(options: {
    gpu: "auto" | "cuda" | false;
    build: "never";
    progressLogs: false;
    logLevel: "error";
    maxThreads?: number;
  }): Promise<Llama>;
}

export interface Llama {
  loadModel(options: { modelPath: string; checkTensors: true }): Promise<LlamaModel>;
  dispose(): Promise<void>;
}

export interface LlamaModel {
  /** Context the model was trained with. */
  readonly trainContextSize: number;
  readonly fileInfo: {
    readonly metadata: { readonly tokenizer?: { readonly ggml?: { readonly tokens?: readonly string[] } } };
  };
  createContext(options: {
    contextSize: number;
    batchSize: number;
    flashAttention: false;
    experimentalKvCacheKeyType: "F32";
    experimentalKvCacheValueType: "F32";
  }): Promise<{ getSequence(): LlamaSequence; dispose(): Promise<void> }>;
}

export interface LlamaSequence {
  clearHistory(): Promise<void>;
  /** Reads tokens; for those that ask, what the model expects next. */
  controlledEvaluate(input: [token: number, options: { generateNext: Wanted }][]): Promise<(Expected | undefined)[]>;
}

interface Wanted {
  /** Logits of some tokens only. The package's includeMax adds the largest only where it is there already: includeSelected, which is greedy, does it. */
  readonly logits: { readonly filter: { tokens: readonly number[]; includeSelected: true; includeTop: number } };
  /** Σ exp(logit - largest logit). */
  readonly totalLogitWeight: true;
}

export interface Expected {
  readonly next: { readonly logits?: ReadonlyMap<number, number>; readonly totalLogitWeight?: number };
}

const PACKAGE = "node-llama-cpp";

/** Loads the optional package. @throws HeartcutError HC3305 if it is not installed or does not load */
export async function importLlamaPackage(): Promise<LlamaPackage> {
  try {
    // The name is a variable, so that neither compiler nor bundler asks for a package that may be absent.
    const name: string = PACKAGE;
    return (await import(name)) as LlamaPackage;
  } catch (error) {
    throw new HeartcutError(
      "HC3305",
      {
        what: "GGUF files need the package node-llama-cpp, which cannot be loaded",
        found: error instanceof Error ? error.message.split("\n")[0] : String(error),
        fix: "npm install node-llama-cpp@3   (prebuilt for Linux, macOS and Windows; nothing is compiled)",
      },
      { cause: error },
    );
  }
}

/** Starts llama.cpp for a device: prebuilt binaries only, nothing is downloaded or compiled. @throws HeartcutError HC3305, HC3306 */
export async function startLlama(
  device: DeviceChoice,
  threads: number | undefined,
  load: () => Promise<LlamaPackage>,
): Promise<Llama> {
  if (device === "webgpu")
    throw new HeartcutError("HC3306", {
      what: "llama.cpp does not run on webgpu",
      expected: "device auto, cpu or cuda",
      fix: "choose another device for this teacher",
    });
  const { getLlama } = await load();
  try {
    return await getLlama({
      gpu: device === "cpu" ? false : device,
      build: "never",
      progressLogs: false,
      logLevel: "error",
      ...(threads !== undefined && { maxThreads: threads }),
    });
  } catch (error) {
    throw new HeartcutError(
      "HC3306",
      {
        what: `llama.cpp does not start on ${device}`,
        found: error instanceof Error ? error.message.split("\n")[0] : String(error),
        fix: "npm rebuild node-llama-cpp, or device: cpu",
      },
      { cause: error },
    );
  }
}
