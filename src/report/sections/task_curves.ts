import { scaleLinear } from "d3-scale";
import { isShare } from "../../evaluate/task_comparison_record.ts";
import type { Cast, Group } from "../cast.ts";
import { costTicks, costTitle, type Scale } from "../charts/axes.ts";
import { px, SERIES, WIDTHS } from "../charts/frame.ts";
import { extent, type Line, lineChart } from "../charts/lines.ts";
import type { Findings } from "../findings.ts";
import { count, listed, percent, percentTick, plain } from "../format.ts";
import { html, type Safe } from "../html.ts";
import { type GroupTaskCurve, type TaskDuringTraining, tasksDuringTraining } from "../task_curves.ts";

const HEIGHT = 230;
/** Single seeds of more students than this hide each other. */
const WITH_SEEDS = 2;
/** A share is drawn on an axis of at least this length: a question more or less is no event. */
const SHARE_ROOM = 0.02;

/** A few questions of each task, asked while the students trained: one small picture per task; nothing where none were asked. */
export function taskCurves(findings: Findings): Safe | undefined {
  const { cast } = findings;
  const drawn = drawnGroups(cast);
  const tasks = tasksDuringTraining(drawn);
  if (tasks.length === 0) return undefined;
  const chances = new Map(findings.tasks?.tasks.map(({ name, chance }) => [name, chance]));
  const pictures = tasks.map((task) => picture(task, drawn, chances.get(task.task), findings));
  return html`<h3>A few questions of each task during training</h3><p class="fine">${caption(tasks, drawn, cast, chances)}</p><div class="charts-three">${pictures}</div>`;
}

/** As many groups as the palette tells apart, what others are held against before them. */
function drawnGroups({ groups, lineups }: Cast): Group[] {
  if (groups.length <= SERIES) return [...groups];
  return [...new Set([...lineups.map(({ baseline }) => baseline), ...groups])].slice(0, SERIES);
}

function caption(
  tasks: readonly TaskDuringTraining[],
  drawn: readonly Group[],
  { groups }: Cast,
  chances: ReadonlyMap<string, number | undefined>,
): string {
  const [least, most] = extent(tasks.map(({ items }) => items));
  const questions = least === most ? count(least) : `${count(least)} to ${count(most)}`;
  const several = tasks.some(({ curves }) => curves.some(({ seeds }) => seeds.length > 1));
  return [
    `${questions} questions of each task: enough to see a task being learned, too few for a result.`,
    several
      ? drawn.length > WITH_SEEDS
        ? "Means over seeds."
        : "Thick: mean over seeds; thin with band: single seeds."
      : "One line per student (one seed).",
    ...([...chances.values()].some((chance) => chance !== undefined) ? ["Dashed: what guessing gives."] : []),
    ...(drawn.length < groups.length ? [`${drawn.length} of ${groups.length} students are drawn.`] : []),
  ].join(" ");
}

function picture(
  { task, metric, items, curves }: TaskDuringTraining,
  drawn: readonly Group[],
  chance: number | undefined,
  { cost }: Findings,
): Safe {
  const share = isShare(metric);
  const value = (y: number) => (share ? percent(y) : plain(y));
  const room = share ? SHARE_ROOM : 0;
  const shown = drawn.length > WITH_SEEDS ? curves.map((curve) => ({ ...curve, seeds: [curve.mean] })) : curves;
  const [low, high] = extent([
    ...shown.flatMap(({ seeds }) => seeds.flatMap((points) => points.map((point) => point.value))),
    ...(chance === undefined ? [] : [chance]),
  ]);
  const margin = Math.max((high - low) * 0.08, room);
  const lines = shown.map((curve): Line => lineOf(curve, curve.group.series ?? drawn.indexOf(curve.group), cost));
  const ends = lines.map(({ name, mean }) => `${name} ${value(mean.at(-1)!.y)}`);
  return html`<figure class="small"><p class="figure-title">${task} <span class="fine">${metric}, ${count(items)} questions</span></p>${lineChart(
    {
      lines,
      x: {
        scale: (domain, range) => scaleLinear(domain, range),
        ticks: (scale) => costTicks(scale, 3, cost),
        title: costTitle(cost),
      },
      y: {
        title: metric,
        value,
        ...(share && { tick: percentTick }),
        room,
        domain: [low - margin, high + margin],
      },
      height: HEIGHT,
      ...(chance !== undefined && { overlay: (x: Scale, y: Scale) => chanceLine(x, y(chance)) }),
      title: `${task} during training`,
      description: `In the end: ${listed(ends)}${chance === undefined ? "" : `; by chance ${value(chance)}`}.`,
    },
    WIDTHS.small,
  )}</figure>`;
}

function lineOf({ group, seeds, mean }: GroupTaskCurve, series: number, cost: Findings["cost"]): Line {
  const drawn = (points: GroupTaskCurve["mean"]) =>
    points.map((point) => ({ step: point.step, x: point[cost], y: point.value }));
  return { name: group.name, series, seeds: seeds.map(drawn), mean: drawn(mean) };
}

function chanceLine(x: Scale, y: number): Safe {
  const [left, right] = x.range() as [number, number];
  return html`<g class="cut"><path d="M${px(left)} ${px(y)}H${px(right)}"/></g>`;
}
