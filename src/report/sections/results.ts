import type { Evaluation, HeldOutLoss } from "../../evaluate/record.ts";
import { responsive } from "../charts/frame.ts";
import { type IntervalRow, intervalChart } from "../charts/intervals.ts";
import { type Contrast, type Findings, isOneSeed, type Pair } from "../findings.ts";
import { clearOfNoise, count, LOSS_UNITS, nats, percent, signed, signedInterval, UNKNOWN } from "../format.ts";
import { html, type Safe } from "../html.ts";
import type { ReportData } from "../record.ts";
import { absent, details, figure, joined, type Section, studentName, table } from "../section.ts";
import { lossesBySource } from "./by_source.ts";
import { studentsTable } from "./students.ts";

/** Losses of every model on every set, paired comparisons, and losses by source. */
export function resultsSection(data: ReportData, findings: Findings): Section {
  const { evaluation } = data;
  const frame = { id: "results", title: "Results" };
  if (evaluation === undefined || evaluation.losses.length === 0)
    return {
      ...frame,
      lead: html`Final held-out losses of all students.`,
      body: absent("The students have not been evaluated yet."),
    };
  const size = evaluation.losses[0]!;
  return {
    ...frame,
    lead: html`Final held-out loss of every model, in nats per token, with 95 % bootstrap intervals over ${count(size.instances)} instances. Students are compared on the same instances, so a difference can be clear although the intervals of the losses overlap.`,
    body: joined(
      ...contrastFigures(findings),
      findings.cast.groups.every(({ plan }) => plan === undefined)
        ? lossesTable(evaluation, findings)
        : joined(studentsTable(findings), details("Every model and seed", lossesTable(evaluation, findings))),
      findings.contrasts.length === 0 ? undefined : details("All paired comparisons as a table", pairsTable(findings)),
      ...findings.sets.map((set) => lossesBySource(evaluation, findings, set)),
    ),
  };
}

/** Rows up to which all contrasts stand in one picture, each with its seeds below it. */
const ROWS = 24;

/** All contrasts in one picture; of many, one for each set and unit, ordered by size. */
function contrastFigures({ contrasts, cast, question }: Findings): Safe[] {
  if (contrasts.length === 0) return [];
  const rows = contrasts.reduce((sum, { pairs }) => sum + (pairs.length < 2 ? 1 : 1 + pairs.length), 0);
  const units = [...new Set(contrasts.map(({ unit }) => unit))];
  if (rows <= ROWS && !cast.crowded && units.length === 1) return [contrastFigure(contrasts)];
  const names = contrastNames({ contrasts, cast, question });
  const pictures = [...new Set(contrasts.map(({ set }) => set))].flatMap((set) =>
    units.flatMap((unit) => {
      const here = contrasts.filter((one) => one.set === set && one.unit === unit);
      return here.length === 0 ? [] : [{ set, here }];
    }),
  );
  return pictures.map(({ set, here }, i) => rankedFigure(set, here, names, i === 0));
}

/** What tells the contrasts of a crowd from each other: the models' kind for twins, the student where all have one baseline. */
function contrastNames({ contrasts, cast, question }: Pick<Findings, "contrasts" | "cast" | "question">) {
  const baselines = new Set(contrasts.map(({ baseline }) => baseline));
  return ({ treatment, baseline }: Contrast) => {
    if (baselines.size === 1) return treatment.name;
    const lineup = cast.lineups.find(({ treatments }) => treatments.includes(treatment));
    const twins = question === "families" && lineup?.treatments.length === 1;
    return twins ? lineup.label : `${treatment.name} v. ${baseline.name}`;
  };
}

