import { stringify } from "yaml";
import { visibleLine } from "../report/visible.ts";

/** What a trained model's README.md tells beyond its numbers. */
export interface ModelLineage {
  title: string;
  /** One sentence: what it was trained on and how that was chosen. */
  sentence: string;
}

/** What a model can be used for, as the Hub names it. */
export type PipelineTag = "text-generation" | "text2text-generation";

/** One thing that a model was made from, or by. */
export interface CardOrigin {
  /** "teacher", "reference", "corpus" … */
  role: string;
  /** What it is, with a hash of its content where it was brought along. Plain text. */
  text: string;
  /** The licence that its own model card names. */
  licence?: string | undefined;
}

/** What the Hub is told in the front matter, as far as it is known. */
export interface CardMetadata {
  /** owner/name of models on the Hub: that whose weights the training started from, else the teacher. */
  baseModel?: string | undefined;
  /** Whether the weights are those of baseModel, trained on. */
  fineTuned?: boolean | undefined;
  /** owner/name of data sets on the Hub. */
  datasets: readonly string[];
  /** ISO 639-1 codes. */
  languages: readonly string[];
  /** Of the weights that the training started from. */
  licence?: string | undefined;
}

/** A measurement on data that no training saw. */
export interface CardResult {
  /** Held-out set or task. */
  dataset: string;
  split: string;
  /** As the Hub calls it. */
  metric: "loss" | "accuracy";
  /** With its unit, for people. */
  name: string;
  value: number;
  standardError: number;
  /** 95 %. */
  interval: readonly [number, number];
  /** What was measured on, e.g. "400 instances". */
  sample: string;
  /** The same of other models, e.g. of the teacher. */
  beside: readonly { model: string; value: number }[];
}

/** README.md of a model. */
export interface ModelCard {
  lineage: ModelLineage;
  pipelineTag: PipelineTag;
  metadata: CardMetadata;
  origins: readonly CardOrigin[];
  /** What was minimised, in a sentence. */
  losses: string;
  /** Size and cost: name and value. */
  facts: readonly (readonly [name: string, value: string])[];
  /** Empty before an evaluation. */
  results: readonly CardResult[];
  /** The resolved recipe as YAML. */
  recipe: string;
}

/**
 * Renders a model card: front matter for the Hub, lineage, losses, size and cost, results, licence notes, how to load it, and the
 * recipe. Nothing that changes from run to run; text of users cannot become markup.
 */
export function modelCard(card: ModelCard): string {
  const { lineage, origins, losses, facts, results, recipe } = card;
  return [
    frontMatter(card),
    `# ${plain(lineage.title)}`,
    plain(lineage.sentence),
    "## Where it comes from",
    list(origins.map(({ role, text }) => `**${plain(role)}**: ${plain(text)}`)),
    "## Training",
    plain(losses),
    table(["", ""], facts),
    ...(results.length === 0 ? [] : resultsSection(results)),
    "## Use",
    usage(card.pipelineTag),
    "A small model trained for study: it repeats what its training text says, true or not, and is not meant for use by others before it has been evaluated for that use.",
    "## Licence",
    licenceNotes(card),
    "## Recipe",
    "Made with heartcut by this recipe:",
    fenced("yaml", recipe),
  ]
    .join("\n\n")
    .concat("\n");
}

function frontMatter({ lineage, pipelineTag, metadata, results }: ModelCard): string {
  const { baseModel, fineTuned, datasets, languages, licence } = metadata;
  const front = {
    library_name: "transformers",
    pipeline_tag: pipelineTag,
    ...(licence !== undefined && { license: licence }),
    ...(languages.length > 0 && { language: languages }),
    ...(baseModel !== undefined && { base_model: baseModel }),
    ...(fineTuned === true && { base_model_relation: "finetune" }),
    ...(datasets.length > 0 && { datasets }),
    tags: ["heartcut", "distillation"],
    ...(results.length > 0 && {
      "model-index": [{ name: visibleLine(lineage.title), results: modelIndex(byDataset(results), pipelineTag) }],
    }),
  };
  return `---\n${stringify(front, { lineWidth: 0, aliasDuplicateObjects: false }).trimEnd()}\n---`;
}

