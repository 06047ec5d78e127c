import { HeartcutError } from "../errors.ts";
import { readJsonFile } from "../formats/json_file.ts";
import { defaultLimits } from "../formats/limits.ts";
import { SHARD_INDEX, SINGLE_FILE } from "../formats/safetensors_header.ts";

/** Tokenizers: tokenizer.json and its neighbours, and the files that slower tokenizers are made of. */
const TOKENIZER =
  /^(tokenizer[\w.-]*\.json(\.gz)?|special_tokens_map\.json|added_tokens\.json|chat_template\.jinja|vocab\.(json|txt)|merges\.txt|(tokenizer|spiece|sentencepiece[\w.-]*)\.model)$/;
const CONFIGS = ["config.json", "generation_config.json", "README.md"];
const WEIGHTS = /^model(-[0-9]+-of-[0-9]+)?\.safetensors$/;
/** Weights that running them may do anything at all, or that belong to other frameworks. */
const OTHER_WEIGHTS = /\.(bin|pt|pth|ckpt|pkl|pickle|h5|msgpack|ot|gguf|onnx)$/;

/** What is wanted of a model: all that it is used with, or the tokenizer (and config.json, which names special tokens). */
export type ModelPart = "model" | "tokenizer";

/** Whether a file of a model's folder belongs to its tokenizer. */
export function isTokenizerFile(name: string): boolean {
  return TOKENIZER.test(name);
}

/** Whether a name is one that weights and their index have. */
export function isWeightsFile(name: string): boolean {
  return name === SHARD_INDEX || WEIGHTS.test(name);
}

/**
 * Names of the files that are read of a model, weights only as safetensors: model.safetensors, or the index whose shards are then
 * to be asked for. @param names - files of the model's folder   @param where - the reference, for messages
 * @throws HeartcutError HC1607 if this is no model that can be read
 */
export function neededFiles(names: readonly string[], part: ModelPart, where: string): string[] {
  const tokenizer = names.filter(isTokenizerFile);
  if (part === "tokenizer") {
    if (tokenizer.length === 0) throw unusable(where, "no tokenizer.json", "name a repository with a fast tokenizer");
    return [...names.filter((name) => name === "config.json"), ...tokenizer];
  }
  if (!names.includes("config.json")) {
    const others = names.filter((name) => /\.(gguf|onnx)$/.test(name));
    const fix =
      others.length === 0
        ? "name a model that transformers opens"
        : `name the file itself: …/${others[0]}, where a GGUF or ONNX teacher is taken`;
    throw unusable(where, "no config.json", fix);
  }
  const weights = names.includes(SINGLE_FILE) ? SINGLE_FILE : names.includes(SHARD_INDEX) ? SHARD_INDEX : undefined;
  if (weights === undefined) {
    const others = names.filter((name) => OTHER_WEIGHTS.test(name));
    throw unusable(
      where,
      others.length === 0 ? "no weights" : `weights in another form only: ${others.slice(0, 4).join(", ")}`,
      "use a revision that has safetensors (often refs/pr/N of the hub's conversion bot), or convert them with save_pretrained of transformers",
      "pickled weights can run any program when they are opened, so they are not read",
    );
  }
  return [...names.filter((name) => CONFIGS.includes(name)), ...tokenizer, weights];
}

/** Names of the shards in an index. @throws HeartcutError HC1607 for an index without them, HC1020 for one that is no JSON */
export async function shardsOf(index: string, where: string): Promise<string[]> {
  const json = await readJsonFile(index, { maxDepth: 4, maxMembers: defaultLimits.safetensorsTensors });
  const map = json !== null && typeof json === "object" && !Array.isArray(json) ? json.weight_map : undefined;
  const shards = map !== null && typeof map === "object" && !Array.isArray(map) ? new Set(Object.values(map)) : [];
  const names = [...shards].filter((name) => typeof name === "string" && /^[\w.-]+\.safetensors$/.test(name));
  if (names.length === 0 || names.length < [...shards].length)
    throw unusable(where, `${SHARD_INDEX} names no shards of safetensors`, "name another revision");
  return (names as string[]).sort();
}

function unusable(where: string, found: string, fix: string, why?: string): HeartcutError {
  return new HeartcutError("HC1607", {
    what: "there is no model here that can be used",
    where,
    found,
    expected: "config.json, weights as safetensors, tokenizer.json",
    why,
    fix,
  });
}
