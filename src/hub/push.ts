import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { commitIter, createBranch, createRepo, HubApiError } from "@huggingface/hub";
import { HeartcutError, InternalError, Interrupted, printable } from "../errors.ts";
import type { StageContext } from "../progress.ts";
import { HubClient } from "./client.ts";
import { finishedModelFiles, type ModelFile } from "./finished_model.ts";
import { answered, askFiles, askRepository, type HubFile } from "./listing.ts";
import { isWeightsFile } from "./model_files.ts";
import { COMMIT, checkRepositoryName, checkRevision, type HubReference } from "./reference.ts";
import { type HubSettings, hubSettings } from "./settings.ts";

/** How a model is pushed. */
export interface PushOptions {
  /** Whether all the world may see it; false without it. */
  public?: boolean;
  /** Branch; "main" without it. It is made from main where it is missing. */
  revision?: string;
  /** Title of the commit. */
  message?: string;
  /** Tells what would be sent without asking the hub anything: no token, no network. */
  dryRun?: boolean;
  /** What is to differ from the environment's settings. */
  settings?: Partial<HubSettings>;
}

/** What becomes of one file of the repository. */
export interface PushedFile {
  name: string;
  bytes: number;
  /**
   * delete: weights of an earlier push under names that the model no longer has, which would be loaded in place of the new ones;
   * unknown: in a dry run, sent unless it is there already.
   */
  change: "new" | "changed" | "unchanged" | "delete" | "unknown";
}

/** What was done, or as far as can be said without the hub would be. */
export interface PushResult {
  /** Page of the model. */
  url: string;
  repository: string;
  revision: string;
  visibility: "private" | "public";
  /** Whether the repository was not there before; null in a dry run. */
  created: boolean | null;
  files: PushedFile[];
  /** README.md. */
  card: string;
  /** The commit that holds the files; null in a dry run. */
  commit: string | null;
}

/**
 * Uploads a finished model to the Hugging Face hub: model card, config, weights, tokenizer, generation_config.json, training.json,
 * in one commit, and only what differs from what is there. The repository is made where it is missing, private unless asked otherwise.
 * @param repository - owner/name
 * @throws HeartcutError HC1601 (name), HC1602-HC1604, HC1608, HC1609 as downloadModel, HC1606 (offline), HC1610 (no finished model),
 *   HC1611 (visibility differs), HC1612 (no token, or the upload failed); Interrupted
 */
export async function pushModel(
  folder: string,
  repository: string,
  options: PushOptions,
  context: StageContext,
): Promise<PushResult> {
  checkRepositoryName(repository);
  const revision = options.revision ?? "main";
  checkRevision(revision);
  if (COMMIT.test(revision))
    throw new HeartcutError("HC1601", {
      what: "a model cannot be pushed to a commit",
      found: revision,
      expected: "the name of a branch",
      fix: "name a branch with --revision, or leave it out for main",
    });
  const settings = await hubSettings(options.settings);
  if (options.dryRun !== true) checkOnline(settings, repository);
  const files = await finishedModelFiles(folder);
  const visibility = options.public === true ? "public" : "private";
  const asked = {
    url: `${settings.endpoint}/${repository}`,
    repository,
    revision,
    visibility,
    card: await readFile(join(folder, "README.md"), "utf8"),
  } as const;
  if (options.dryRun === true) {
    const unknown = files.map(({ name, bytes }): PushedFile => ({ name, bytes, change: "unknown" }));
    return { ...asked, created: null, files: unknown, commit: null };
  }
  const token = writingToken(settings, repository);
  const reference: HubReference = { type: "model", name: repository, revision, path: "" };
  const client = new HubClient(settings, reference, context);
  try {
    const there = await lookAt(client, repository, revision);
    checkVisibility(client, there.repository, visibility);
    const changes = compare(files, there.files);
    const result: PushResult = {
      ...asked,
      created: there.repository === undefined,
      files: changes,
      commit: there.branch?.commit ?? null,
    };
    if (changes.every(({ change }) => change === "unchanged")) return result;
    const parent = await prepare(client, token, reference, there, visibility);
    return { ...result, commit: await send(client, folder, reference, changes, parent, options.message) };
  } finally {
    await client.close();
  }
}

/** What the hub has under the name now. */
interface There {
  repository: { private: boolean } | undefined;
  branch: { commit: string } | undefined;
  files: HubFile[];
}

async function lookAt(client: HubClient, name: string, revision: string): Promise<There> {
  const model = { type: "model", name } as const;
  const repository = await unlessMissing(() => askRepository(client, model, "main"));
  if (repository === undefined) return { repository, branch: undefined, files: [] };
  const branch = revision === "main" ? repository : await unlessMissing(() => askRepository(client, model, revision));
  // A new branch begins as main stands.
  const files = await askFiles(client, model, (branch ?? repository).commit);
  return { repository, branch, files };
}

/** Makes the repository and the branch where they are missing. @returns the commit that the push builds on */
async function prepare(
  client: HubClient,
  token: string,
  { name, revision }: HubReference,
  there: There,
  visibility: "private" | "public",
): Promise<string> {
  const call = { repo: { type: "model", name }, hubUrl: client.settings.endpoint, fetch: client.fetch } as const;
  if (there.repository === undefined)
    await answered(client, () => createRepo({ ...call, visibility, accessToken: token }));
  if (there.branch !== undefined) return there.branch.commit;
  if (revision !== "main") await answered(client, () => createBranch({ ...call, branch: revision }));
  return (await askRepository(client, { type: "model", name }, revision)).commit;
}

