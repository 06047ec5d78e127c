import { responsive, WIDTHS } from "../charts/frame.ts";
import { type IntervalRow, intervalChart } from "../charts/intervals.ts";
import { extent } from "../charts/lines.ts";
import type { Findings } from "../findings.ts";
import { points, pointsInterval, pValue, signed, signedInterval, UNKNOWN } from "../format.ts";
import { html, type Safe } from "../html.ts";
import { details, figure, joined, type Section, table } from "../section.ts";
import type { TaskContrast, TaskFindings, TaskVerdict } from "../task_findings.ts";
import { limitedInWords, taskVerdict } from "../task_verdict.ts";
import { taskScores } from "./task_scores.ts";

/** Pairs of students that get a picture each; of more, the table has all. */
const PICTURES = 12;
const SERIES: Record<TaskVerdict, number | undefined> = {
  better: 0,
  worse: 1,
  unclear: undefined,
  untested: undefined,
};

/** Zero-shot tasks: scores, and differences to the baseline; none for runs that asked none. */
export function tasksSection({ tasks }: Findings): Section[] {
  if (tasks === undefined || tasks.scores.length === 0) return [];
  return [
    {
      id: "tasks",
      title: "Tasks",
      lead: html`${taskVerdict(tasks)}`,
      body: joined(
        tasks.limited ? watermark(tasks) : undefined,
        taskScores(tasks),
        ...differenceFigures(tasks),
        comparisonsTable(tasks),
      ),
    },
  ];
}

function watermark({ tasks }: TaskFindings): Safe {
  return html`<aside class="missing"><p><b>A limited run.</b> ${limitedInWords(tasks)}</p></aside>`;
}

function differenceFigures({ pairs }: TaskFindings): Safe[] {
  const drawn = pairs
    .map((pair) => ({
      ...pair,
      shown: [...pair.contrasts, ...(pair.average === undefined ? [] : [pair.average])].filter(({ share }) => share),
    }))
    .filter(({ shown }) => shown.length > 0);
  const [first, ...others] = drawn;
  if (first === undefined || drawn.length > PICTURES) return [];
  const caption = captionOf(drawn.flatMap(({ shown }) => shown));
  if (others.length === 0) {
    const { treatment, baseline } = first;
    return [
      figure(
        `${treatment.name} against ${baseline.name}, task by task`,
        responsive((width) => picture(first, undefined, width)),
        caption,
      ),
    ];
  }
  const bounds = drawn.flatMap(({ shown }) => shown.flatMap(({ interval, gain }) => [...interval, gain]));
  const domain = extent([...bounds, 0]);
  const pictures = drawn.map(
    (pair) =>
      html`<figure class="small"><p class="figure-title">${pair.treatment.name} <span class="fine">against ${pair.baseline.name}</span></p>${picture(pair, domain, WIDTHS.small)}</figure>`,
  );
  return [
    html`<h3>Differences task by task</h3><div class="charts-three">${pictures}</div><p class="fine">${caption} One axis for all.</p>`,
  ];
}

function picture(
  pair: TaskFindings["pairs"][number] & { shown: TaskContrast[] },
  domain: readonly [number, number] | undefined,
  width: number,
): Safe {
  const { treatment, baseline, shown } = pair;
  const rows = shown.map(
    (one): IntervalRow => ({
      label: one === pair.average ? "average" : one.task,
      series: SERIES[one.verdict],
      value: one.gain,
      interval: one.interval,
      emphasis: true,
      dots: one.seeds,
    }),
  );
  return intervalChart(
    {
      rows,
      axisTitle: "difference, percentage points",
      left: "← baseline better",
      right: "student better →",
      title: `Tasks, ${treatment.name} against ${baseline.name}`,
      description: shown.map((one) => `${one.task}: ${points(one.gain)} (${pointsInterval(one.interval)}).`).join(" "),
      figure: (value) => points(value),
      ...(domain && { domain }),
    },
    width,
  );
}

function captionOf(shown: readonly TaskContrast[]): string {
  const over = new Set(shown.map(({ intervalOver }) => intervalOver));
  const whiskers =
    over.size > 1
      ? "a 95 % t interval over pairs of seeds, or a bootstrap over the questions where seeds have no spread"
      : over.has("seeds")
        ? "a 95 % t interval over pairs of seeds"
        : "a 95 % bootstrap interval over the questions";
  const dots = shown.some(({ seeds }) => seeds.length > 0) ? " Dots: single pairs of seeds." : "";
  return `Diamonds: difference of the mean score; whiskers: ${whiskers}.${dots} Blue: significantly better, orange: significantly worse, by Holm's p over the tasks below 0.05 (the average: by its interval); grey: not significant, though an interval by itself may leave out zero.`;
}

function comparisonsTable({ pairs }: TaskFindings): Safe | undefined {
  const rows = pairs.flatMap(({ contrasts, average }) => [...contrasts, ...(average === undefined ? [] : [average])]);
  if (rows.length === 0) return undefined;
  const size = ({ share, gain }: TaskContrast) => (share ? points(gain, 2) : signed(gain));
  const range = (one: TaskContrast, [low, high]: readonly [number, number]) =>
    one.share ? pointsInterval([low, high]) : signedInterval([low, high]);
  const p = (value: number | undefined) => (value === undefined ? UNKNOWN : pValue(value));
  return details(
    "All comparisons on tasks as a table",
    table(
      `Differences on tasks, positive where the first-named is better: percentage points${rows.some(({ share }) => !share) ? ", log-likelihood of a question's target in nats where the metric is a perplexity" : ""}`,
      [
        { title: "Task" },
        { title: "Comparison" },
        { title: "Difference", numeric: true },
        { title: "95 % interval", numeric: true },
        { title: "Over questions", numeric: true },
        { title: "t test", numeric: true },
        { title: "McNemar", numeric: true },
        { title: "Holm", numeric: true },
      ],
      rows.map((one) => [
        one.task,
        `${one.treatment.name} v. ${one.baseline.name}`,
        size(one),
        html`${range(one, one.interval)} <span class="fine">${one.intervalOver === "items" ? "questions" : "seeds"}</span>`,
        range(one, one.itemInterval),
        p(one.pSeeds),
        p(one.pMcNemar),
        one.verdict === "better" || one.verdict === "worse" ? html`<b>${p(one.p)}</b>` : p(one.p),
      ]),
    ),
  );
}
