import { trainingPlot } from "../charts/sparkline.ts";
import { sharedMeans, thinned } from "../curves.ts";
import type { Findings } from "../findings.ts";
import { compact, count, duration, flops, nats, UNKNOWN } from "../format.ts";
import { html, type Safe } from "../html.ts";
import type { ModelRecord, ReportData } from "../record.ts";
import { absent, details, joined, type Section, table } from "../section.ts";
import { distillationCurves } from "./distillation.ts";

const POINTS = 160;
/** More trainings than this are drawn as means over their seeds. */
const MOST_PLOTS = 14;

interface Trained {
  name: string;
  series: number | undefined;
  record: ModelRecord;
  /** Wall time of its stage; undefined where none is recorded. */
  seconds: number | undefined;
}

/** Training loss of everything that was trained in the run. */
export function trainingSection(data: ReportData, findings: Findings): Section {
  const { cast } = findings;
  const secondsOf = (name: string) => data.run.stages.find(({ stage }) => stage === name)?.seconds;
  const models: Trained[] = (["teacher", "reference"] as const).flatMap((role) => {
    const record = data.models[role];
    return record === undefined
      ? []
      : [{ name: role, series: undefined, record, seconds: secondsOf(`models/${role}`) }];
  });
  const students = cast.groups.flatMap((group) =>
    group.students.map(
      (student): Trained => ({
        name: `${group.name}, seed ${student.seed}`,
        series: group.series,
        record: student,
        seconds: secondsOf(student.folder),
      }),
    ),
  );
  const all = [...models, ...students];
  const perGroup = all.length > MOST_PLOTS;
  const drawn = [
    ...models.map(({ name, series, record }) => ({ name, series, records: [record] })),
    ...(perGroup
      ? cast.groups.map(({ name, series, students: records }) => ({ name, series, records }))
      : students.map(({ name, series, record }) => ({ name, series, records: [record] }))),
  ];
  const plots = drawn.flatMap((plot) => {
    const points = thinned(meanPoints(plot.records), POINTS);
    return points.length < 2 ? [] : [{ ...plot, points }];
  });
  const domain = lossDomain(plots.map((plot) => plot.points.map((point) => point.y)));
  return {
    id: "training",
    title: "Training",
    lead: html`Loss on the training text itself. A smooth fall says that the training was sound; which student is better is for the held-out sets to say, since the students read different text.`,
    body: joined(
      plots.length === 0
        ? absent("Nothing has been trained in this run yet.")
        : html`<div class="charts-small">${plots.map(
            (plot) =>
              html`<figure class="small"><p class="figure-title">${plot.name} <span class="fine">${nats(plot.points.at(-1)!.y, 2)}</span></p>${trainingPlot({ name: plot.name, points: plot.points.filter((point) => point.y <= domain[1]), domain, series: plot.series })}</figure>`,
          )}</div><p class="fine">Mean training loss in nats per token${perGroup ? ", means over seeds" : ""}${cast.groups.some(({ students: some }) => some.some(distilled)) ? ", of the text itself where a teacher's distributions are learned too" : ""}, one common loss axis; the steep beginning is cut off.</p>`,
      distillationCurves(findings),
      details("All trainings as a table", trainingTable(all)),
    ),
  };
}

/** The first steps start near ln(vocabulary) and would leave the rest no room: the axis ends where each curve is 5 % on its way. */
export function lossDomain(curves: readonly number[][]): [number, number] {
  const low = Math.min(...curves.flat());
  const high = Math.max(
    ...curves.map((losses) => [...losses].sort((a, b) => a - b)[Math.floor(0.95 * (losses.length - 1))]!),
  );
  return [Math.floor(low * 2) / 2, high];
}

/** Loss on the text over tokens, the mean over models of one kind. */
function meanPoints(records: readonly ModelRecord[]): { x: number; y: number }[] {
  const curves = records.map(trainPoints).filter((points) => points.length > 0);
  if (curves.length === 0) return [];
  return sharedMeans(curves, ({ y }) => y).map(({ point, mean }) => ({ x: point.x, y: mean }));
}

function trainPoints({ metrics }: ModelRecord): { step: number; x: number; y: number }[] {
  return metrics.flatMap((line) =>
    line.type === "train" ? [{ step: line.step, x: line.tokens, y: line.losses?.lm ?? line.loss }] : [],
  );
}

function distilled({ metrics }: ModelRecord): boolean {
  return metrics.some((line) => line.type === "train" && line.losses !== undefined);
}

function trainingTable(models: readonly Trained[]): Safe {
  return table(
    "Models trained in this run",
    [
      { title: "Model" },
      { title: "Parameters", numeric: true },
      { title: "without embeddings", numeric: true },
      { title: "Steps", numeric: true },
      { title: "Tokens", numeric: true },
      { title: "FLOPs", numeric: true },
      { title: "Final loss", numeric: true },
      { title: "Wall time", numeric: true },
      { title: "Data" },
    ],
    models.flatMap(({ name, seconds, record: { training } }) =>
      training === undefined
        ? []
        : [
            [
              name,
              compact(training.parameters),
              compact(training.nonEmbeddingParameters),
              count(training.steps),
              compact(training.tokens),
              flops(training.flops),
              nats(training.finalLoss),
              seconds === undefined ? UNKNOWN : duration(seconds),
              training.data,
            ],
          ],
    ),
  );
}
