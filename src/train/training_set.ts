import type { AttributionRow, TeacherOutputRow } from "../attribute/record.ts";
import { HeartcutError } from "../errors.ts";
import { hasAttention, type ModelDescription } from "../models/architecture.ts";
import type { Pair } from "../models/pairs.ts";
import type { RationaleRow } from "../rationale/record.ts";
import type { TaskExample } from "../tasks/record.ts";
import type { PairEncoder, StudentInput, StudentTarget } from "./answer.ts";
import { attentionGuidance } from "./objective/attention_guidance.ts";
import { attributionMatching, type MappedScores, mapScores } from "./objective/attribution_matching.ts";
import { distillation } from "./objective/distillation.ts";
import { layoutOf, usesRationales } from "./objective/objective.ts";
import { saliencyWeights } from "./objective/saliency_weighting.ts";
import type { Term } from "./objective/term.ts";

/** A pair of a training batch, with the weight of each target token in the mean of its task. */
export interface TrainingRow extends Pair {
  readonly id: string;
  readonly label: Float32Array;
  readonly rationale: Float32Array;
}

/** What of a training set did not fit or was not there. */
export interface TrainingCounts {
  readonly examples: number;
  /** Examples without a rationale, where rationales are used: they are trained on their answer. */
  readonly withoutRationale: number;
  /** Inputs and rationales that were cut at their end. */
  readonly truncatedInputs: number;
  readonly truncatedRationales: number;
}

/** Everything a training step needs, encoded. */
export interface TrainingSet {
  /** One row for each example: the answer is asked for. */
  readonly answers: readonly TrainingRow[];
  /** multi_task: the row that asks for the rationale of each example that has one; else empty. */
  readonly explanations: ReadonlyMap<number, TrainingRow>;
  readonly terms: readonly Term[];
  /** Length of each example's plain input: what batches are bucketed by, the same for all objectives. */
  readonly lengths: Int32Array;
  readonly counts: TrainingCounts;
}

/** The records of the train split. */
export interface TrainingRecords {
  readonly examples: readonly TaskExample[];
  readonly rationales?: ReadonlyMap<string, RationaleRow> | undefined;
  readonly attributions?: readonly AttributionRow[] | undefined;
  readonly teacherOutputs?: readonly TeacherOutputRow[] | undefined;
}

/**
 * Encodes the train split under an objective.
 * @throws HeartcutError HC6310 for records that do not fit the task, HC6311 for unequal teacher rows, HC6312 without anything to
 * learn from, HC6314 where teacher and student cut the answers into different tokens, HC6308 for an answer beyond the limit
 */
export async function trainingSet(
  encoder: PairEncoder,
  description: ModelDescription,
  records: TrainingRecords,
): Promise<TrainingSet> {
  const { objective } = encoder;
  const { examples } = records;
  const layout = layoutOf(objective);
  if (examples.length === 0) throw nothing("the train split has no examples", "prepare the task with a train split");
  const known = new Set(examples.map(({ id }) => id));
  checkIds(known, records.rationales?.keys(), "rationales");
  checkIds(
    known,
    records.attributions?.map(({ id }) => id),
    "attributions",
  );
  checkIds(
    known,
    records.teacherOutputs?.map(({ id }) => id),
    "teacherOutputs",
  );

  const answers: TrainingRow[] = [];
  const explanations = new Map<number, TrainingRow>();
  const inputs = new Map<string, StudentInput>();
  const lengths = new Int32Array(examples.length);
  let withoutRationale = 0;
  let truncatedInputs = 0;
  let truncatedRationales = 0;
  for (const [i, example] of examples.entries()) {
    const row = records.rationales?.get(example.id);
    if (row === undefined) withoutRationale++;
    const input = await encoder.answerInput(example, row?.text);
    const target = await encoder.answerTarget(example, row?.text);
    if (input.truncated > 0) truncatedInputs++;
    if (target.truncated > 0) truncatedRationales++;
    const plain = layout.readsRationale ? await encoder.answerInput(example, undefined) : input;
    lengths[i] = plain.ids.length;
    if (objective.attention !== undefined || objective.attribution !== undefined) inputs.set(example.id, input);
    answers.push(trainingRow(example.id, input, target, weighting(encoder, layout.written === "joined", row, target)));
    if (layout.written !== "apart" || row === undefined) continue;
    const written = await encoder.rationaleTarget(row.text);
    if (written.truncated > 0) truncatedRationales++;
    const asked = await encoder.rationaleInput(example);
    explanations.set(i, trainingRow(example.id, asked, written, weighting(encoder, true, row, written)));
  }
  if (usesRationales(objective) && withoutRationale === examples.length)
    throw nothing("no example of the train split has a rationale", "make rationales for the train split");
  return {
    answers,
    explanations,
    terms: termsOf(encoder, description, records, answers, inputs),
    lengths,
    counts: {
      examples: examples.length,
      withoutRationale: usesRationales(objective) ? withoutRationale : 0,
      truncatedInputs,
      truncatedRationales,
    },
  };
}