/** One commit of everything that differs. @returns its hash */
async function send(
  client: HubClient,
  folder: string,
  { name, revision }: HubReference,
  changes: readonly PushedFile[],
  parentCommit: string,
  message = "Upload model with heartcut",
): Promise<string> {
  const { context, settings } = client;
  const sent = changes.filter(({ change }) => change === "new" || change === "changed");
  const sizes = new Map(sent.map(({ name, bytes }) => [name, bytes]));
  const total = sent.reduce((sum, { bytes }) => sum + bytes, 0);
  const shares = new Map<string, number>();
  try {
    const commit = commitIter({
      repo: { type: "model", name },
      title: message,
      branch: revision,
      parentCommit,
      hubUrl: settings.endpoint,
      fetch: client.fetch,
      abortSignal: context.signal,
      operations: [
        ...sent.map(({ name: path }) => ({
          operation: "addOrUpdate" as const,
          path,
          content: pathToFileURL(join(folder, path)),
        })),
        ...changes
          .filter(({ change }) => change === "delete")
          .map(({ name: path }) => ({ operation: "delete" as const, path })),
      ],
    });
    for (;;) {
      const step = await commit.next();
      if (step.done === true) {
        const oid = step.value?.commit.oid;
        if (oid === undefined || !COMMIT.test(oid)) throw client.unexpected("a commit without its hash");
        context.report({ type: "progress", stage: context.stage, done: total, total, unit: "bytes" });
        return oid;
      }
      if (step.value.event !== "fileProgress" || step.value.state !== "uploading") continue;
      shares.set(step.value.path, step.value.progress);
      const done = [...shares].reduce((sum, [path, share]) => sum + share * (sizes.get(path) ?? 0), 0);
      context.report({ type: "progress", stage: context.stage, done: Math.round(done), total, unit: "bytes" });
    }
  } catch (error) {
    if (context.signal.aborted) throw new Interrupted(context.stage);
    if (error instanceof HeartcutError || error instanceof InternalError) throw error;
    throw uploadFailed(error, client);
  }
}

/** A file of the hub is what it was if its hash is: of the content for large files, of the git blob for others. */
function compare(files: readonly ModelFile[], there: readonly HubFile[]): PushedFile[] {
  const remote = new Map(there.map((file) => [file.path, file]));
  const changes = files.map(({ name, bytes, sha256, gitSha1 }): PushedFile => {
    const same = remote.get(name);
    if (same === undefined) return { name, bytes, change: "new" };
    const equal = same.sha256 === undefined ? same.gitSha1 === gitSha1 : same.sha256 === sha256;
    return { name, bytes, change: equal ? "unchanged" : "changed" };
  });
  const names = new Set(files.map(({ name }) => name));
  const stale = there.filter(({ path }) => isWeightsFile(path) && !names.has(path));
  return [...changes, ...stale.map(({ path, bytes }): PushedFile => ({ name: path, bytes, change: "delete" }))];
}

function checkOnline({ offline }: HubSettings, repository: string): void {
  if (!offline) return;
  throw new HeartcutError("HC1606", {
    what: "a model cannot be pushed offline",
    where: repository,
    fix: "leave out --offline, or set HF_HUB_OFFLINE=0; --dry-run works offline",
  });
}

function writingToken(settings: HubSettings, repository: string): string {
  const { token } = settings;
  if (token === undefined || !token.startsWith("hf_"))
    throw new HeartcutError("HC1612", {
      what: "pushing needs a token that may write",
      where: repository,
      found: token === undefined ? "no token" : "a token that does not begin with hf_",
      fix: `make one at ${settings.endpoint}/settings/tokens , then run \`hf auth login\` or set HF_TOKEN`,
    });
  return token;
}

/** Nothing becomes public, or stays private, without its owner having said so. */
function checkVisibility(
  client: HubClient,
  there: { private: boolean } | undefined,
  wanted: "private" | "public",
): void {
  if (there === undefined || there.private === (wanted === "private")) return;
  throw new HeartcutError("HC1611", {
    what: there.private ? "--public has no effect: the repository is private" : "the repository is public",
    where: client.asked.page,
    why: there.private ? undefined : "everybody would see the model",
    fix: there.private
      ? `leave it out, or make the repository public at ${client.asked.page}/settings`
      : "add --public if that is meant, or push to another repository",
  });
}

/** What a question about the hub answers; undefined if the thing asked about is not there. */
async function unlessMissing<T>(ask: () => Promise<T>): Promise<T | undefined> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof HeartcutError && error.code === "HC1602") return undefined;
    throw error;
  }
}

function uploadFailed(error: unknown, client: HubClient): HeartcutError {
  const status = error instanceof HubApiError ? `status ${error.statusCode}: ` : "";
  return new HeartcutError(
    "HC1612",
    {
      what: "the upload failed",
      where: client.asked.page,
      found: printable(`${status}${(error as Error).message}`).slice(0, 300),
      why: "no commit was made: the repository is as it was",
      fix: "run the same command again: what has arrived is not sent a second time",
    },
    { cause: error },
  );
}
