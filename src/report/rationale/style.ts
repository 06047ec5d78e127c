import { STYLE } from "../style.ts";

/** What the page of token rationales needs beside the common style sheet: the marks of examples. */
const RATIONALES = `
svg .seed-dot { fill: var(--soft); }
.example { line-height: 2.15; }
.chosen { outline: 1.6px solid var(--ink); outline-offset: 1px; border-radius: 2px; font-weight: 600; } .legend .chosen { padding: 0 .3em; }
.gold, .human { padding: .16em 0; } .gold { border-bottom: 3px double var(--green); } .human { border-top: 2px dashed var(--purple); }
.facts { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: .15rem 1.2rem; max-width: 54em; margin: 0 0 1.2rem; font-size: .875rem; }
.facts dt { color: var(--soft); } .facts dd { margin: 0; overflow-wrap: anywhere; }
.card-head .badge { flex: none; } .card-head .source { min-width: 0; }
td.number { white-space: nowrap; }
.words { display: flex; flex-wrap: wrap; gap: .1rem .9rem; } td:has(> .words) { max-width: none; }
@media screen and (min-width: 821px) { .evidence li { grid-template-columns: 10rem minmax(0, 1fr); } }
@media print { .chosen, .gold, .human { -webkit-print-color-adjust: exact; print-color-adjust: exact; } }
`;

/** The whole style sheet of the page. */
export const RATIONALE_STYLE = `${STYLE}${RATIONALES}`;
