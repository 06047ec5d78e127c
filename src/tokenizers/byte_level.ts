/** Splits a text into words of byte-level BPE; no merge crosses their borders. Source: GPT-2's encoder, Unicode White_Space for \s. */
export const WORD_PATTERN =
  /'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\p{White_Space}\p{L}\p{N}]+|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+/gu;

/**
 * The printable character that stands for each byte in a byte-level vocabulary: printable Latin-1 stands for itself, the other
 * 68 bytes are U+0100, U+0101 … in order. Source: GPT-2's bytes_to_unicode.
 */
export const BYTE_CHARACTERS: readonly string[] = (() => {
  const characters: string[] = [];
  let next = 0x100;
  for (let byte = 0; byte < 256; byte++) {
    const printable = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte !== 0xad);
    characters.push(String.fromCharCode(printable ? byte : next++));
  }
  return characters;
})();
