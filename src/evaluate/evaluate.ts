import { openInstances } from "../corpus/instances.ts";
import type { InstanceReader } from "../corpus/record.ts";
import { HeartcutError } from "../errors.ts";
import { publishJson } from "../formats/publish.ts";
import { checkpointSignal, type StageContext } from "../progress.ts";
import { readTextBytes } from "../score/bits_per_byte_files.ts";
import { bitsPerByte } from "../score/bits_per_byte_record.ts";
import { readScoreFolder, type ScoreFolder } from "../score/files.ts";
import { readMetrics } from "../train/metrics_files.ts";
import type { MetricsLine } from "../train/record.ts";
import { comparedPairs } from "./compared_pairs.ts";
import { computeSaved } from "./compute_saved.ts";
import { heldOutLoss } from "./held_out.ts";
import { compareSeeds, type SeededLosses, summarizeSeeds } from "./paired.ts";
import type { EvaluationResult, HeldOutLoss, PairedComparison, SeededComparison } from "./record.ts";
import { holmWithin } from "./statistics.ts";
import { type TextLosses, textLosses } from "./texts.ts";

/** One trained student with its scores on the held-out sets. */
export interface EvaluatedStudent {
  /** Students of one name differ by seed only. */
  name: string;
  seed: number;
  /** Score folder on each set, by the set's name. */
  scores: Record<string, string>;
  /** Folder of instances of each set in the student's own tokens, where those are not the common ones. */
  instances?: Record<string, string> | undefined;
  /** Folder with the bytes of each set's text as the student reads it: gives bits per byte. */
  bytes?: Record<string, string> | undefined;
  /** Student it is compared with, where that is not the common baseline. */
  baseline?: string | undefined;
  /** metrics.jsonl of its training; without it no compute saved is worked out. */
  metrics?: string | undefined;
}

export type { EvaluationResult } from "./record.ts";

/** Input of the evaluation stage. */
export interface EvaluateInput {
  students: readonly EvaluatedStudent[];
  /** Further models, such as the teacher: their losses are worked out, and compared with nothing. */
  others?: readonly ({ model: string } & Pick<EvaluatedStudent, "scores" | "instances" | "bytes">)[];
  /** Folder of instances of each held-out set, by name. */
  sets: Record<string, string>;
  /** Student every other one is compared with; each pair is compared where there is none. */
  baseline?: string | undefined;
  seed: number;
  /** Path of evaluation.json. */
  output: string;
}

/** Name of one student in evaluation.json. */
export function studentModel(name: string, seed: number): string {
  return `${name}-seed${seed}`;
}

/**
 * Works out the held-out losses of all models, compares the students in pairs and over seeds, and writes evaluation.json.
 * @throws HeartcutError HC3005, HC3006 as readScoreFolder; HC3205 for scores of another set, HC3206 for a baseline that is no student;
 *   HC3201-HC3204 as the functions it uses
 */
export async function evaluateRun(input: EvaluateInput, context: StageContext): Promise<EvaluationResult> {
  const { pairs, families } = comparedPairs(input.students, input.baseline);
  const result: EvaluationResult = { losses: [], comparisons: [], students: [], seeded: [], computeSaved: [] };
  const curves = await readCurves(input.students);
  for (const [set, instances] of Object.entries(input.sets)) {
    const { losses, others } = await lossesOn(set, instances, input, context);
    for (const student of losses.values()) {
      result.losses.push(...student.seeds.map(({ loss }) => loss));
      result.students.push(summarizeSeeds(student));
    }
    result.losses.push(...others);
    const compared: SeededComparison[] = [];
    for (const [a, b] of pairs) {
      await checkpointSignal(context);
      compared.push(comparedOn(set, losses.get(a)!, losses.get(b)!, input.seed));
    }
    const adjusted = holmWithin(
      compared.map(({ p }) => p),
      families,
    );
    for (const [i, seeded] of compared.entries()) {
      const { a, b } = seeded;
      result.seeded.push({ ...seeded, ...(adjusted[i] !== undefined && { pHolm: adjusted[i] }) });
      result.comparisons.push(...comparisonsOf(seeded));
      const [curvesA, curvesB] = [curves.get(a), curves.get(b)];
      if (seeded.unit === undefined && curvesA !== undefined && curvesB !== undefined) {
        result.computeSaved.push(computeSaved({ name: a, curves: curvesA }, { name: b, curves: curvesB }, set));
      }
    }
  }
  await publishJson(input.output, result);
  return result;
}

/** A student's seeds on one set, and the text it was measured on. */
interface MeasuredStudent extends SeededLosses {
  /** Folder of instances, in the student's own tokens. */
  instances: string;
  /** By seed: nats and bytes of each text, where bytes were counted. */
  texts: Map<number, TextLosses>;
}

type Measuring = MeasuredStudent & { seeds: { seed: number; loss: HeldOutLoss }[] };

async function lossesOn(
  set: string,
  instances: string,
  input: EvaluateInput,
  context: StageContext,
): Promise<{ losses: Map<string, MeasuredStudent>; others: HeldOutLoss[] }> {
  const heldOut = new HeldOutSet(set, input.seed);
  try {
    const losses = new Map<string, Measuring>();
    for (const [done, student] of input.students.entries()) {
      await checkpointSignal(context);
      const { name, seed } = student;
      const folder = student.instances?.[set] ?? instances;
      const { loss, texts } = await heldOut.measure(studentModel(name, seed), folder, student);
      const known: Measuring = losses.get(name) ?? { name, instances: folder, seeds: [], texts: new Map() };
      known.seeds.push({ seed, loss });
      if (texts !== undefined) known.texts.set(seed, texts);
      losses.set(name, known);
      context.report({
        type: "progress",
        stage: context.stage,
        done: done + 1,
        total: input.students.length,
        unit: "students",
      });
    }
    const others: HeldOutLoss[] = [];
    for (const other of input.others ?? [])
      others.push((await heldOut.measure(other.model, other.instances?.[set] ?? instances, other)).loss);
    return { losses, others };
  } finally {
    heldOut.close();
  }
}

