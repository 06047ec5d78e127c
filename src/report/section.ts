import { seriesClass } from "./charts/frame.ts";
import { html, nothing, type Safe } from "./html.ts";

/** A numbered part of the page. */
export interface Section {
  /** Anchor, written in this program. */
  id: string;
  title: string;
  /** One or two sentences under the title; the finding first. */
  lead: Safe;
  body: Safe;
}

/** A figure: what it shows as a sentence, the picture, how to read it. */
export function figure(title: string | Safe, picture: Safe, caption: string | Safe): Safe {
  return html`<figure><p class="figure-title">${title}</p>${picture}<figcaption>${caption}</figcaption></figure>`;
}

/** A column of a table; numbers stand flush right. */
export interface Column {
  title: string;
  numeric?: boolean;
}

/** A table with a caption; it scrolls by itself where the window is too narrow. */
export function table(
  caption: string,
  columns: readonly Column[],
  rows: readonly (readonly (string | Safe)[])[],
): Safe {
  const kind = (i: number) => (columns[i]?.numeric === true ? "number" : "text");
  return html`<div class="table" role="region" tabindex="0" aria-label="${caption}"><table><caption>${caption}</caption>${
    columns.every((column) => column.title === "")
      ? nothing
      : html`<thead><tr>${columns.map((column, i) => html`<th scope="col" class="${kind(i)}">${column.title}</th>`)}</tr></thead>`
  }<tbody>${rows.map(
    (row) =>
      html`<tr>${row.map((cell, i) => (i === 0 ? html`<th scope="row" class="${kind(i)}">${cell}</th>` : html`<td class="${kind(i)}">${cell}</td>`))}</tr>`,
  )}</tbody></table></div>`;
}

/**
 * The same for rows of many figures: on a phone each row becomes a list of its own, with the column's title before each figure.
 * @param density - "dense" for many narrow columns
 */
export function stackedTable(
  caption: string,
  columns: readonly Column[],
  rows: readonly (readonly (string | Safe)[])[],
  density: "dense" | "normal" = "normal",
): Safe {
  const kind = (i: number) => (columns[i]?.numeric === true ? "number" : "text");
  return html`<div class="${density === "dense" ? "table stacked dense" : "table stacked"}" role="region" tabindex="0" aria-label="${caption}"><table><caption>${caption}</caption><thead><tr>${columns.map(
    (column, i) => html`<th scope="col" class="${kind(i)}">${column.title}</th>`,
  )}</tr></thead><tbody>${rows.map(
    (row) =>
      html`<tr>${row.map((cell, i) =>
        i === 0
          ? html`<th scope="row" class="${kind(i)}">${cell}</th>`
          : html`<td class="${kind(i)}" data-label="${columns[i]!.title}"><span>${cell}</span></td>`,
      )}</tr>`,
  )}</tbody></table></div>`;
}

/** A second line of a table's cell, set smaller; nothing for an empty one. */
export function note(text: string | Safe): Safe {
  return text === "" ? nothing : html`<span class="note">${text}</span>`;
}

/** A block that opens on demand. */
export function details(summary: string | Safe, body: Safe, open = false): Safe {
  return open
    ? html`<details open><summary>${summary}</summary>${body}</details>`
    : html`<details><summary>${summary}</summary>${body}</details>`;
}

/** What stands in place of a part the run has not produced. */
export function absent(text: string): Safe {
  return html`<p class="absent">${text}</p>`;
}

/** Several pieces one after the other, without those that are empty. */
export function joined(...parts: (Safe | undefined)[]): Safe {
  return html`${parts.map((part) => part ?? nothing)}`;
}

/** Name of a group of students, in its colour where it has one of its own. */
export function studentName({ name, series }: { name: string; series: number | undefined }): Safe {
  return html`<b class="${`name ${seriesClass(series)}`}">${name}</b>`;
}
