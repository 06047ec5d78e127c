import type { ScoreUnit } from "../score/bits_per_byte_record.ts";

const NBSP = "\u00a0";
const grouped = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
const SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹";

/** What stands where a number is unknown or not finite. */
export const UNKNOWN = "–";

/** Units of losses and scores in words. */
export const LOSS_UNITS: Readonly<Record<ScoreUnit, string>> = {
  nats_per_token: "nats per token",
  bits_per_byte: "bits per byte",
};

/** Unit of difference scores in words. @param unit - undefined where teacher and reference read the same tokens */
export function scoreUnit(unit: ScoreUnit | undefined): string {
  return unit === undefined || unit === "nats_per_token" ? "nats" : LOSS_UNITS[unit];
}

function fixed(value: number, digits: number): string {
  return value
    .toFixed(digits)
    .replace(/^-(?=.*[1-9])/, "−")
    .replace(/^-/, "");
}

/** A count with thousands separators: 12,345. */
export function count(value: number): string {
  return Number.isFinite(value) ? grouped.format(value).replace("-", "−") : UNKNOWN;
}

/** A count and its noun, in the singular where it is one: "1 seed", "3 seeds". */
export function plural(value: number, noun: string): string {
  return `${count(value)}${NBSP}${noun}${value === 1 ? "" : "s"}`;
}

/** Three significant digits with a unit from ten thousand on: 6,000, 530 k, 1.24 M (million), 3.50 B (billion). */
export function compact(value: number): string {
  return Math.abs(value) < 10_000 ? count(value) : scaled(value, 1000, ["", "k", "M", "B", "T"]);
}

/** A number of bytes in decimal units: 4.1 MB. */
export function bytes(value: number): string {
  return scaled(value, 1000, ["B", "kB", "MB", "GB", "TB"]);
}

function scaled(value: number, base: number, units: string[]): string {
  if (!Number.isFinite(value)) return UNKNOWN;
  let unit = 0;
  let rest = value;
  while (Math.abs(rest) >= base * 0.9995 && unit < units.length - 1) {
    rest /= base;
    unit++;
  }
  const digits = unit === 0 || Math.abs(rest) >= 99.95 ? 0 : Math.abs(rest) >= 9.995 ? 1 : 2;
  const suffix = units[unit]!;
  return suffix === "" ? fixed(rest, digits) : `${fixed(rest, digits)}${NBSP}${suffix}`;
}

/** A loss or NLL in nats: 3.412. */
export function nats(value: number, digits = 3): string {
  return Number.isFinite(value) ? fixed(value, digits) : UNKNOWN;
}

/** A difference in nats with its sign: +0.021, −0.004. */
export function signed(value: number, digits = 3): string {
  if (!Number.isFinite(value)) return UNKNOWN;
  const text = fixed(value, digits);
  return /[1-9]/.test(text) && value > 0 ? `+${text}` : text;
}

/** An interval in nats with signs: −0.004 to +0.012. */
export function signedInterval([low, high]: readonly [number, number]): string {
  return `${signed(low)} to ${signed(high)}`;
}

/** The interval of a difference, turned to go with "lower" or "higher" beside its size. @param gain - positive: lower */
export function sizeInterval(gain: number, [low, high]: readonly [number, number]): string {
  return gain < 0 ? `${nats(-high)} to ${nats(-low)}` : `${nats(low)} to ${nats(high)}`;
}

/** A share saved: 41 %, or at least that much. */
export function savedShare({ saved, bound }: { saved: number; bound: boolean }): string {
  return `${bound ? "at least " : ""}${percent(saved)}`;
}

/** A share as a percentage: 0.5 → 50 %. */
export function percent(share: number, digits = 0): string {
  return Number.isFinite(share) ? `${fixed(share * 100, digits)}${NBSP}%` : UNKNOWN;
}

/** A number of floating-point operations: 1.24 × 10¹⁵. */
export function flops(value: number): string {
  if (!Number.isFinite(value)) return UNKNOWN;
  if (value < 1e6) return count(value);
  const [mantissa, exponent] = value.toExponential(2).split("e+") as [string, string];
  return `${mantissa}${NBSP}×${NBSP}${powerOfTen(Number(exponent))}`;
}

