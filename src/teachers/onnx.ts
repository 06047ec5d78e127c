import { basename, dirname } from "node:path";
import type { TopLogProbs } from "../distill/record.ts";
import { HeartcutError } from "../errors.ts";
import { float16ToFloat32 } from "../formats/float_conversion.ts";
import { inputInsideRoot } from "../formats/paths.ts";
import { sha256File } from "../formats/publish.ts";
import { BATCH_TOKENS } from "../models/batch.ts";
import { checkpointSignal } from "../progress.ts";
import { resolveDevice } from "../runtime/device.ts";
import { ExportedDecoder, externalFilesOf, readOnnxFile } from "../runtime/exported.ts";
import { byDocument, joinNll, joinTop } from "./documents.ts";
import { fingerprintOf } from "./fingerprint.ts";
import { logSumExp, topOfLogits } from "./log_probs.ts";
import type { Teacher, TeacherContext } from "./record.ts";
import { checkSequences, checkTopK } from "./sequences.ts";

/** Largest tensor of logits, [B,T,V], in bytes: these graphs give them all. */
const LOGITS_BYTES = 256 * 2 ** 20;

/**
 * A decoder exported to ONNX elsewhere (optimum, onnxruntime-genai): run as it is, whole sequences without a cache.
 * @throws HeartcutError HC1004, HC1007 for files missing or outside its folder, HC3330 and HC3331 for a file or graph that cannot be used,
 *   HC3319 if its context length is not given
 */
export async function openOnnxTeacher(
  spec: { onnx: string; contextLength?: number | undefined },
  context: TeacherContext = {},
): Promise<Teacher> {
  const { onnx: path } = spec;
  const { batchTokens = BATCH_TOKENS, threads, stage } = context;
  const device = resolveDevice(context.device ?? "auto");
  const bytes = await readOnnxFile(path);
  const external = externalFilesOf(bytes, path).map((name) => inputInsideRoot(dirname(path), name));
  const hashes = [];
  for (const file of [path, ...external]) hashes.push({ name: basename(file), ...(await sha256File(file)) });
  const decoder = await ExportedDecoder.open(path, { device, threads });
  const { vocabSize } = decoder;
  const contextLength = spec.contextLength ?? decoder.places;
  if (contextLength === undefined) {
    await decoder.dispose();
    throw new HeartcutError("HC3319", {
      what: "the ONNX file does not say how much text its model may read",
      where: path,
      expected: "contextLength",
      fix: "add contextLength: max_position_embeddings of the model's config.json",
    });
  }
  const limits = { name: path, vocabSize, maxTokens: Math.min(contextLength, decoder.places ?? contextLength) + 1 };

  /** Calls `take` with the logits behind each id but the last, sequences of similar length together. */
  const readAll = async (
    sequences: readonly Int32Array[],
    take: (sequence: number, t: number, logits: Float32Array) => void,
  ) => {
    const most = Math.max(1, Math.min(batchTokens, Math.floor(LOGITS_BYTES / (4 * vocabSize))));
    const order = sequences.map((_, i) => i).sort((a, b) => sequences[a]!.length - sequences[b]!.length || a - b);
    const places = (i: number) => decoder.places ?? sequences[i]!.length - 1;
    const mostRows = decoder.rows ?? order.length;
    for (let start = 0; start < order.length; ) {
      let end = start + 1;
      while (end < order.length && end - start < mostRows && places(order[end]!) * (end + 1 - start) <= most) end++;
      if (stage !== undefined) await checkpointSignal(stage);
      const rows = order.slice(start, end);
      const T = places(rows.at(-1)!);
      const logits = asFloat32(
        await decoder.logits(
          rows.map((i) => sequences[i]!.subarray(0, -1)),
          T,
        ),
      );
      for (const [row, i] of rows.entries())
        for (let t = 0; t < sequences[i]!.length - 1; t++) {
          const at = (row * T + t) * vocabSize;
          take(i, t, logits.subarray(at, at + vocabSize));
        }
      start = end;
    }
  };
  const logZOf = (logits: Float32Array): number => {
    const logZ = logSumExp(logits);
    if (Number.isFinite(logZ)) return logZ;
    throw new HeartcutError("HC3332", {
      what: "the exported model gives logits that are no numbers",
      where: path,
      found: String(logZ),
      why: "one such value would spoil the rank of its instance",
      fix: "export in float32 (half precision may overflow)",
    });
  };
  let disposed: Promise<void> | undefined;
  return {
    ...limits,
    fingerprint: fingerprintOf(["onnx", hashes, device]),
    async tokenNll(sequences, options) {
      checkSequences(limits, sequences);
      const ask = async (parts: readonly Int32Array[]) => {
        const nll = parts.map((ids) => new Float32Array(ids.length - 1));
        await readAll(parts, (i, t, logits) => {
          nll[i]![t] = logZOf(logits) - logits[parts[i]![t + 1]!]!;
        });
        return nll;
      };
      return byDocument(sequences, options?.eosId, ask, joinNll);
    },
    async topLogProbs(sequences, { k, eosId }) {
      checkTopK(limits, k);
      checkSequences(limits, sequences);
      const ask = async (parts: readonly Int32Array[]) => {
        const all: TopLogProbs[] = parts.map((ids) => ({
          ids: new Int32Array((ids.length - 1) * k),
          logProbs: new Float32Array((ids.length - 1) * k),
        }));
        await readAll(parts, (i, t, logits) => {
          const { ids, logProbs } = all[i]!;
          const [first, last] = [t * k, (t + 1) * k];
          topOfLogits(logits, logZOf(logits), ids.subarray(first, last), logProbs.subarray(first, last));
        });
        return all;
      };
      return byDocument(sequences, eosId, ask, joinTop);
    },
    dispose() {
      disposed ??= decoder.dispose();
      return disposed;
    },
  };
}

function asFloat32(logits: Float32Array | Uint16Array): Float32Array {
  if (logits instanceof Float32Array) return logits;
  const wide = new Float32Array(logits.length);
  float16ToFloat32(logits, wide);
  return wide;
}
