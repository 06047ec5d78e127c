import { type Embedder, meanPooled } from "../analyze/embedding.ts";
import { loadModel } from "../models/load.ts";
import type { DeviceChoice } from "../runtime/device.ts";
import { describeModelFolder, fingerprintOf } from "../teachers/fingerprint.ts";

/** A model whose hidden states texts are compared by; none without a folder. */
export interface OpenEmbedder {
  readonly embedder: Embedder | undefined;
  dispose(): Promise<void>;
}

/** Opens a Hugging Face folder as an embedder. @throws HeartcutError as loadModel */
export async function openEmbedder(folder: string | undefined, device: DeviceChoice): Promise<OpenEmbedder> {
  if (folder === undefined) return { embedder: undefined, dispose: async () => {} };
  const model = await loadModel(folder, { device });
  const fingerprint = fingerprintOf(["mean-pooled", await describeModelFolder(folder), model.device]);
  return {
    embedder: { fingerprint, embed: (instances) => meanPooled(model, instances) },
    dispose: () => model.dispose(),
  };
}
