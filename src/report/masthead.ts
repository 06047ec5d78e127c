import { html, nothing, type Safe } from "./html.ts";
import type { MissingPart } from "./record.ts";

/** A key number with what it is and what it is seen beside. */
export interface Tile {
  value: string;
  label: string;
  note: string;
}

/** Verdicts of more characters are set smaller. */
const LONG = 180;

/** Top of the page: run name, verdict, what it rests on, key numbers, and what the run lacks. */
export function renderMasthead(parts: {
  run: { name: string; heartcutVersion: string };
  verdict: string;
  /** What the verdict's colour and mark say beside its words. */
  kind: "good" | "bad" | "open";
  standfirst: Safe;
  /** Those that are undefined have no number yet. */
  tiles: readonly (Tile | undefined)[];
  missing: readonly MissingPart[];
}): Safe {
  const { run, verdict, kind, standfirst, tiles, missing } = parts;
  return html`<header class="masthead"><p class="kicker">heartcut ${run.heartcutVersion} · distillation report</p><h1>${run.name}</h1><p class="verdict ${kind}${verdict.length > LONG ? " long" : ""}">${verdict}</p>${standfirst}${tileRow(tiles)}${missingParts(missing)}</header>`;
}

function tileRow(tiles: readonly (Tile | undefined)[]): Safe {
  const shown = tiles.filter((tile) => tile !== undefined);
  return html`<div class="tiles">${shown.map(
    ({ value, label, note }) =>
      html`<div class="tile"><p class="tile-label">${label}</p><p class="tile-value">${value}</p><p class="tile-note">${note}</p></div>`,
  )}</div>`;
}

function missingParts(missing: readonly MissingPart[]): Safe {
  if (missing.length === 0) return nothing;
  return html`<aside class="missing"><p><b>This report is incomplete.</b> The run has not (yet) written:</p><ul>${missing.map(({ what, path }) => html`<li>${what} <code>${path}</code></li>`)}</ul></aside>`;
}