/** Contrasts of one set from the largest gain to the largest loss, seeds as dots. @param explained - whether to say how it is read */
function rankedFigure(
  set: string,
  contrasts: readonly Contrast[],
  nameOf: (contrast: Contrast) => string,
  explained: boolean,
): Safe {
  const ranked = [...contrasts].sort((a, b) => b.gain - a.gain);
  const { unit, baseline } = ranked[0]!;
  const series = { lower: 0, higher: 1, unclear: undefined };
  const rows = ranked.map(
    (contrast): IntervalRow => ({
      label: nameOf(contrast),
      series: series[contrast.verdict],
      value: contrast.gain,
      interval: contrast.interval,
      emphasis: true,
      dots: contrast.pairs.length < 2 ? [] : contrast.pairs.map(({ gain }) => gain),
    }),
  );
  const only = ranked.every((one) => one.baseline === baseline);
  const title = `${set}${only ? `, against ${baseline.name}` : ""}: ${lowercase(howClear(ranked))}`;
  const description = `${title}. ${ranked.map((one) => `${nameOf(one)}: ${signed(one.gain)} (${signedInterval(one.interval)}).`).join(" ")}`;
  const named = ranked.every((one) => one.treatment.baseline === one.baseline);
  const several = ranked.some(({ pairs }) => pairs.length > 1);
  return figure(
    title,
    responsive((width) =>
      intervalChart(
        {
          rows,
          axisTitle: `reduction of the held-out loss, ${LOSS_UNITS[unit]}`,
          left: named ? "← baseline lower" : "← second-named lower",
          right: named ? "student lower →" : "first-named lower →",
          title: `Paired comparisons on ${set}`,
          description,
        },
        width,
      ),
    ),
    !explained
      ? "As above."
      : `${several ? "Diamonds: mean over seeds, with a t interval over the seeds. Dots: single seeds. " : "Bootstrap intervals over the instances. "}Blue: ${named ? "clearly lower than the baseline" : "the first-named is clearly lower"}; orange: clearly higher; grey: the interval holds zero.${named ? " The order is that of the means: neighbours were not compared with each other." : ""}`,
  );
}

/** How many comparisons are clear, and of what where each is one training run against another. */
function howClear(contrasts: readonly Contrast[]): string {
  const clear = contrasts.filter(({ verdict }) => verdict !== "unclear").length;
  const words = clearOfNoise(clear, contrasts.length);
  return isOneSeed(contrasts) && clear > 0 ? `${words} of the instances; one seed, so not of training` : words;
}

function lowercase(text: string): string {
  return text.replace(/^\p{Lu}/u, (letter) => letter.toLowerCase());
}

function contrastFigure(contrasts: readonly Contrast[]): Safe {
  const rows = contrasts.flatMap((contrast): IntervalRow[] => {
    const name = `${contrast.treatment.name} v. ${contrast.baseline.name}, ${contrast.set}`;
    const whole = {
      label: name,
      series: contrast.treatment.series,
      value: contrast.gain,
      interval: contrast.interval,
      emphasis: true,
    };
    if (contrast.pairs.length < 2) return [whole];
    return [
      whole,
      ...contrast.pairs.map((pair) => ({
        ...whole,
        label: seedsOf(pair),
        value: pair.gain,
        interval: pair.interval,
        emphasis: false,
      })),
    ];
  });
  const title = howClear(contrasts);
  return figure(
    title,
    responsive((width) =>
      intervalChart(
        {
          rows,
          axisTitle: `reduction of the held-out loss, ${LOSS_UNITS[contrasts[0]!.unit]}`,
          left: "← baseline lower",
          right: "first-named lower →",
          title: "Paired comparisons",
          description: `${title}. ${contrasts.map((one) => `${one.treatment.name} against ${one.baseline.name} on ${one.set}: ${signed(one.gain)} (${signedInterval(one.interval)}).`).join(" ")}`,
        },
        width,
      ),
    ),
    `${contrasts.some((contrast) => contrast.pairs.length > 1) ? "Diamonds: mean over seeds, with a t interval over the seeds. Circles: single seeds, with a bootstrap interval over the instances. " : ""}Right of zero the first-named students have the lower loss. Whiskers that cross zero: not clear of noise.`,
  );
}

