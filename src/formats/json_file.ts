import { HeartcutError } from "../errors.ts";
import { guarded, nodeFileSystem, readFully } from "./file_system.ts";
import { type Limits, withLimits } from "./limits.ts";
import { type JsonValue, parseStrictJson, type StrictJsonOptions } from "./strict_json.ts";

/**
 * Reads one JSON document under the limits on size and depth, strictly (see parseStrictJson).
 * @throws HeartcutError HC1004 (missing), HC1006 (over its limit), HC1020 (not UTF-8 or not valid JSON)
 */
export async function readJsonFile(
  path: string,
  options: { limits?: Partial<Limits> } & Partial<
    Pick<StrictJsonOptions, "maxDepth" | "maxMembers" | "wholeNumbers">
  > = {},
): Promise<JsonValue> {
  const limits = withLimits(options.limits);
  const text = await guarded(path, "nothing was changed", async () => {
    const file = await nodeFileSystem.open(path, "r");
    try {
      const { size } = await file.stat();
      if (size > limits.jsonBytes) {
        throw new HeartcutError("HC1006", {
          what: "JSON file is over its size limit",
          where: path,
          found: `${size} bytes`,
          expected: `at most ${limits.jsonBytes} bytes`,
          fix: "raise limits.jsonBytes if you trust the file",
        });
      }
      const bytes = new Uint8Array(size);
      return decode(bytes.subarray(0, await readFully(file, bytes, 0)), path);
    } finally {
      await file.close();
    }
  });
  return parseStrictJson(text, {
    where: path,
    code: "HC1020",
    wholeNumbers: options.wholeNumbers,
    maxDepth: options.maxDepth ?? limits.jsonDepth,
    ...(options.maxMembers === undefined ? {} : { maxMembers: options.maxMembers }),
  });
}

function decode(bytes: Uint8Array, path: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new HeartcutError(
      "HC1020",
      { what: "not valid JSON: the file is not UTF-8", where: path, fix: "save it as UTF-8, or fetch it again" },
      { cause },
    );
  }
}
