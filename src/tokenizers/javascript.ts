import type { Definition } from "./definition.ts";
import type { Backend } from "./tokenizer.ts";

/** Loads the pure JavaScript library; the result opens tokenizers with it, without native code, on one core. */
export async function javascriptBackend(): Promise<(definition: Definition) => Backend> {
  const { Tokenizer } = await import("@huggingface/tokenizers");
  return ({ json, config, tokens }) => {
    const tokenizer = new Tokenizer(json, config);
    return {
      encodeBatch: async (texts, addSpecialTokens) =>
        texts.map((text) => Int32Array.from(tokenizer.encode(text, { add_special_tokens: addSpecialTokens }).ids)),
      decode(ids, skipSpecialTokens) {
        const known = Array.from(ids).filter((id) => tokens[id] !== undefined);
        if (known.length === 0) return "";
        return tokenizer.decode(known, { skip_special_tokens: skipSpecialTokens, clean_up_tokenization_spaces: false });
      },
    };
  };
}
