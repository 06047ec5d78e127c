import { join } from "node:path";
import { reencode } from "../corpus/convert.ts";
import { fitInstances, joinDocuments } from "../corpus/convert_instance.ts";
import { openSafetensors } from "../formats/safetensors.ts";
import { loadTokenizer } from "../tokenizers/tokenizer.ts";
import type { GoldenKind } from "./case.ts";
import { Comparison } from "./compare.ts";
import { ints } from "./golden_values.ts";
import { goldenOrAbsent } from "./tokenization.ts";

interface ConvertGolden {
  from: string;
  to: string;
  old_eos: number;
  new_eos: number;
  new_bos: number | null;
  max_length: number;
  rows: number;
  new_length_before_truncation: number[];
  truncated_rows: number[];
  tokens_lost_by_truncation: number;
  rows_with_replacement_character_after_decoding: number[];
}

/** Re-encoding of instances for another family, with and without BOS, against the reference implementation's output. */
export const convert: GoldenKind = async function* ({ fixtures, data }) {
  const folder = join(fixtures, "difference_sampling");
  const golden = await goldenOrAbsent<ConvertGolden>(join(folder, "convert.json"));
  if (golden === undefined) return;
  const [from, to] = await Promise.all(
    [golden.from, golden.to].map((name) => loadTokenizer(join(data, "tokenizers", name))),
  );
  const tensors = await openSafetensors(join(folder, "convert.safetensors"));
  try {
    const ragged = async (name: string) => {
      const [tokens, offsets] = [await ints(tensors, `${name}.tokens`), await ints(tensors, `${name}.offsets`)];
      return Array.from({ length: golden.rows }, (_, i) => tokens.slice(offsets[i]!, offsets[i + 1]!));
    };
    const old = await ragged("old");
    const documents = await reencode(old, { from: from!, to: to!, old: { eos: golden.old_eos }, parseSpecials: true });
    const joined = documents.map(({ encoded }) => joinDocuments(encoded, golden.new_eos));
    const names: [string, number | undefined][] = [["new", undefined]];
    if (golden.new_bos !== null) names.push(["new_bos", golden.new_bos]);
    for (const [name, bos] of names) {
      const comparison = new Comparison(`convert/${golden.from}_to_${golden.to}/${name}`);
      const marks = { eos: golden.new_eos, bos, chunkLength: golden.max_length };
      const fitted = joined.map((tokens) => fitInstances(tokens, { ...marks, overflow: "drop" }));
      const wanted = await ragged(name);
      for (const [i, row] of wanted.entries())
        comparison.equal(`row ${i}`, Array.from(fitted[i]!.instances[0]!), Array.from(row));
      if (bos === undefined) {
        const lost = fitted.map((row) => row.lost);
        const cut = lost.flatMap((tokens, i) => (tokens > 0 ? [i] : []));
        comparison.equal(
          "lengths before truncation",
          joined.map((tokens) => tokens.length),
          golden.new_length_before_truncation,
        );
        comparison.equal("truncated rows", cut, golden.truncated_rows);
        comparison.equal(
          "tokens lost",
          lost.reduce((a, b) => a + b, 0),
          golden.tokens_lost_by_truncation,
        );
        const replaced = old.flatMap((tokens, i) => (from!.decode(tokens).includes("\ufffd") ? [i] : []));
        comparison.equal("rows with U+FFFD", replaced, golden.rows_with_replacement_character_after_decoding);
      }
      yield comparison.result();
    }
  } finally {
    await tensors.close();
  }
};