/** 10 to a whole power in typographic form: 10¹⁵. */
export function powerOfTen(exponent: number): string {
  return `10${exponent < 0 ? "⁻" : ""}${[...String(Math.abs(exponent))].map((digit) => SUPERSCRIPTS[Number(digit)]).join("")}`;
}

/** How many times as much: 3.2×, 14×. */
export function times(factor: number): string {
  return Number.isFinite(factor) ? `${fixed(factor, factor >= 9.95 ? 0 : factor >= 0.095 ? 1 : 2)}×` : UNKNOWN;
}

/** A time span: 0.4 s, 12 s, 3 min 12 s, 2 h 05 min. */
export function duration(seconds: number): string {
  if (!Number.isFinite(seconds)) return UNKNOWN;
  if (seconds < 9.95) return `${fixed(seconds, 1)}${NBSP}s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole}${NBSP}s`;
  const pad = (value: number) => String(value).padStart(2, "0");
  if (whole < 3600) return `${Math.floor(whole / 60)}${NBSP}min${NBSP}${pad(whole % 60)}${NBSP}s`;
  return `${count(Math.floor(whole / 3600))}${NBSP}h${NBSP}${pad(Math.floor((whole % 3600) / 60))}${NBSP}min`;
}

/** Words as a list: "a", "a and b", "a, b and c". */
export function listed(words: readonly string[]): string {
  return words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`;
}

/** Text cut to at most `length` characters (code points), with an ellipsis where something was left out. */
export function clipped(text: string, length: number): string {
  const characters = [...text.slice(0, length * 2 + 2)];
  return characters.length <= length
    ? text
    : `${characters
        .slice(0, length - 1)
        .join("")
        .trimEnd()}…`;
}

/** A number of unknown kind: whole numbers as counts, others with four significant digits. */
export function plain(value: number): string {
  if (!Number.isFinite(value)) return UNKNOWN;
  if (Number.isInteger(value) || Math.abs(value) >= 10_000) return count(value);
  return Number(value.toPrecision(4)).toString().replace("-", "−");
}

/** A difference of two shares in percentage points, with its sign: 0.034 → +3.4. */
export function points(difference: number, digits = 1): string {
  return signed(difference * 100, digits);
}

/** An interval of such differences: −0.4 to +3.1. */
export function pointsInterval([low, high]: readonly [number, number]): string {
  return `${points(low)} to ${points(high)}`;
}

/** An interval of shares: 68.1–74.0 %. */
export function percentInterval([low, high]: readonly [number, number]): string {
  return `${nats(low * 100, 1)}–${percent(high, 1)}`;
}

/** A score on a task: a share as a percentage, anything else as it is. */
export function scoreText(value: number, share: boolean): string {
  return share ? percent(value, 1) : plain(value);
}

/** The interval of such a score, without the sign of percentages: 24.1 to 27.9. */
export function scoreInterval(interval: readonly [number, number], share: boolean): string {
  return interval.map((end) => (share ? nats(end * 100, 1) : plain(end))).join(" to ");
}

/** A share at an axis: whole percentages where the tick is one. */
export function percentTick(share: number): string {
  return percent(share, Number.isInteger(Math.round(share * 1000) / 10) ? 0 : 1);
}

/** A p value as a reader wants it: p = 0.012, p < 0.001. */
export function pValue(p: number): string {
  if (!Number.isFinite(p)) return `p ${UNKNOWN}`;
  return p < 0.001 ? `p${NBSP}<${NBSP}0.001` : `p${NBSP}=${NBSP}${p.toFixed(p < 0.01 ? 4 : 3)}`;
}

/** How many comparisons have an interval that leaves 0 out, in words. */
export function clearOfNoise(clear: number, all: number): string {
  if (clear === 0) return "No comparison is clear of noise";
  return clear === all ? "Every comparison is clear of noise" : `${clear} of ${all} comparisons are clear of noise`;
}