/** One held-out set, in the tokens of each tokenizer that reads it. */
class HeldOutSet {
  private readonly readers = new Map<string, { reader: InstanceReader; sources: string[]; first?: ScoreFolder }>();

  constructor(
    private readonly set: string,
    private readonly seed: number,
  ) {}

  async measure(
    model: string,
    instances: string,
    { scores, bytes }: Pick<EvaluatedStudent, "scores" | "bytes">,
  ): Promise<{ loss: HeldOutLoss; texts: TextLosses | undefined }> {
    const { set } = this;
    const reading = await this.reading(instances);
    const folder = scores[set];
    if (folder === undefined) throw otherSet(set, `model ${model}`, "no scores");
    const scored = await readScoreFolder(folder);
    reading.first ??= scored;
    const [one, other] = [reading.first.summary, scored.summary];
    const same = (["corpus", "mask", "documentBarrier"] as const).every((key) => one[key] === other[key]);
    if (!same || scored.rows.length !== reading.sources.length)
      throw otherSet(set, folder, `${scored.rows.length} instances, corpus ${other.corpus}`);
    const counted = bytes?.[set] === undefined ? undefined : (await readTextBytes(bytes[set])).rows;
    const { sources } = reading;
    const loss = heldOutLoss({ model, set, rows: scored.rows, sources, bytes: counted }, { seed: this.seed });
    return { loss, texts: counted && textLosses(scored.rows, counted) };
  }

  close(): void {
    for (const { reader } of this.readers.values()) reader.close();
  }

  private async reading(instances: string) {
    const known = this.readers.get(instances);
    if (known !== undefined) return known;
    const reader = await openInstances(instances);
    const made: { reader: InstanceReader; sources: string[]; first?: ScoreFolder } = { reader, sources: [] };
    this.readers.set(instances, made);
    made.sources = (await reader.rows()).map((row) => row.source);
    return made;
  }
}

/** Two students over their seeds: token by token where they read the same tokens, else text by text in bits per byte. */
function comparedOn(set: string, a: MeasuredStudent, b: MeasuredStudent, seed: number): SeededComparison {
  if (a.instances === b.instances) return compareSeeds(a, b, { seed });
  const [left, right] = inBitsPerByte(set, a, b);
  return { ...compareSeeds(left, right, { seed }), unit: "bits_per_byte" };
}

/** The losses of two students per text that both read, in bits per byte. */
function inBitsPerByte(set: string, a: MeasuredStudent, b: MeasuredStudent): [SeededLosses, SeededLosses] {
  const all = [a, b].flatMap(({ name, seeds, texts }) =>
    seeds.map(({ seed }) => {
      const own = texts.get(seed);
      if (own === undefined)
        throw otherSet(set, `student ${name}`, "no bytes of its text, to compare it across tokenizers");
      return own;
    }),
  );
  const common = [...all[0]!.keys()].filter((text) => all.every((texts) => texts.has(text)));
  const turned = ({ name, seeds, texts }: MeasuredStudent): SeededLosses => ({
    name,
    seeds: seeds.map(({ seed, loss }) => {
      const own = texts.get(seed)!;
      const perInstance = common.map((text) => bitsPerByte(own.get(text)!.nats, own.get(text)!.bytes));
      return { seed, loss: { ...loss, perInstance } };
    }),
  });
  return [turned(a), turned(b)];
}

/** Each pair of seeds under the students' own names, and the whole where there is more than one pair. */
function comparisonsOf(seeded: SeededComparison): PairedComparison[] {
  const { set, a, b, difference, interval, aBetter } = seeded;
  const unit = seeded.unit === undefined ? {} : { unit: seeded.unit };
  const single = seeded.seeds.map((pair) => ({
    set,
    a: studentModel(a, pair.seedA),
    b: studentModel(b, pair.seedB),
    difference: pair.difference,
    interval: pair.interval,
    aBetter: pair.aBetter,
    ...unit,
  }));
  return single.length === 1 ? single : [{ set, a, b, difference, interval, aBetter, ...unit }, ...single];
}

/** Loss curves by student name, for students whose seeds all have one. */
async function readCurves(students: readonly EvaluatedStudent[]): Promise<Map<string, MetricsLine[][]>> {
  const curves = new Map<string, MetricsLine[][]>();
  for (const { name } of students) {
    const seeds = students.filter((student) => student.name === name);
    if (curves.has(name) || seeds.some((student) => student.metrics === undefined)) continue;
    curves.set(name, await Promise.all(seeds.map((student) => readMetrics(student.metrics!))));
  }
  return curves;
}

function otherSet(set: string, where: string, found: string): HeartcutError {
  return new HeartcutError("HC3205", {
    what: "a model was not scored on this held-out set",
    where: `set ${set}, ${where}`,
    found,
    expected: "scores of the same instances under the same mask and barrier as the other models have",
    fix: "score all models on the set as it is now",
  });
}
