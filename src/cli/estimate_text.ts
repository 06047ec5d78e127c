import { printable } from "../errors.ts";
import type { BreakEven } from "../run/estimate/break_even.ts";
import type { Estimate, Range, StageEstimate } from "../run/estimate/record.ts";
import { diskText, findingText, memoryText, table } from "./preflight_text.ts";
import { formatBytes, formatCount, formatSeconds } from "./terminal.ts";

/** What a recipe will take, for people: tables, what was assumed, and the totals last. */
export function estimateText(estimate: Estimate): string {
  const { machine, assumptions, warnings, findings } = estimate;
  const notable = findings.filter(({ level }) => level !== "ok");
  const parts = [
    `${estimate.recipe} on ${machine.name} (${machine.source})`,
    ratesText(estimate),
    stagesText(estimate),
    remoteText(estimate),
    memoryText(estimate),
    diskText(estimate),
    breakEvenText(estimate),
    assumptions.map((sentence) => `assumed: ${sentence}`).join("\n"),
    warnings.map((sentence) => `warning: ${sentence}`).join("\n"),
    notable.map(findingText).join("\n"),
    totalText(estimate),
  ];
  return printable(parts.filter((part) => part !== "").join("\n\n"));
}

const unknown = "not known";
const scientific = (n: number | null) => (n === null ? unknown : n.toExponential(2).replace("e+", "e"));
const gigaflops = (n: number) => (n / 1e9).toPrecision(3);
const between = ({ low, high }: Range) => `${formatSeconds(low)} to ${formatSeconds(high)}`;

function ratesText({ rates }: Estimate): string {
  if (rates.length === 0) return "";
  const rows = rates.map(({ label, flopsPerSecond: { median, low, high }, ...rate }) => [
    label,
    formatCount(Math.round(rate.tokensPerSecond)),
    gigaflops(median),
    `${gigaflops(low)} to ${gigaflops(high)}`,
    formatSeconds(rate.startSeconds),
    rate.batches === null ? "described" : String(rate.batches),
    rate.residentBytes === null ? "not measured" : formatBytes(rate.residentBytes),
  ]);
  return table(["work", "tokens/s", "GFLOP/s", "interval", "start", "batches", "resident"], rows);
}

/** A student's stages go by one name whatever the seed. */
const withoutSeed = (stage: string) => stage.replace(/-seed\d+$/, "");

/** Trainings of one student with several seeds are one row. */
function stagesText({ stages }: Estimate): string {
  const groups = new Map<string, StageEstimate[]>();
  for (const each of stages) {
    const name = withoutSeed(each.stage);
    groups.set(name, [...(groups.get(name) ?? []), each]);
  }
  const rows = [...groups].map(([name, each]) => {
    const left = each.filter(({ done }) => !done);
    const known = left.every(({ seconds }) => seconds !== null);
    const sum = (key: keyof Range) => left.reduce((all, { seconds }) => all + (seconds?.[key] ?? 0), 0);
    const flops = each.every((stage) => stage.flops !== null)
      ? each.reduce((all, stage) => all + stage.flops!, 0)
      : null;
    const done = each.length - left.length;
    return [
      each.length === 1 ? name : `${name} (${each.length} seeds)`,
      left.length === 0 ? "done" : known ? formatSeconds(sum("expected")) : unknown,
      left.length === 0 || !known ? "" : between({ expected: 0, low: sum("low"), high: sum("high") }),
      flops === 0 ? "" : scientific(flops),
      done > 0 && left.length > 0 ? `${done} done` : "",
    ];
  });
  return table(["stage", "time", "interval", "FLOPs", ""], rows);
}

function remoteText({ remote }: Estimate): string {
  if (remote.length === 0) return "";
  const count = (n: number | null) => (n === null ? unknown : formatCount(n));
  const rows = remote.map(({ stage, requests, tokens, price }) => [
    stage,
    count(requests),
    count(tokens),
    price === null ? "no price given" : price.toFixed(2),
  ]);
  return table(["asked of a server", "requests", "tokens", "price"], rows);
}

function breakEvenText({ breakEven }: Estimate): string {
  if (breakEven.length === 0) return "";
  const students = (n: number | null) => (n === null ? unknown : n < 0.01 ? "below 0.01" : n.toPrecision(3));
  const against = (row: BreakEven) =>
    row.saving === null ? "vanilla KD" : `plain, ${Math.round(100 * row.saving)} % saved`;
  const rows = breakEven.map((row) => [
    row.student,
    against(row),
    row.teacherTraining ? "counted" : "not counted",
    students(row.students),
    row.tokens === null ? unknown : scientific(row.tokens),
  ]);
  return table(["offline pass repaid", "against", "teacher's training", "after students", "or tokens of one"], rows);
}

function totalText({ recipe, total, cost }: Estimate): string {
  const { seconds, open, flops } = total;
  const lines = [
    `${recipe}: ${formatSeconds(seconds.expected)} (${between(seconds)}), ${scientific(flops)} FLOPs${open.length === 0 ? "" : " of what is counted"}`,
    ...(open.length === 0
      ? []
      : [`left out, as what they take is not known before the run: ${[...new Set(open.map(withoutSeed))].join(", ")}`]),
  ];
  if (cost !== null) {
    const money = (n: number) => `${n.toFixed(2)}${cost.currency === null ? "" : ` ${cost.currency}`}`;
    lines.push(`cost ${money(cost.expected)} (${money(cost.low)} to ${money(cost.high)}) at ${cost.perHour} an hour`);
  }
  return lines.join("\n");
}
