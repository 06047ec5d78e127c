import { join } from "node:path";
import { printable } from "../../errors.ts";
import { holds } from "../holds.ts";
import type { JobResult } from "../job.ts";
import { formatBytes, formatCount } from "../terminal.ts";
import { percent } from "./evaluation.ts";

/** What a teacher left in a folder: scores, likeliest tokens, or texts; undefined for a folder that holds none of them. */
export async function inspectTeacherOutputs(folder: string, rows: number): Promise<JobResult | undefined> {
  if ((await holds(folder, "store.json")) || (await holds(folder, "part-00000.topk"))) return store(folder);
  if (await holds(folder, "sequences.json")) return sequences(folder, rows);
  if (await holds(folder, "score.json")) return scores(folder);
  return undefined;
}

async function store(folder: string): Promise<JobResult> {
  const { readStoreSummary } = await import("../../distill/store.ts");
  const summary = await readStoreSummary(folder);
  const { teacherName, topK, vocabSize, precision, instances, positions, bytes, meanRest, shards } = summary;
  const barrier = summary.documentBarrier ? ", packed documents apart" : "";
  const lines = [
    `${folder}: store of teacher outputs, ${teacherName}`,
    `the ${formatCount(topK)} likeliest of ${formatCount(vocabSize)} tokens, precision ${precision}${barrier}`,
    `${formatCount(instances)} instances, ${formatCount(positions)} positions in ${formatCount(shards.length)} shards`,
    positions === 0 ? formatBytes(bytes) : `${formatBytes(bytes)}, ${(bytes / positions).toFixed(1)} bytes a position`,
    ...(meanRest === null ? [] : [`${percent(meanRest)} % of the probability is left over, in the mean`]),
  ];
  return { text: printable(lines.join("\n")), data: summary };
}

async function sequences(folder: string, rows: number): Promise<JobResult> {
  const { readSequencesSummary, SEQUENCES_EXAMPLES } = await import("../../capture/sequences_files.ts");
  const { readJsonl } = await import("../../formats/jsonl.ts");
  const summary = await readSequencesSummary(folder);
  const { teacher, instances, tokens, generatedTokens, ended, promptTokens, corpus, temperature } = summary;
  const first: unknown[] = [];
  if (rows > 0)
    for await (const { value } of readJsonl(join(folder, SEQUENCES_EXAMPLES))) if (first.push(value) === rows) break;
  const prompts = corpus === null ? "from BOS alone" : `from the first ${promptTokens} tokens of instances`;
  const lines = [
    `${folder}: text written by ${teacher.name}, ${prompts}, at temperature ${temperature}`,
    `${formatCount(instances)} instances, ${formatCount(tokens)} tokens, ${formatCount(generatedTokens)} of them written; ${formatCount(ended)} instances end with EOS`,
    ...first.map((row) => JSON.stringify(row)),
  ];
  return { text: printable(lines.join("\n")), data: { ...summary, first } };
}

async function scores(folder: string): Promise<JobResult> {
  const { readScoreSummary } = await import("../../score/files.ts");
  const summary = await readScoreSummary(folder);
  const fields = Object.entries(summary).filter(([, value]) => typeof value !== "object");
  const lines = fields.map(([key, value]) => `${key.padEnd(18)} ${String(value)}`);
  return { text: printable([`${folder}: scores of one model`, ...lines].join("\n")), data: summary };
}
