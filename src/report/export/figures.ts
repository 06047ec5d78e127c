import type { Figure, NumberColumn } from "./table.ts";

/** How a number is shown to people. */
export type NumberFormat =
  | { kind: "decimal"; digits: number; signed?: true }
  /** A share, shown times 100. */
  | { kind: "percent"; digits: number; signed?: true }
  /** Whole, thousands parted. */
  | { kind: "count" }
  /** Three significant digits and a power of ten. */
  | { kind: "scientific" }
  /** Three digits, "< 0.001" below them. */
  | { kind: "p" };

/** A number in parts, for writers to set in their own signs. */
export interface NumberParts {
  relation: "" | "<";
  sign: "" | "+" | "-";
  /** ASCII digits with a point, and commas between thousands. */
  digits: string;
  exponent?: number;
}

const grouped = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });

/** A finite number as its format wants it. */
export function numberParts(value: number, format: NumberFormat): NumberParts {
  switch (format.kind) {
    case "count":
      return parts(value, grouped.format(Math.abs(value)));
    case "scientific": {
      if (Math.abs(value) < 1e6) return parts(value, grouped.format(Math.abs(value)));
      const [digits, exponent] = Math.abs(value).toExponential(2).split("e") as [string, string];
      return { ...parts(value, digits), exponent: Number(exponent) };
    }
    case "p":
      return value < 0.001 ? { relation: "<", sign: "", digits: "0.001" } : parts(value, value.toFixed(3));
    default: {
      const shown = format.kind === "percent" ? value * 100 : value;
      return parts(shown, Math.abs(shown).toFixed(format.digits), format.signed);
    }
  }
}

/** How people see an interval: half its width, without a sign, or its ends. */
export type ShownInterval = { half: NumberParts } | { ends: readonly [NumberParts, NumberParts] };

/** A figure's interval as its column wants it, with its ends where it stops at what a share can be; undefined where it has none. */
export function shownInterval(
  { interval }: Figure,
  { interval: wanted }: Pick<NumberColumn, "interval">,
  format: NumberFormat,
): ShownInterval | undefined {
  if (interval === undefined || wanted === undefined) return undefined;
  const [low, high] = interval;
  const stopped = format.kind === "percent" && (low <= 0 || high >= 1);
  if (wanted === "half" && !stopped) return { half: { ...numberParts((high - low) / 2, format), sign: "" } };
  return { ends: [numberParts(low, format), numberParts(high, format)] };
}

/** What rounds to 0 has no sign. */
function parts(value: number, digits: string, signed?: true): NumberParts {
  const zero = !/[1-9]/.test(digits);
  return { relation: "", sign: zero ? "" : value < 0 ? "-" : signed ? "+" : "", digits };
}
