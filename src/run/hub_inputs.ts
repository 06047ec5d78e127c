import { basename, dirname, join, resolve } from "node:path";
import type { SourceUse } from "../hub/bring.ts";
import { formatReference, type HubReference, repositoryPath, resolveSource } from "../hub/reference.ts";
import type { HubSettings } from "../hub/settings.ts";
import type { RunContext } from "./execute.ts";

/** Where something that was named by reference lies, and what it is called. */
export interface Place {
  /** On this machine. */
  path: string;
  /** The reference with the commit in its revision's place: for ever the same content. */
  reference: string;
  /** owner/name and the path in it: what records call it, whatever the commit and the machine. */
  name: string;
}

/**
 * Brings what is named by reference (hf://…) onto this machine, for one command or run. A revision of a repository is the same
 * commit throughout, even if the branch moves on meanwhile; each reference is told with its commit when it is there.
 */
export class HubInputs {
  private readonly commits = new Map<string, string>();

  /** @param settings - what is to differ from the environment's */
  constructor(
    private readonly settings: Partial<HubSettings>,
    private readonly context: RunContext,
  ) {}

  /**
   * Makes a model, tokenizer, file, folder or pattern present. An ONNX file comes with the files of its weights, a GGUF file in
   * parts with all of them.
   * @returns undefined for a path of this machine   @throws HeartcutError HC16xx as bringHere; Interrupted
   */
  async bring(text: string, use: SourceUse): Promise<Place | undefined> {
    const source = resolveSource(text);
    if (source.kind === "local") return undefined;
    const { kind: _kind, ...reference } = source;
    const repository = repositoryPath(reference);
    const moving = `${repository}@${reference.revision}`;
    const pinned = { ...reference, revision: this.commits.get(moving) ?? reference.revision };
    const stage = formatReference(reference);
    this.context.report({ type: "stage", stage, status: "start" });
    const begin = performance.now();
    // The client takes a third of a second to load: commands without a reference do without.
    const { bringHere } = await import("../hub/bring.ts");
    const asked = use === "files" ? { ...pinned, path: withParts(pinned.path) } : pinned;
    const { path, hub } = await bringHere(
      formatReference(asked),
      use,
      { settings: this.settings },
      { stage, signal: this.context.signal, report: (event) => this.context.report(event) },
    );
    const { commit } = hub!;
    this.commits.set(moving, commit);
    const told = formatReference({ ...reference, revision: commit });
    const seconds = (performance.now() - begin) / 1000;
    this.context.report({ type: "stage", stage: told, status: "done", seconds });
    return {
      path: asked.path === reference.path ? path : join(dirname(path), basename(reference.path)),
      reference: told,
      name: nameOf(reference),
    };
  }
}

/** What a model or data is called by its path or reference, in a word: its folder or repository. */
export function shortName(text: string): string {
  const source = resolveSource(text);
  return basename(source.kind === "hub" ? nameOf(source) : resolve(source.path));
}

function nameOf({ name, path }: HubReference): string {
  return path === "" ? name : `${name}/${path}`;
}

/** A file's path as a pattern that takes in what belongs to it. */
function withParts(path: string): string {
  if (/\.onnx$/i.test(path)) return `${path}*`;
  return path.replace(/-\d{5}(-of-\d{5}\.gguf)$/i, "-?????$1");
}
