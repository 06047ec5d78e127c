import { HeartcutError } from "../../errors.ts";
import type { EndpointSpec } from "../spec.ts";
import { type Dialect, optional, type ServerFacts } from "./dialect.ts";
import { llamaServer } from "./dialects/llama_server.ts";
import { openai } from "./dialects/openai.ts";
import { sglang } from "./dialects/sglang.ts";
import { vllm } from "./dialects/vllm.ts";
import type { HttpClient } from "./http.ts";
import { checkStatus } from "./status.ts";

const DIALECTS: Readonly<Record<Dialect["name"], Dialect>> = { vllm, sglang, openai, "llama-server": llamaServer };
/** What servers write into `owned_by` of the models they list. */
const OWNERS: Readonly<Record<string, Dialect>> = { vllm, sglang, llamacpp: llamaServer };

/**
 * Finds out what a server speaks and which model is meant.
 * @throws HeartcutError HC3315 if nothing it says is known, HC3319 if it serves several models and none is named, or not that one;
 *   HttpTrouble, and as checkStatus
 */
export async function detectServer(
  client: HttpClient,
  spec: EndpointSpec,
  signal?: AbortSignal,
): Promise<{ dialect: Dialect; facts: ServerFacts }> {
  const models = optional(await pageOf(client, "/v1/models", signal), "data");
  if (Array.isArray(models) && models.length > 0) {
    const card = cardOf(models, spec, client.name);
    const owner = String(optional(card, "owned_by"));
    const dialect = spec.dialect === "auto" ? (OWNERS[owner] ?? openai) : DIALECTS[spec.dialect];
    const model = spec.model ?? String(optional(card, "id"));
    const number = (...path: string[]) => {
      const value = optional(card, ...path);
      return typeof value === "number" && Number.isInteger(value) && value > 0 ? value : undefined;
    };
    const root = optional(card, "root");
    return {
      dialect,
      facts: {
        model,
        root: typeof root === "string" ? root : undefined,
        contextLength: number("max_model_len") ?? number("meta", "n_ctx"),
        vocabSize: number("meta", "n_vocab"),
      },
    };
  }
  // SGLang without its OpenAI layer, and llama-server behind a proxy that passes on its own paths only.
  const root = optional(await pageOf(client, "/get_model_info", signal), "model_path");
  if (typeof root === "string" && allows(spec, "sglang"))
    return { dialect: sglang, facts: { model: spec.model ?? root, root } };
  const props = await pageOf(client, "/props", signal);
  if (optional(props, "default_generation_settings") !== undefined && allows(spec, "llama-server"))
    return { dialect: llamaServer, facts: { model: spec.model ?? String(optional(props, "model_path") ?? "default") } };
  if (spec.dialect !== "auto" && spec.model !== undefined)
    return { dialect: DIALECTS[spec.dialect], facts: { model: spec.model } };
  throw new HeartcutError("HC3315", {
    what: "the server speaks no dialect that is known here",
    where: client.name,
    found: "no list of models at /v1/models, nothing at /get_model_info and /props",
    expected: `one of ${Object.keys(DIALECTS).join(", ")}`,
    fix: "check the address; or say what it is: dialect: … and model: …",
  });
}

const allows = (spec: EndpointSpec, name: Dialect["name"]) => spec.dialect === "auto" || spec.dialect === name;

/** The model that is meant, among those the server lists. */
function cardOf(models: readonly unknown[], { model }: EndpointSpec, server: string): unknown {
  const ids = models.map((card) => String(optional(card, "id")));
  const at = model === undefined ? (models.length === 1 ? 0 : -1) : ids.indexOf(model);
  if (at >= 0) return models[at];
  throw new HeartcutError("HC3319", {
    what: model === undefined ? "the server has several models" : "the server does not have this model",
    where: server,
    found: ids.slice(0, 20).join(", "),
    ...(model !== undefined && { expected: model }),
    fix: "set model to one of those names",
  });
}

/** JSON of a page of the server, undefined where it has none. */
async function pageOf(client: HttpClient, path: string, signal?: AbortSignal): Promise<unknown> {
  const answer = await client.get(path, signal);
  checkStatus(client, answer);
  if (answer.status !== 200) return undefined;
  try {
    return JSON.parse(answer.text) as unknown;
  } catch {
    return undefined;
  }
}
