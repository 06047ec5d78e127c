import type { TopLogProbs } from "../distill/record.ts";
import { HeartcutError } from "../errors.ts";
import { sha256File } from "../formats/publish.ts";
import { checkpointSignal } from "../progress.ts";
import { byDocument, joinNll, joinTop } from "./documents.ts";
import { fingerprintOf } from "./fingerprint.ts";
import { checkGgufHeader, requireGgufVocabulary } from "./gguf_file.ts";
import { type Expected, importLlamaPackage, type LlamaModel, type LlamaPackage, startLlama } from "./llama_cpp.ts";
import type { Teacher, TeacherContext } from "./record.ts";
import { checkSequences, checkTopK } from "./sequences.ts";
import { Turns } from "./turns.ts";

/** The package keeps some places of a context for itself, and shifts what was read before it uses them. */
const SPARE_PLACES = 8;

/**
 * A GGUF file, run in this process by llama.cpp. Ids are those of the file's own vocabulary. Keys and values are kept in
 * float32: in llama.cpp's default float16 the NLLs of a 260k model are off by 5e-3, so by 1e-5.
 * @param load - where the package comes from
 * @throws HeartcutError HC3305 without the package, HC3306 for a file or device it refuses, HC3307 for another tokenizer's vocabulary
 */
export async function openGgufTeacher(
  spec: { gguf: string; contextLength?: number | undefined },
  context: TeacherContext = {},
  load: () => Promise<LlamaPackage> = importLlamaPackage,
): Promise<Teacher> {
  const { gguf: path } = spec;
  const { device = "auto", threads, tokenizer, stage } = context;
  await checkGgufHeader(path);
  const llama = await startLlama(device, threads, load);
  try {
    const model = await llama.loadModel({ modelPath: path, checkTensors: true }).catch((error: unknown) => {
      throw refused(path, error);
    });
    const tokens = vocabularyOf(model, path);
    if (tokenizer !== undefined) requireGgufVocabulary(tokens, tokenizer, path);
    const contextLength = spec.contextLength ?? model.trainContextSize;
    const engine = await model
      .createContext({
        contextSize: contextLength + SPARE_PLACES,
        batchSize: contextLength + SPARE_PLACES,
        flashAttention: false,
        experimentalKvCacheKeyType: "F32",
        experimentalKvCacheValueType: "F32",
      })
      .catch((error: unknown) => {
        throw refused(path, error);
      });
    const sequence = engine.getSequence();
    const limits = { name: path, vocabSize: tokens.length, maxTokens: contextLength + 1 };
    /** What is expected behind each id but the last. */
    const read = async (ids: Int32Array, top: number, target: boolean): Promise<Expected[]> => {
      if (stage !== undefined) await checkpointSignal(stage);
      await sequence.clearHistory();
      const answer = await sequence.controlledEvaluate(
        Array.from(ids.subarray(0, -1), (id, t) => {
          const filter = { tokens: target ? [ids[t + 1]!] : [], includeSelected: true as const, includeTop: top };
          return [id, { generateNext: { logits: { filter }, totalLogitWeight: true as const } }];
        }),
      );
      return Array.from({ length: ids.length - 1 }, (_, t) => answer[t] ?? { next: {} });
    };
    // One sequence of the engine serves all calls: they take turns.
    const turns = new Turns();
    const each = <T>(sequences: readonly Int32Array[], ask: (ids: Int32Array) => Promise<T>) =>
      turns.take(async () => {
        const answers: T[] = [];
        for (const ids of sequences) answers.push(await ask(ids));
        return answers;
      });
    let disposed: Promise<void> | undefined;
    return {
      ...limits,
      fingerprint: fingerprintOf(["gguf", (await sha256File(path)).sha256, device]),
      async tokenNll(sequences, options) {
        checkSequences(limits, sequences);
        const ask = async (ids: Int32Array) => nllOf(await read(ids, 0, true), ids, path);
        return byDocument(sequences, options?.eosId, (parts) => each(parts, ask), joinNll);
      },
      async topLogProbs(sequences, { k, eosId }) {
        checkTopK(limits, k);
        checkSequences(limits, sequences);
        const ask = async (ids: Int32Array) => topOf(await read(ids, k, false), k, path);
        return byDocument(sequences, eosId, (parts) => each(parts, ask), joinTop);
      },
      dispose() {
        disposed ??= turns.take(() => llama.dispose());
        return disposed;
      },
    };
  } catch (error) {
    await llama.dispose();
    throw error;
  }
}

function nllOf(expected: readonly Expected[], ids: Int32Array, path: string): Float32Array {
  return Float32Array.from(expected, (place, t) => {
    const { logits, logZ } = distribution(place, path);
    const logit = logits.get(ids[t + 1]!);
    if (logit === undefined) throw noDistribution(path);
    return logZ - logit;
  });
}

function topOf(expected: readonly Expected[], k: number, path: string): TopLogProbs {
  const top: TopLogProbs = {
    ids: new Int32Array(expected.length * k),
    logProbs: new Float32Array(expected.length * k),
  };
  for (const [t, place] of expected.entries()) {
    const { logits, logZ } = distribution(place, path);
    const best = [...logits].sort(([a, x], [b, y]) => y - x || a - b);
    if (best.length < k) throw noDistribution(path);
    for (let i = 0; i < k; i++) {
      top.ids[t * k + i] = best[i]![0];
      top.logProbs[t * k + i] = best[i]![1] - logZ;
    }
  }
  return top;
}

/** Logits of one place and the logarithm of the sum of all exponentials. */
function distribution({ next: { logits, totalLogitWeight } }: Expected, path: string) {
  if (logits === undefined || logits.size === 0 || totalLogitWeight === undefined) throw noDistribution(path);
  const logZ = Math.max(...logits.values()) + Math.log(totalLogitWeight);
  if (!Number.isFinite(logZ)) throw noDistribution(path);
  return { logits, logZ };
}

function vocabularyOf(model: LlamaModel, path: string): readonly string[] {
  const tokens = model.fileInfo.metadata.tokenizer?.ggml?.tokens;
  if (tokens !== undefined && tokens.length > 0) return tokens;
  throw new HeartcutError("HC3306", {
    what: "the GGUF file has no vocabulary",
    where: path,
    expected: "tokenizer.ggml.tokens",
    fix: "convert the model again with its tokenizer beside it",
  });
}

function refused(path: string, error: unknown): HeartcutError {
  return new HeartcutError(
    "HC3306",
    {
      what: "llama.cpp cannot use this GGUF file",
      where: path,
      found: error instanceof Error ? error.message.split("\n")[0] : String(error),
      fix: "check that the file is whole, that its architecture is known to this llama.cpp, and that memory suffices (contextLength)",
    },
    { cause: error },
  );
}

function noDistribution(path: string): HeartcutError {
  return new HeartcutError("HC3306", {
    what: "llama.cpp gave no probabilities for a token",
    where: path,
    expected: "finite logits at every place",
    why: "a damaged or overflowing model would be copied into every record",
    fix: "check the file (another quantisation may do), or use the model's own safetensors",
  });
}
