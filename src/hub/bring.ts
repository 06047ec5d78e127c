import type { StageContext } from "../progress.ts";
import { type Downloaded, type DownloadOptions, downloadFiles, downloadModel } from "./download.ts";
import type { ModelPart } from "./model_files.ts";
import { resolveSource } from "./reference.ts";

/** What a source is used as: it decides which files are brought. */
export type SourceUse = ModelPart | "files";

/** Where a source lies on this machine. */
export interface LocalSource {
  path: string;
  /** What was downloaded, for a source on the hub. */
  hub?: Downloaded;
}

/**
 * The local path of a model, tokenizer or data: a path stays as it is, a reference (hf://…) is brought into the cache first.
 * @throws HeartcutError HC16xx as resolveSource and downloadModel
 */
export async function bringHere(
  text: string,
  use: SourceUse,
  options: DownloadOptions,
  context: StageContext,
): Promise<LocalSource> {
  const source = resolveSource(text);
  if (source.kind === "local") return { path: source.path };
  const hub =
    use === "files"
      ? await downloadFiles(source, options, context)
      : await downloadModel(source, { ...options, part: use }, context);
  return { path: hub.path, hub };
}
