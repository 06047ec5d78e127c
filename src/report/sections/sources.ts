import { type KeptRow, keptBars } from "../charts/bars.ts";
import { responsive } from "../charts/frame.ts";
import type { Findings } from "../findings.ts";
import { clipped, count, percent, signed } from "../format.ts";
import { html } from "../html.ts";
import type { ReportData } from "../record.ts";
import { absent, details, figure, joined, type Section, table } from "../section.ts";

/** Sources drawn as bars; all of them are in the table. */
const BARS = 24;

/** What the selection prefers: share kept of each source. */
export function sourcesSection(data: ReportData, { cast }: Findings): Section {
  const summary = cast.main?.summary;
  const frame = { id: "sources", title: "What was kept" };
  if (summary === undefined)
    return {
      ...frame,
      lead: html`Which sources the selection prefers.`,
      body: absent("Nothing has been selected by score yet."),
    };
  const overall = summary.instances.kept / summary.instances.total;
  const random = data.selections.find((one) => one.summary?.method === "random")?.summary;
  const chance = new Map(random?.bySource.map((row) => [row.source, row.kept / row.total]));
  const rows: KeptRow[] = summary.bySource
    .filter((row) => row.total > 0)
    .map((row) => ({ source: row.source, kept: row.kept, total: row.total, chance: chance.get(row.source) }))
    .sort((a, b) => b.kept / b.total - a.kept / a.total);
  const drawn = rows.length <= BARS ? rows : [...rows.slice(0, BARS / 2), ...rows.slice(-BARS / 2)];
  const [first, last] = [rows[0], rows.at(-1)];
  const lead =
    first === undefined || last === undefined || first === last
      ? html`The corpus has one source, of which ${percent(overall)} are kept.`
      : html`Of all instances ${percent(overall)} are kept, but ${percent(first.kept / first.total)} of <b>${first.source}</b> and ${last.kept === 0 ? "nothing" : `only ${percent(last.kept / last.total)}`} of <b>${last.source}</b>.`;
  const title =
    first === undefined || last === undefined || first === last
      ? "Share kept"
      : `The selection prefers ${clipped(first.source, 40)} and avoids ${clipped(last.source, 40)}`;
  return {
    ...frame,
    lead,
    body: joined(
      rows.length === 0
        ? undefined
        : figure(
            title,
            responsive((width) => keptBars({ rows: drawn, overall, description: `${title}.` }, width)),
            `Bars start at the overall share: solid to the right is more than that, outlined to the left is less.${random === undefined ? "" : " Circles: the random baseline."}${drawn.length < rows.length ? ` The ${BARS / 2} sources kept most and least of ${rows.length}.` : ""}`,
          ),
      details(
        "All sources as a table",
        table(
          `Kept by source, selection “${summary.name}”`,
          [
            { title: "Source" },
            { title: "Kept", numeric: true },
            { title: "Of", numeric: true },
            { title: "Share", numeric: true },
            { title: "Share of tokens", numeric: true },
            { title: "Mean score", numeric: true },
          ],
          summary.bySource.map((row) => [
            row.source,
            count(row.kept),
            count(row.total),
            percent(row.kept / row.total, 1),
            percent(row.keptTokens / row.totalTokens, 1),
            signed(row.meanDifference),
          ]),
        ),
      ),
    ),
  };
}
