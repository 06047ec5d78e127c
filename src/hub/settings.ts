import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { HeartcutError } from "../errors.ts";
import { guarded, isMissing } from "../formats/file_system.ts";
import { quoted } from "../formats/strict_json.ts";

/** How the hub is reached and where its files are kept. */
export interface HubSettings {
  /** Origin (and path) of the hub, without a slash at the end. */
  endpoint: string;
  /** Sent to the endpoint alone, and never shown. */
  token: string | undefined;
  /** Folder of the standard cache, shared with Python's huggingface_hub. */
  cache: string;
  /** Use the cache alone. */
  offline: boolean;
  /** Link snapshots to blobs; without it, files lie in the snapshots themselves. */
  symlinks: boolean;
  /** Longest silence of the server, in milliseconds. */
  silenceMs: number;
  /** Attempts of a request that fails for a reason that may pass; downloads count from the last byte received. */
  attempts: number;
  /** Pause before the second attempt, in milliseconds; it doubles from attempt to attempt, with jitter. */
  pauseMs: number;
  /** Longest pause a server may ask for, in milliseconds. */
  longestPauseMs: number;
}

const DEFAULT_ENDPOINT = "https://huggingface.co";

/**
 * Settings from the environment, with the names and defaults of huggingface_hub: HF_ENDPOINT, HF_TOKEN (or the token file that
 * `hf auth login` writes), HF_HUB_CACHE, HF_HOME, XDG_CACHE_HOME, HF_HUB_OFFLINE, HF_HUB_DISABLE_SYMLINKS, HF_HUB_DOWNLOAD_TIMEOUT.
 * @param own - what the caller sets itself
 * @throws HeartcutError HC1609 for a variable that cannot be used
 */
export async function hubSettings(
  own: Partial<HubSettings> = {},
  environment: NodeJS.ProcessEnv = process.env,
): Promise<HubSettings> {
  const home = folder(environment.HF_HOME) ?? join(folder(environment.XDG_CACHE_HOME) ?? defaultCache(), "huggingface");
  const cache = folder(environment.HF_HUB_CACHE) ?? folder(environment.HUGGINGFACE_HUB_CACHE) ?? join(home, "hub");
  return {
    silenceMs: seconds("HF_HUB_DOWNLOAD_TIMEOUT", environment) ?? 30_000,
    attempts: 5,
    pauseMs: 1000,
    longestPauseMs: 300_000,
    symlinks: !isOn(environment.HF_HUB_DISABLE_SYMLINKS),
    ...own,
    endpoint: checkedEndpoint(own.endpoint ?? (environment.HF_ENDPOINT || DEFAULT_ENDPOINT)),
    token: "token" in own ? own.token : await findToken(home, environment),
    cache: own.cache ?? cache,
    offline: own.offline ?? isOn(environment.HF_HUB_OFFLINE || environment.TRANSFORMERS_OFFLINE),
  };
}

function defaultCache(): string {
  return join(homedir(), ".cache");
}

function folder(value: string | undefined): string | undefined {
  if (value === undefined || value === "") return undefined;
  return resolve(value.replace(/^~(?=\/|$)/, homedir()));
}

function isOn(value: string | undefined): boolean {
  return /^(1|on|yes|true)$/i.test(value ?? "");
}

function seconds(name: string, environment: NodeJS.ProcessEnv): number | undefined {
  const text = environment[name];
  if (text === undefined || text === "") return undefined;
  const value = Number(text);
  if (!(value > 0)) throw unusable(name, quoted(text), "a number of seconds above 0");
  return value * 1000;
}

function checkedEndpoint(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const plain = url !== undefined && url.search === "" && url.hash === "";
  if (!plain || !/^https?:$/.test(url.protocol) || url.username !== "" || url.password !== "")
    throw unusable("HF_ENDPOINT", quoted(text.replace(/\/\/[^/]*@/, "//…@")), "an address like https://huggingface.co");
  return text.replace(/\/+$/, "");
}

async function findToken(home: string, environment: NodeJS.ProcessEnv): Promise<string | undefined> {
  for (const name of ["HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"]) {
    const token = environment[name]?.trim();
    if (token) return checkedToken(token, name);
  }
  if (isOn(environment.HF_HUB_DISABLE_IMPLICIT_TOKEN)) return undefined;
  const path = folder(environment.HF_TOKEN_PATH) ?? join(home, "token");
  try {
    const token = (await guarded(path, "nothing was changed", () => readFile(path, "utf8"))).trim();
    return token === "" ? undefined : checkedToken(token, path);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

function checkedToken(token: string, where: string): string {
  if (/^[\x21-\x7e]{1,4096}$/.test(token)) return token;
  throw unusable(where, "white space or characters that no token holds", "a token, alone on one line");
}

function unusable(where: string, found: string, expected: string): HeartcutError {
  return new HeartcutError("HC1609", {
    what: "a setting of the Hugging Face hub cannot be used",
    where,
    found,
    expected,
    fix: "correct it, or remove it to get the default",
  });
}
