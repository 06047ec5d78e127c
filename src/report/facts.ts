import type { SelectionAnalysis } from "../analyze/record.ts";
import type { StudentPlan } from "../run/record.ts";
import type { ScoreUnit } from "../score/bits_per_byte_record.ts";
import { type Group, textInWords } from "./cast.ts";
import { spentBy } from "./costs.ts";
import { type Contrast, type Findings, findingsOf, type Verdict } from "./findings.ts";
import { parametersOf } from "./lineups.ts";
import type { MissingPart, ReportData } from "./record.ts";
import { type ScalingFacts, scalingFacts, type TaskFacts, taskFacts } from "./science_facts.ts";
import { verdictSentence } from "./verdict.ts";

/** A mean over seeds with the seeds, each with its 95 % bootstrap interval over instances. */
interface Loss {
  mean: number;
  seeds: { seed: number | null; loss: number; interval: [number, number] }[];
}

/** report.json: the facts of the report for programs. Losses in nats per token unless a key or a unit says otherwise. */
export interface ReportSummary {
  name: string;
  heartcutVersion: string;
  seed: number;
  verdict: string;
  /** Absent from the reports of older runs. */
  students?: (Omit<StudentPlan, "text" | "baseline" | "tokenizer" | "flopsOf"> & {
    name: string;
    seeds: number[];
    /** In words that fit "trained on …". */
    trainedOn: string;
    /** Name of the selection, or of the teacher's text. */
    selection: string;
    tokenizer: string | null;
    baseline: string | null;
    flopsOf: string | null;
    parameters: number | null;
    /** Means over seeds. */
    tokens: number | null;
    flops: number | null;
    /** FLOPs of the records it learns from, each divided among all trainings that do; null before they are known. */
    sharedRecordFlops: number | null;
  })[];
  comparisons: {
    set: string;
    treatment: string;
    baseline: string;
    /** Bits per byte where the two read different tokens. */
    unit: ScoreUnit;
    /** Loss of the baseline minus loss of the treatment: positive is better. */
    gain: number;
    interval: [number, number];
    /** "lower" or "higher" only if the whole interval lies on one side of zero. */
    verdict: Verdict;
    seeds: number;
    /** Cost at which `faster` reaches the final loss of the other, at least so much sooner where it did before its second measurement; null where there are no curves. */
    saved: {
      faster: string;
      cost: "flops" | "tokens";
      at: number;
      of: number;
      share: number;
      atLeast: boolean /** 95 % over seeds; null where it was not worked out. */;
      interval: [number, number] | null;
    } | null;
  }[];
  losses: (Loss & {
    student: string;
    set: string;
    /** null where bytes were not counted. */
    bitsPerByte: Loss | null;
  })[];
  selections: {
    name: string;
    method: string;
    kept: number;
    total: number;
    keptTokens: number;
    totalTokens: number;
    threshold: number | null;
    /** What it did to the corpus; null where the run did not look. */
    analysis: SelectionAnalysis | null;
  }[];
  /** Absent where no tasks were asked. */
  tasks?: TaskFacts;
  /** Absent where no laws were fitted. */
  scaling?: ScalingFacts;
  /** FLOPs of the stages before the students, of one student on average, and the number of trainings. */
  compute: {
    sideFlops: number;
    studentFlops: number;
    trainings: number;
    stages: { stage: string; flops: number; servesTrainings: number | null }[];
  } | null;
  missing: MissingPart[];
}

/** The facts of a report as plain data. Pure. */
export function summarize(data: ReportData): ReportSummary {
  const findings = findingsOf(data);
  const planned = findings.cast.groups.flatMap((group) =>
    group.plan === undefined ? [] : [studentFacts(group, group.plan, findings)],
  );
  return {
    name: data.run.name,
    heartcutVersion: data.run.heartcutVersion,
    seed: data.run.seed,
    verdict: verdictSentence(data, findings),
    ...(planned.length === 0 ? {} : { students: planned }),
    comparisons: findings.contrasts.map((one) => ({
      set: one.set,
      treatment: one.treatment.name,
      baseline: one.baseline.name,
      unit: one.unit,
      gain: one.gain,
      interval: one.interval,
      verdict: one.verdict,
      seeds: one.pairs.length,
      saved: savedFacts(one),
    })),
    losses: findings.losses.map(({ group, set, bitsPerByte, ...loss }) => ({
      student: group.name,
      set,
      ...lossFacts(loss),
      bitsPerByte: bitsPerByte === undefined ? null : lossFacts(bitsPerByte),
    })),
    selections: data.selections.flatMap(({ summary, analysis }) =>
      summary === undefined
        ? []
        : [
            {
              name: summary.name,
              method: summary.method,
              kept: summary.instances.kept,
              total: summary.instances.total,
              keptTokens: summary.tokens.kept,
              totalTokens: summary.tokens.total,
              threshold: summary.threshold?.lastKept ?? null,
              analysis: analysis ?? null,
            },
          ],
    ),
    ...(findings.tasks === undefined ? {} : { tasks: taskFacts(findings.tasks) }),
    ...(data.scaling === undefined ? {} : { scaling: scalingFacts(data.scaling) }),
    compute: computeFacts(findings),
    missing: data.missing,
  };
}

function studentFacts(
  group: Group,
  { text: _text, baseline, tokenizer, flopsOf, ...plan }: StudentPlan,
  { costs }: Findings,
): NonNullable<ReportSummary["students"]>[number] {
  const spent = spentBy(group);
  return {
    name: group.name,
    seeds: group.students.map(({ seed }) => seed),
    ...plan,
    trainedOn: textInWords(group),
    selection: group.students[0]!.selection,
    tokenizer: tokenizer ?? null,
    baseline: baseline ?? null,
    flopsOf: flopsOf ?? null,
    parameters: parametersOf(group) ?? null,
    tokens: spent?.tokens ?? null,
    flops: spent?.flops ?? null,
    sharedRecordFlops: costs?.groups.find((one) => one.group === group)?.shared ?? null,
  };
}

function lossFacts({ mean, seeds }: Pick<Findings["losses"][number], "mean" | "seeds">): Loss {
  return { mean, seeds: seeds.map(({ seed, loss, interval }) => ({ seed: seed ?? null, loss, interval })) };
}

function savedFacts({ saved }: Contrast): ReportSummary["comparisons"][number]["saved"] {
  if (saved === undefined) return null;
  return {
    faster: saved.faster.name,
    cost: saved.cost,
    at: saved.at,
    of: saved.of,
    share: saved.saved,
    atLeast: saved.bound,
    interval: saved.interval ?? null,
  };
}

function computeFacts({ costs }: Findings): ReportSummary["compute"] {
  if (costs === undefined) return null;
  return {
    sideFlops: costs.total,
    studentFlops: costs.student,
    trainings: costs.trainings,
    stages: costs.records.map(({ stage, flops, serves }) => ({
      stage,
      flops,
      servesTrainings: serves?.reduce((sum, { students }) => sum + students.length, 0) ?? null,
    })),
  };
}
