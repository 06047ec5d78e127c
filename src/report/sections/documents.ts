import type { Example } from "../../score/record.ts";
import type { Findings } from "../findings.ts";
import { clipped, nats, signed } from "../format.ts";
import { html, nothing, type Safe } from "../html.ts";
import type { ReportData } from "../record.ts";
import { absent, details, type Section } from "../section.ts";
import { visible, visibleLine } from "../visible.ts";

/** Tokens shown at once; the rest of a document opens on demand. */
const SHOWN_TOKENS = 220;

/** Differences, in nats, from which a token gets the next shade. */
const SHADE_STEPS = [0.25, 0.5, 1, 2, 4] as const;

const STRATA = [
  { stratum: "top", title: "Highest scores", lead: "Where the teacher is furthest ahead: kept first." },
  {
    stratum: "borderline",
    title: "Around the cut",
    lead: "Scores next to the threshold: here the selection is close to a coin toss.",
  },
  {
    stratum: "bottom",
    title: "Lowest scores",
    lead: "Where the reference is as good as the teacher, or better: left out first.",
  },
] as const;

/** Documents as text, shaded by the difference of the two models at each token. */
export function documentsSection(data: ReportData, { cast }: Findings): Section {
  const selections = [...data.selections]
    .sort((a, b) => Number(b === cast.main) - Number(a === cast.main))
    .filter((selection) => selection.examples.length > 0);
  const main = selections[0];
  return {
    id: "documents",
    title: "Documents to read",
    lead: html`Numbers say how much was kept; only reading says what. Each token is shaded by reference NLL − teacher NLL.`,
    body:
      main === undefined
        ? absent(
            data.scoreUnit === undefined
              ? "No example documents have been written."
              : "Where teacher and reference read different tokens, single tokens have no scores to be shaded by.",
          )
        : html`${legend()}${strata(main.examples, true)}${selections
            .slice(1)
            .map((selection) =>
              details(html`Documents of the selection “${selection.name}”`, strata(selection.examples, false)),
            )}`,
  };
}

function legend(): Safe {
  const step = (kind: "up" | "down", level: number) =>
    html`<span class="token ${kind}-${level}">${signed((kind === "up" ? 1 : -1) * SHADE_STEPS[level - 1]!, 2).replace(/0$/, "")}</span>`;
  return html`<div class="legend"><span>reference ahead</span><span class="legend-steps">${[5, 4, 3, 2, 1].map((level) => step("down", level))}<span class="token">0</span>${[1, 2, 3, 4, 5].map((level) => step("up", level))}</span><span>teacher ahead</span><span class="fine">nats per token; tokens where the reference is ahead are also underlined. Point at a token for its numbers.</span></div>`;
}

function strata(examples: readonly Example[], openFirst: boolean): Safe {
  return html`${STRATA.map(({ stratum, title, lead }) => {
    const members = examples.filter((example) => example.stratum === stratum);
    if (members.length === 0) return nothing;
    return html`<h3>${title}</h3><p class="fine">${lead}</p>${members.map((example, i) => card(example, openFirst && i === 0))}`;
  })}`;
}

function card(example: Example, open: boolean): Safe {
  const preview = clipped(visibleLine(example.pieces.slice(0, 80).join("")), 110);
  const summary = html`<span class="card-head"><span class="score">${signed(example.difference)}</span><span class="badge ${example.kept ? "kept" : "dropped"}">${example.kept ? "kept" : "left out"}</span><span class="source">${example.source}</span></span><span class="preview">${preview}</span>`;
  const rest = example.pieces.length - SHOWN_TOKENS;
  return html`<div class="card">${details(
    summary,
    html`<p class="fine">instance ${example.instance}, first document <code>${example.first_document}</code>: teacher ${nats(example.nll_teacher)}, reference ${nats(example.nll_reference)} nats per token</p><p class="document">${shaded(example, 0, SHOWN_TOKENS)}</p>${
      rest > 0
        ? details(
            `The remaining ${rest} tokens`,
            html`<p class="document">${shaded(example, SHOWN_TOKENS, example.pieces.length)}</p>`,
          )
        : nothing
    }`,
    open,
  )}</div>`;
}

function shaded(example: Example, from: number, to: number): Safe {
  return html`${example.pieces.slice(from, to).map((piece, i) => {
    const teacher = example.token_nll_teacher[from + i] ?? null;
    const reference = example.token_nll_reference[from + i] ?? null;
    if (teacher === null || reference === null)
      return html`<span class="token unscored" title="not scored">${visible(piece)}</span>`;
    const difference = reference - teacher;
    const level = SHADE_STEPS.filter((step) => Math.abs(difference) >= step).length;
    const shade = level === 0 ? "" : `${difference > 0 ? "up" : "down"}-${level}`;
    return html`<span class="token ${shade}" title="${`${signed(difference, 2)} (teacher ${nats(teacher, 2)}, reference ${nats(reference, 2)})`}">${visible(piece)}</span>`;
  })}`;
}
