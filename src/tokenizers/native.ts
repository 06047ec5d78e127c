import type { Definition } from "./definition.ts";
import type { Backend } from "./tokenizer.ts";

/** Loads Hugging Face's Rust library; the result opens tokenizers with it. @throws Error where it does not load */
export async function nativeBackend(): Promise<(definition: Definition) => Backend> {
  const { Tokenizer } = await import("tokenizers");
  return ({ json, tokens, special }) => {
    const tokenizer = Tokenizer.fromString(JSON.stringify(json));
    // The decoder alone answers synchronously; with our own table of tokens it gives what `decode` gives.
    const decoder = tokenizer.getDecoder();
    return {
      async encodeBatch(texts, addSpecialTokens) {
        const encodings = await tokenizer.encodeBatch([...texts], { addSpecialTokens });
        return encodings.map((encoding) => Int32Array.from(encoding.getIds()));
      },
      decode(ids, skipSpecialTokens) {
        const parts: string[] = [];
        for (let i = 0; i < ids.length; i++) {
          const token = tokens[ids[i]!];
          if (token !== undefined && !(skipSpecialTokens && special.has(token))) parts.push(token);
        }
        return decoder ? decoder.decode(parts) : parts.join(" ");
      },
    };
  };
}
