import type { Dialect } from "../dialect.ts";
import { openai } from "./openai.ts";

/**
 * llama.cpp's server, asked as OpenAI's: as of September 2026 (v0.5.0) it refuses `echo` ("Only no echo is supported") and gives probabilities
 * of generated tokens alone, at /completion too. Opening such a server therefore ends with an error that says so; one that
 * has learned it is used.   Source: llama.cpp tools/server, oaicompat_completion_params_parse
 */
export const llamaServer: Dialect = {
  ...openai,
  name: "llama-server",
  help: "llama-server gives probabilities of generated tokens only: open its file in this process instead, teacher: { gguf: FILE }",
};