/** Results of one data set together, as the Hub's model-index has them. */
function byDataset(results: readonly CardResult[]): Map<string, CardResult[]> {
  const byData = new Map<string, CardResult[]>();
  for (const result of results) {
    const key = JSON.stringify([result.dataset, result.split]);
    byData.set(key, [...(byData.get(key) ?? []), result]);
  }
  return byData;
}

function modelIndex(byData: Map<string, CardResult[]>, pipelineTag: PipelineTag): object[] {
  return [...byData.values()].map((results) => ({
    task: { type: pipelineTag },
    dataset: {
      name: visibleLine(results[0]!.dataset),
      type: visibleLine(results[0]!.dataset),
      split: results[0]!.split,
    },
    metrics: results.map(({ metric, name, value }) => ({ type: metric, name, value })),
  }));
}

function resultsSection(results: readonly CardResult[]): string[] {
  const models = [...new Set(results.flatMap(({ beside }) => beside.map(({ model }) => model)))];
  const rows = results.map(({ dataset, split, name, value, standardError, interval, sample, beside }) => [
    `${dataset} (${split})`,
    name,
    `${value.toFixed(4)} ± ${standardError.toFixed(4)}`,
    `${interval[0].toFixed(4)} … ${interval[1].toFixed(4)}`,
    ...models.map((model) => beside.find((each) => each.model === model)?.value.toFixed(4) ?? "–"),
    sample,
  ]);
  return [
    "## Results",
    "On data that no training saw; ± is the standard error over its items.",
    table(["data", "measure", "this model", "95 % interval", ...models, "measured on"], rows),
  ];
}

function usage(pipelineTag: PipelineTag): string {
  const auto = pipelineTag === "text-generation" ? "AutoModelForCausalLM" : "AutoModelForSeq2SeqLM";
  const python = [
    `from transformers import AutoTokenizer, ${auto}`,
    "",
    'name = "."  # this folder, or owner/name on the Hub',
    "tokenizer = AutoTokenizer.from_pretrained(name)",
    `model = ${auto}.from_pretrained(name)`,
    'inputs = tokenizer("Once upon a time", return_tensors="pt")',
    "print(tokenizer.decode(model.generate(**inputs, max_new_tokens=64)[0]))",
  ].join("\n");
  const shell = 'heartcut generate . --prompt "Once upon a time"  # or hf://owner/name';
  return `${fenced("python", python)}\n\n${fenced("sh", shell)}`;
}

function licenceNotes({ metadata, origins }: ModelCard): string {
  const named = origins.filter(({ licence }) => licence !== undefined);
  return [
    metadata.licence === undefined
      ? "No licence is set here: whoever publishes the model chooses one that its text corpus and its teacher allow."
      : `The weights it started from are under ${plain(metadata.licence)}; that licence goes with them.`,
    ...named.map(({ role, licence }) => `The model card of the ${plain(role)} names the licence ${plain(licence!)}.`),
    "Some licences and terms of use forbid training other models on a model's outputs: look at the teacher's.",
  ].join("\n");
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map(plain).join(" | ")} |`;
  return [line(head), `|${" --- |".repeat(head.length)}`, ...rows.map(line)].join("\n");
}

function list(items: readonly string[]): string {
  return items.map((item) => `- ${item}`).join("\n");
}

/** A block whose content cannot end it. */
function fenced(language: string, text: string): string {
  const runs = text.match(/`+/g) ?? [];
  const fence = "`".repeat(Math.max(3, ...runs.map((run) => run.length + 1)));
  return `${fence}${language}\n${text.trimEnd()}\n${fence}`;
}

/** Text as one line that Markdown shows as it stands. */
function plain(text: string): string {
  return visibleLine(text)
    .replace(/[\\|`*_[\]<>#~]/g, (character) => `\\${character}`)
    .replace(/&(?=[#\w]+;)/g, "\\&")
    .replace(/^([-+=])/, "\\$1")
    .replace(/^([0-9]+)([.)])(?=\s|$)/, "$1\\$2");
}
