import { scaleLinear } from "d3-scale";
import type { CausalLosses } from "../../train/record.ts";
import type { Group } from "../cast.ts";
import { numberTicks } from "../charts/axes.ts";
import { WIDTHS } from "../charts/frame.ts";
import { type Line, type LinePoint, lineChart } from "../charts/lines.ts";
import { sharedMeans, thinned } from "../curves.ts";
import type { Findings } from "../findings.ts";
import { compact, nats } from "../format.ts";
import { html, nothing, type Safe } from "../html.ts";

/** Points of a line that are drawn. */
const POINTS = 100;
const HEIGHT = 240;

/** Losses in nats that are drawn, each in its own colour in every picture. */
const DRAWN = [
  { loss: "lm", name: "LM", series: 0 },
  { loss: "kd", name: "KD", series: 1 },
  { loss: "teacher_entropy", name: "entropy", series: 5 },
  { loss: "kl", name: "true KL", series: 2 },
] as const satisfies { loss: keyof CausalLosses; name: string; series: number }[];

/** Of each student with a teacher's distributions: the losses it learned by, apart, over its steps; nothing where there is none. */
export function distillationCurves({ cast }: Findings): Safe {
  const pictures = cast.groups.flatMap((group) => picture(group) ?? []);
  if (pictures.length === 0) return nothing;
  return html`<h3>What was learned from the teacher</h3><p class="fine">The language-modelling loss on the text, the distillation loss, the teacher's entropy at the same positions, and the true KL divergence from the teacher (for soft targets the distillation loss less the entropy), in nats per token, each unweighted. On text of a student's own the last three are over that text; from stored outputs they are over the stored tokens and one class for all others, which is less than over the whole vocabulary.</p><div class="charts-three">${pictures}</div>`;
}

function picture(group: Group): Safe | undefined {
  const lines = DRAWN.flatMap(({ loss, name, series }): Line[] => {
    const mean = meanLoss(group, loss);
    return mean.length < 2 ? [] : [{ name, series, seeds: [mean], mean }];
  });
  if (!lines.some(({ name }) => name === "KD")) return undefined;
  const matched = (["hidden", "attention"] as const).flatMap((loss) => {
    const end = meanLoss(group, loss).at(-1);
    return end === undefined ? [] : [`${loss} ${nats(end.y)}`];
  });
  const ends = lines.map(({ name, mean }) => `${name} ${nats(mean.at(-1)!.y)}`);
  return html`<figure class="small"><p class="figure-title">${group.name} <span class="fine">${[group.plan?.method ?? "", ...matched].filter((part) => part !== "").join("; ")}</span></p>${lineChart(
    {
      lines,
      x: {
        scale: (domain, range) => scaleLinear(domain, range),
        ticks: (scale) => numberTicks(scale, 4, compact),
        title: "optimizer steps",
      },
      y: { title: "nats per token", value: nats, room: 0.02 },
      height: HEIGHT,
      title: `Losses of ${group.name}`,
      description: `In the end: ${ends.join(", ")} nats per token.`,
    },
    WIDTHS.small,
  )}</figure>`;
}

/** Mean of a loss over a group's seeds, smoothed to what can be drawn. */
function meanLoss({ students }: Group, loss: keyof CausalLosses): LinePoint[] {
  const seeds = students.flatMap(({ metrics }) => {
    const points = metrics.flatMap((line) => {
      const value = line.type === "train" ? line.losses?.[loss] : undefined;
      return line.type === "train" && value !== undefined ? [{ step: line.step, value }] : [];
    });
    return points.length === 0 ? [] : [points];
  });
  if (seeds.length === 0) return [];
  const means = sharedMeans(seeds, ({ value }) => value).map(({ point, mean }) => ({ x: point.step, y: mean }));
  return thinned(means, POINTS).map(({ x, y }) => ({ step: x, x, y }));
}