/** Weights of a rationale's tokens by saliency, where that is asked for. */
function weighting(
  { objective }: PairEncoder,
  written: boolean,
  row: RationaleRow | undefined,
  { spans, rationaleStart: start }: StudentTarget,
): Float32Array | undefined {
  if (!written || row === undefined || objective.saliencyWeighting !== true) return undefined;
  return saliencyWeights(
    row,
    spans.map(([a, b]) => [a - start, b - start]),
  );
}

function trainingRow(
  id: string,
  input: StudentInput,
  target: StudentTarget,
  weights: Float32Array | undefined,
): TrainingRow {
  const rationale = weights === undefined ? target.rationale : target.rationale.map((x, t) => x * weights[t]!);
  return { id, input: input.ids, target: target.ids, label: target.label, rationale };
}

function termsOf(
  { objective }: PairEncoder,
  description: ModelDescription,
  { rationales, attributions = [], teacherOutputs = [] }: TrainingRecords,
  answers: readonly TrainingRow[],
  inputs: ReadonlyMap<string, StudentInput>,
): Term[] {
  const terms: Term[] = [];
  if (objective.attention !== undefined) {
    const keys = new Map<string, Uint8Array>();
    for (const [id, { spans }] of inputs) {
      const own = keyTokens(rationales?.get(id), spans);
      if (own.includes(1)) keys.set(id, own);
    }
    if (keys.size === 0)
      throw nothing(
        "no rationale names stretches of its input, so that there are no key tokens to guide attention to",
        "use rationales of saliency or of marked words, not free text",
      );
    if (!hasAttention(description))
      throw nothing(
        `a ${description.config.modelType} model has no attention to guide`,
        "leave attention guidance out",
      );
    const { config } = description;
    const layers = "layers" in config ? config.layers : config.decoderLayers;
    terms.push(attentionGuidance(objective.attention, keys, layers));
  }
  if (objective.distillation !== undefined) {
    if (teacherOutputs.length === 0) throw nothing("there are no teacher outputs", "write them with the teacher first");
    checkTeacher(answers, teacherOutputs, description.config.vocabSize);
    terms.push(distillation(objective.distillation, new Map(teacherOutputs.map((row) => [row.id, row]))));
  }
  if (objective.attribution !== undefined) {
    if (attributions.length === 0) throw nothing("there are no attributions", "attribute the train split first");
    const scores = new Map<string, MappedScores>();
    for (const row of attributions) {
      const from = row.spans.map((span, i) => ({ span, score: row.scores[i]! })).filter(({ span: [a, b] }) => b > a);
      const mapped = mapScores(from, inputs.get(row.id)!.spans);
      // A cosine needs a direction.
      if (mapped.scores.some((x) => x !== 0)) scores.set(row.id, mapped);
    }
    terms.push(attributionMatching(objective.attribution, scores));
  }
  return terms;
}

/** 1 for each token that overlaps a unit of the rationale. */
function keyTokens(row: RationaleRow | undefined, spans: StudentInput["spans"]): Uint8Array {
  const units = row?.units ?? [];
  return Uint8Array.from(spans, ([a, b]) =>
    b > a && units.some(({ span: [start, end] }) => a < end && b > start) ? 1 : 0,
  );
}

/** Distillation compares token by token: teacher and student must write the answers with the same ids. */
function checkTeacher(answers: readonly TrainingRow[], outputs: readonly TeacherOutputRow[], vocabSize: number): void {
  const targets = new Map(answers.map(({ id, target }) => [id, target]));
  for (const { id, target, ids } of outputs) {
    const own = targets.get(id)!;
    const same = own.length === target.length && own.every((token, t) => token === target[t]);
    if (!same || ids.some((row) => row.some((token) => token >= vocabSize)))
      throw new HeartcutError("HC6314", {
        what: "teacher and student have different tokenizers, so their distributions cannot be compared",
        where: `example ${id}`,
        found: `the teacher's answer is [${target.join(", ")}], the student's [${own.join(", ")}] of ${vocabSize} ids`,
        why: "distillation matches probabilities of the same ids at the same places",
        fix: "use a student with the teacher's tokenizer and limits, or another objective: rationales pass as text",
      });
  }
}

function checkIds(known: ReadonlySet<string>, ids: Iterable<string> | undefined, name: string): void {
  for (const id of ids ?? [])
    if (!known.has(id))
      throw new HeartcutError("HC6310", {
        what: "a record belongs to an example that the task does not have",
        where: `${name}, train split`,
        found: `id ${id}`,
        fix: "make the record again from this task",
      });
}

function nothing(what: string, fix: string): HeartcutError {
  return new HeartcutError("HC6312", { what, fix });
}
