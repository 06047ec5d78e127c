import type { RunSummary } from "../../run/record.ts";
import { duration, flops, percent, plural, UNKNOWN } from "../format.ts";
import { html, nothing, type Safe } from "../html.ts";
import { table } from "../section.ts";

/** What is needed to list the stages: they, and which of them are students'. */
type Stages = Pick<RunSummary, "stages"> & { students: readonly { name: string; seed: number; folder: string }[] };

/** Stages whose models compute, and whose FLOPs no record holds. */
const UNCOUNTED = /^(tasks|analyze)\/|^evaluate\/(tasks|scaling)$/;

/** Wall time and FLOPs of the stages, with their sums; nothing before the first is done. @param crowded - all students in one row */
export function stagesTable(run: Stages, crowded = false): Safe {
  const { stages } = run;
  if (stages.length === 0) return nothing;
  const spent = stages.reduce((sum, stage) => sum + (stage.flops ?? 0), 0);
  const counted = !stages.some(({ stage }) => UNCOUNTED.test(stage));
  const seconds = stages.reduce((sum, stage) => sum + stage.seconds, 0);
  const rows = groupedStages(run, crowded).map((stage) => [
    stage.stage,
    stage.reused ? html`<span class="fine">reused</span> ${duration(stage.seconds)}` : duration(stage.seconds),
    stage.flops === undefined ? UNKNOWN : flops(stage.flops),
    stage.flops === undefined || spent === 0 ? "" : percent(stage.flops / spent, 1),
  ]);
  return table(
    counted
      ? "Cost of the stages"
      : "Cost of the stages; FLOPs of zero-shot tasks, scaling laws and analyses are not counted",
    [
      { title: "Stage" },
      { title: "Wall time", numeric: true },
      { title: "FLOPs", numeric: true },
      { title: "Share", numeric: true },
    ],
    [
      ...rows,
      [
        html`<b>${counted ? "all" : "all that is counted"}</b>`,
        html`<b>${duration(seconds)}</b>`,
        html`<b>${flops(spent)}</b>`,
        "",
      ],
    ],
  );
}

/** The stages; those of the students of one name (training, evaluation) in one row each, or of all of them. */
function groupedStages(run: Stages, crowded: boolean): StageCost[] {
  const groups = new Map<string, StageCost & { stages: number }>();
  for (const { stage, seconds, reused, flops: spent } of run.stages) {
    const trained = run.students.find((one) => one.folder === stage);
    const evaluated = run.students.find((one) => stage === `evaluate/${one.name}-seed${one.seed}`);
    const student = (trained ?? evaluated)?.name;
    const kind = trained ? "students" : "evaluate";
    const name = student === undefined ? sameWork(stage) : crowded ? kind : `${kind}/${student}`;
    const group = groups.get(name) ?? { stage: name, seconds: 0, reused: true, flops: undefined, stages: 0 };
    group.seconds += seconds;
    group.reused &&= reused;
    if (spent !== undefined) group.flops = (group.flops ?? 0) + spent;
    group.stages++;
    groups.set(name, group);
  }
  return [...groups.values()].map((group) => ({
    ...group,
    stage: group.stages > 1 ? `${group.stage}, ${plural(group.stages, nounOf(group.stage))}` : group.stage,
  }));
}

function nounOf(stage: string): string {
  if (stage === "students") return "training";
  if (stage === "evaluate") return "model";
  return /^(students|evaluate)\//.test(stage) ? "seed" : "stage";
}

/** Re-encodings for one tokenizer in one row, and all counts of bytes. */
function sameWork(stage: string): string {
  return /^(convert\/[^/]+|bytes)\//.exec(stage)?.[1] ?? stage;
}

interface StageCost {
  stage: string;
  seconds: number;
  reused: boolean;
  flops: number | undefined;
}
