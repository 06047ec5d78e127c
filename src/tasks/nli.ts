import { HeartcutError } from "../errors.ts";
import { shown } from "../schema_words.ts";
import type { Fields } from "./fields.ts";
import { Prompt } from "./prompt.ts";
import { humanRationale, llmRationale } from "./rationales.ts";
import type { ExampleDraft } from "./task.ts";

/** The labels of natural language inference, in the order of their numbers in the Hugging Face data sets. */
export const NLI_LABELS = ["entailment", "neutral", "contradiction"] as const;

/** Names of a layout's fields. */
export interface NliFields {
  premise: string;
  hypothesis: string;
  label: string;
}

/**
 * An example `premise </s> hypothesis` → label; the separator is the prompt's own.
 * @param human - a person's explanation
 * @throws HeartcutError HC6012, HC6013
 */
export function readNli(
  fields: Fields,
  names: NliFields,
  id: string | undefined,
  human: string | undefined,
): ExampleDraft {
  const prompt = new Prompt();
  prompt.add(fields.text(names.premise).trim());
  prompt.scaffold(" </s> ");
  prompt.add(fields.text(names.hypothesis).trim());
  return {
    id,
    input: prompt.text,
    target: readLabel(fields, names.label),
    choices: [...NLI_LABELS],
    spans: { scaffolding: prompt.scaffolding },
    rationales: { llm: llmRationale(fields, "llm_rationale", "llm_label"), human: humanRationale(human) },
  };
}

/** A label written out, as its first letter (ANLI) or as its number (Hugging Face). */
function readLabel(fields: Fields, name: string): string {
  const value = fields.value(name);
  const label = NLI_LABELS.find((word, number) => value === word || value === word[0] || value === number);
  if (label !== undefined) return label;
  throw new HeartcutError("HC6013", {
    what: "the label is unknown to the task",
    where: fields.where,
    found: `${name} = ${shown(fields.value(name) ?? null)}`,
    expected: "entailment, neutral or contradiction; their first letters; or 0, 1, 2 in this order",
    fix: "correct the label, or remove the row if nobody agreed on one",
  });
}