function seedsOf({ treatmentSeed, baselineSeed }: Pair): string {
  if (treatmentSeed === undefined || baselineSeed === undefined) return "all seeds";
  return treatmentSeed === baselineSeed ? `seed ${treatmentSeed}` : `seed ${treatmentSeed} v. ${baselineSeed}`;
}

function lossesTable(evaluation: Evaluation, { cast, sets, losses }: Findings): Safe {
  // Nats per token have no lowest across tokenizers.
  const comparable = new Set(cast.groups.map(({ plan }) => plan?.tokenizer)).size === 1;
  const best = new Map(
    comparable
      ? sets.map((set) => [set, Math.min(...losses.filter((loss) => loss.set === set).map((loss) => loss.mean))])
      : [],
  );
  const cell = (loss: HeldOutLoss | undefined) =>
    loss === undefined
      ? UNKNOWN
      : html`${nats(loss.loss)} <span class="fine">${nats(loss.interval[0])}–${nats(loss.interval[1])}</span>`;
  const find = (model: (name: string) => boolean, set: string) =>
    evaluation.losses.find((loss) => loss.set === set && model(loss.model));
  const students = cast.groups.flatMap((group) => {
    const mean = sets.map((set) => {
      const loss = losses.find((one) => one.group === group && one.set === set);
      if (loss === undefined) return UNKNOWN;
      return loss.mean === best.get(set)
        ? html`<b>${nats(loss.mean)}</b> <span class="fine">lowest</span>`
        : html`<b>${nats(loss.mean)}</b>`;
    });
    const name = studentName(group);
    if (group.students.length === 1)
      return [[name, ...sets.map((set) => cell(find((model) => cast.member(model)?.group === group, set)))]];
    const seeds = group.students.map((student) => [
      html`<span class="indent">seed ${student.seed}</span>`,
      ...sets.map((set) =>
        cell(find((model) => cast.member(model)?.group === group && cast.member(model)?.seed === student.seed, set)),
      ),
    ]);
    return [[name, ...mean], ...seeds];
  });
  const others = [...new Set(evaluation.losses.map((loss) => loss.model))].filter(
    (model) => cast.member(model) === undefined,
  );
  return table(
    `Held-out loss, nats per token (95 % interval)${cast.groups.some((group) => group.students.length > 1) ? "; bold: means over seeds" : ""}`,
    [{ title: "Model" }, ...sets.map((set) => ({ title: set, numeric: true }))],
    [...students, ...others.map((model) => [model, ...sets.map((set) => cell(find((name) => name === model, set)))])],
  );
}

function pairsTable({ contrasts }: Findings): Safe {
  const units = new Set(contrasts.map(({ unit }) => unit));
  const mixedUnits = units.size > 1;
  const row = (contrast: Contrast, pair: Pair) => [
    contrast.set,
    `${contrast.treatment.name} v. ${contrast.baseline.name}`,
    seedsOf(pair),
    ...(mixedUnits ? [LOSS_UNITS[contrast.unit]] : []),
    signed(pair.gain, 4),
    `${signed(pair.interval[0], 4)} to ${signed(pair.interval[1], 4)}`,
    percent(pair.share, 1),
  ];
  return table(
    `Reduction of the held-out loss${mixedUnits ? "" : `, ${LOSS_UNITS[contrasts[0]!.unit]}`}`,
    [
      { title: "Set" },
      { title: "Comparison" },
      { title: "Seeds" },
      ...(mixedUnits ? [{ title: "Unit" }] : []),
      { title: "Reduction", numeric: true },
      { title: "95 % interval", numeric: true },
      { title: "Lower on", numeric: true },
    ],
    contrasts.flatMap((contrast) => contrast.pairs.map((pair) => row(contrast, pair))),
  );
}
