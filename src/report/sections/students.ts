import { type Group, textInWords } from "../cast.ts";
import { flopsSpread, spentBy } from "../costs.ts";
import type { Contrast, Findings, GroupLoss, SeedLoss } from "../findings.ts";
import { compact, flops, LOSS_UNITS, nats, percent, plural, sizeInterval, UNKNOWN } from "../format.ts";
import { html, nothing, type Safe } from "../html.ts";
import { parametersOf } from "../lineups.ts";
import { note, stackedTable, studentName } from "../section.ts";

/** Every student: what it is, what it learned from what, what that took, how good it is, and against whom. */
export function studentsTable(findings: Findings): Safe {
  const { cast, sets } = findings;
  return stackedTable(
    caption(findings),
    [
      { title: "Student" },
      { title: "Trained on" },
      { title: "Learned by" },
      { title: "Training", numeric: true },
      ...sets.map((set) => ({ title: set, numeric: true })),
    ],
    cast.groups.map((group) => [
      html`${studentName(group)}${whatItIs(group).map(note)}`,
      html`${textInWords(group)}${note(group.plan?.tokenizer === undefined ? "" : `re-encoded, tokenizer ${group.plan.tokenizer}`)}`,
      group.plan === undefined
        ? UNKNOWN
        : html`${group.plan.method}${note(group.plan.method === "LM" ? "" : group.plan.loss)}`,
      trainingCell(group, cast.groups),
      ...sets.map((set) => lossCell(group, set, findings)),
    ]),
  );
}

function caption({ cast, losses, contrasts }: Findings): string {
  const several = cast.groups.some(({ students }) => students.length > 1);
  const tokenizers = new Set(cast.groups.map(({ plan }) => plan?.tokenizer)).size > 1;
  const inBytes = losses.some(({ bitsPerByte }) => bitsPerByte !== undefined);
  return [
    `Students. Held-out loss in nats per token${inBytes ? ", below it in bits per byte" : ""}${several ? ": mean over seeds, lowest to highest seed (one seed: 95 % interval over instances)" : ", with its 95 % interval over instances"}`,
    ...(contrasts.length > 0 ? ["then how far below or above its baseline, with the 95 % interval"] : []),
    ...(tokenizers ? ["Nats per token compare only between students of the same tokens"] : []),
  ]
    .join(". ")
    .replace(". then", "; then");
}

function whatItIs(group: Group): string[] {
  const parameters = parametersOf(group);
  const size = parameters === undefined ? "not trained yet" : `${compact(parameters)} parameters`;
  const kind = [group.plan?.family, size, plural(group.students.length, "seed")].filter((part) => part !== undefined);
  return [kind.join(", "), ...(group.baseline === undefined ? [] : [`against ${group.baseline.name}`])];
}

/** FLOPs, tokens, and whether the FLOPs came out as those of the student they were to equal. */
function trainingCell(group: Group, groups: readonly Group[]): string | Safe {
  const spent = spentBy(group);
  if (spent === undefined) return UNKNOWN;
  const equal = groups.find(({ name }) => name === group.plan?.flopsOf);
  const spread = equal && flopsSpread([group, equal]);
  return html`${flops(spent.flops)} FLOPs${note(`${compact(spent.tokens)} tokens`)}${note(spread === undefined ? "" : `as ${equal!.name}, within ${percent(spread, 1)}`)}`;
}

function lossCell(group: Group, set: string, { losses, contrasts }: Findings): string | Safe {
  const loss = losses.find((one) => one.group === group && one.set === set);
  if (loss === undefined) return UNKNOWN;
  const contrast = contrasts.find(
    (one) => one.set === set && one.treatment === group && one.baseline === group.baseline,
  );
  return html`<b>${nats(loss.mean)}</b> <span class="fine">${range(loss.seeds)}</span>${inBytes(loss)}${contrast === undefined ? nothing : against(contrast)}`;
}

function inBytes({ bitsPerByte }: GroupLoss): Safe {
  return bitsPerByte === undefined
    ? nothing
    : note(html`<b>${nats(bitsPerByte.mean)}</b> ${range(bitsPerByte.seeds)} bits/byte`);
}

/** Lowest and highest of several seeds; of one, its interval. */
function range(seeds: readonly SeedLoss[]): string {
  const [low, high] =
    seeds.length === 1
      ? seeds[0]!.interval
      : [Math.min(...seeds.map(({ loss }) => loss)), Math.max(...seeds.map(({ loss }) => loss))];
  return `${nats(low)}–${nats(high)}`;
}

function against({ gain, interval, verdict, unanimous, unit }: Contrast): Safe {
  const word = verdict === "unclear" && unanimous !== undefined ? `unclear, each seed ${unanimous}` : verdict;
  const direction = verdict !== "unclear" ? "" : gain >= 0 ? " lower" : " higher";
  const inUnit = unit === "nats_per_token" ? "" : ` ${LOSS_UNITS[unit]}`;
  return html`${note(html`<b>${word}</b>${inUnit}`)}${note(`${nats(Math.abs(gain))}${direction} (${sizeInterval(gain, interval)})`)}`;
}
