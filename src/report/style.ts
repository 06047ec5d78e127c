/**
 * Style sheet of the report. Colours: blue and orange (told apart in all common forms of colour blindness), further
 * series after Okabe and Ito 2008; every series also has its own dash and marker. All colours are variables, so that one
 * picture serves light and dark; paper always gets the light ones.
 */
const LIGHT = `
  color-scheme: light;
  --paper: #fdfcf9; --panel: #f6f3ec; --ink: #1d1c1a; --soft: #5d5a53; --faint: #8a867c; --rule: #e2ddd1; --line: #c9c3b4;
  --blue: #1b5e9e; --orange: #b8500f; --green: #00735a; --purple: #8e4585; --ochre: #8a6a00; --slate: #4d5a66;
  --good: #1b5e9e; --bad: #b8500f;
  --shade-1: #dbe6f1; --shade-2: #aecbe3; --shade-3: #77a8d0; --shade-4: #3f7fb5; --shade-5: #174f85;
  --up-1: #e6eff8; --up-2: #cde0f2; --up-3: #aecdea; --up-4: #8ab6de; --up-5: #639bd0;
  --down-1: #fbeee0; --down-2: #f8ddbf; --down-3: #f3c596; --down-4: #ecaa6a; --down-5: #e28d42;
  --token-ink: #1d1c1a;`;

const DARK = `
  color-scheme: dark;
  --paper: #15171a; --panel: #1d2024; --ink: #ebe8e1; --soft: #b0aca2; --faint: #88857d; --rule: #2f3237; --line: #484c52;
  --blue: #74b0ea; --orange: #f0a062; --green: #4cc3a1; --purple: #d598cd; --ochre: #d9bb52; --slate: #aab8c4;
  --good: #74b0ea; --bad: #f0a062;
  --shade-1: #1f3244; --shade-2: #2a4d6e; --shade-3: #3a719f; --shade-4: #5f9fd2; --shade-5: #a5d0f5;
  --up-1: #1d2b39; --up-2: #21394f; --up-3: #264b6b; --up-4: #285a83; --up-5: #2d6a9b;
  --down-1: #35281d; --down-2: #4a331f; --down-3: #633f20; --down-4: #764a20; --down-5: #8c551e;
  --token-ink: #f3f0ea;`;

const PAGE = `
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; scroll-padding-top: 1rem; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 400 16px/1.55 var(--sans); font-variant-numeric: tabular-nums; overflow-wrap: break-word; }
:root { --serif: Charter, "Bitstream Charter", "Iowan Old Style", "Source Serif 4", Cambria, Georgia, "Noto Serif", serif; --sans: Inter, system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Noto Sans", Arial, sans-serif; --mono: ui-monospace, "SF Mono", "Cascadia Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; }
main, header, nav, footer { width: min(1040px, 100% - 40px); margin-inline: auto; }
p { margin: 0 0 .8em; }
a { color: inherit; text-decoration-color: var(--line); text-underline-offset: 3px; }
a:hover { text-decoration-color: currentColor; }
:focus-visible { outline: 2px solid var(--blue); outline-offset: 2px; border-radius: 2px; }
code, pre { font: .86em/1.5 var(--mono); }
b, strong { font-weight: 600; }
.fine { color: var(--soft); font-size: .875em; font-weight: 400; }
.set { max-width: 12rem; font-weight: 600; overflow-wrap: anywhere; }
.name { white-space: normal; overflow-wrap: anywhere; color: var(--c); } .name.series-none { color: inherit; }
.absent { padding: 1rem 1.2rem; border: 1px dashed var(--line); color: var(--soft); }

.masthead { padding-top: 56px; }
.kicker { margin: 0 0 .4rem; color: var(--soft); font-size: .875rem; }
h1 { margin: 0 0 2.2rem; font: 600 1.1rem/1.3 var(--sans); overflow-wrap: anywhere; }
.verdict { max-width: 21em; margin: 0 0 1rem; padding-left: .55em; border-left: 5px solid var(--faint); font: 500 clamp(1.65rem, 1.1rem + 2.3vw, 2.6rem)/1.16 var(--serif); letter-spacing: -.012em; text-wrap: balance; overflow-wrap: anywhere; }
.verdict.long { max-width: 30em; font-size: clamp(1.35rem, 1.05rem + 1.3vw, 1.85rem); line-height: 1.25; }
.verdict.good { border-color: var(--good); } .verdict.bad { border-color: var(--bad); border-left-style: double; }
.standfirst { max-width: 44em; font: 400 1.12rem/1.5 var(--serif); }
.evidence { max-width: 52em; margin: 0 0 1.8rem; padding: 0; list-style: none; }
.evidence li { display: grid; grid-template-columns: minmax(4.5rem, max-content) minmax(0, 1fr); gap: 0 1.4rem; padding: .55rem 0; border-top: 1px solid var(--rule); }
.evidence.kinds li { grid-template-columns: 9.5rem minmax(0, 1fr); }
.evidence li:last-child { border-bottom: 1px solid var(--rule); }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 1px; margin: 0 0 1.6rem; background: var(--rule); border-block: 1px solid var(--rule); }
.tile { padding: 1rem 1rem 1rem 0; background: var(--paper); } .tile + .tile { padding-left: 1rem; }
.tile p { margin: 0; overflow-wrap: anywhere; }
.tile-label { color: var(--soft); font-size: .8125rem; line-height: 1.35; min-height: 2.7em; display: flex; align-items: end; }
.tile .tile-value { margin: .1rem 0 .3rem; font: 500 2rem/1.1 var(--serif); font-variant-numeric: lining-nums tabular-nums; }
.tile-note { color: var(--soft); font-size: .8125rem; line-height: 1.4; }
.missing { margin: 0 0 1.6rem; padding: .9rem 1.2rem; background: var(--panel); border-left: 5px double var(--bad); font-size: .9375rem; }
.missing p { margin: 0; } .missing ul { margin: .3rem 0 0; padding-left: 1.1rem; }
nav ol { display: flex; flex-wrap: wrap; gap: .25rem 1.35rem; margin: 0; padding: .7rem 0; list-style: none; border-block: 1px solid var(--ink); font-size: .875rem; }
nav a { text-decoration: none; } nav a:hover { text-decoration: underline; }

section { padding-top: 3.6rem; }
h2 { margin: 0 0 .5rem; font: 500 1.75rem/1.2 var(--serif); letter-spacing: -.01em; }
.lead { max-width: 42em; margin-bottom: 1.6rem; font: 400 1.08rem/1.55 var(--serif); overflow-wrap: anywhere; }
h3 { margin: 1.8rem 0 .1rem; font: 600 1.02rem/1.4 var(--sans); }
figure { margin: 0 0 2.2rem; min-width: 0; }
.figure-title { margin: 0 0 .7rem; font-weight: 600; line-height: 1.35; overflow-wrap: anywhere; }
figcaption { max-width: 52em; margin-top: .5rem; color: var(--soft); font-size: .8438rem; line-height: 1.5; }
svg { display: block; width: 100%; height: auto; font: 400 12px/1 var(--sans); }
.narrow { display: none; }
.charts-two { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 0 40px; }
.charts-small { display: grid; grid-template-columns: repeat(auto-fill, minmax(190px, 1fr)); gap: 0 26px; }
.charts-small figure { margin-bottom: 1.2rem; } .charts-small .figure-title { margin-bottom: .2rem; font-size: .875rem; }
.charts-three { display: grid; grid-template-columns: repeat(auto-fill, minmax(290px, 1fr)); gap: 0 30px; margin-bottom: 1rem; }
.charts-three figure { margin-bottom: 1.6rem; } .charts-three .figure-title { min-height: 2.7em; margin-bottom: .3rem; font-size: .9375rem; }
.columns-two { display: grid; grid-template-columns: minmax(0, 4fr) minmax(0, 6fr); gap: 0 48px; align-items: start; }
.provenance { display: grid; grid-template-columns: max-content 1fr; gap: .5rem 1.2rem; max-width: 54em; margin: 0 0 2rem; }
.provenance dt { color: var(--soft); } .provenance dd { margin: 0; overflow-wrap: anywhere; }

.table { max-width: 100%; margin: 0 0 2rem; overflow-x: auto; }
table { width: 100%; border-collapse: collapse; font-size: .875rem; line-height: 1.4; }
caption { padding: 0 0 .5rem; text-align: left; font-weight: 600; max-width: min(64rem, 92vw); }
th, td { padding: .42rem .9rem .42rem 0; border-bottom: 1px solid var(--rule); text-align: left; vertical-align: baseline; font-weight: 400; max-width: 24rem; overflow-wrap: break-word; }
thead th { border-bottom-color: var(--ink); color: var(--soft); font-size: .8125rem; vertical-align: bottom; }
th:last-child, td:last-child { padding-right: 0; }
.number { text-align: right; } td.number .fine { white-space: nowrap; }
td .note, .stacked th .note { display: block; font-weight: 400; color: var(--soft); font-size: .8125rem; } .indent { padding-left: 1.2em; color: var(--soft); }
.stacked td.number, .stacked td.number .note { white-space: nowrap; }
.dense tbody th { min-width: 6.25rem; } .dense table { font-size: .8125rem; } .dense th, .dense td { padding-right: .55rem; } .dense .note { font-size: .75rem; } .dense thead th { font-size: .75rem; overflow-wrap: anywhere; }
details { margin: 0 0 .7rem; }
summary { padding: .35rem 0; cursor: pointer; }
summary::marker { color: var(--faint); }
details > .table, details > pre { margin: .6rem 0 1.4rem; }
pre { max-height: 34rem; overflow: auto; margin: 0; padding: 1rem 1.2rem; background: var(--panel); white-space: pre-wrap; overflow-wrap: anywhere; }
td code { overflow-wrap: anywhere; }
.notes { max-width: 46em; padding-left: 1.1rem; } .notes li { margin-bottom: .7rem; overflow-wrap: anywhere; } .notes li::marker { color: var(--faint); }
footer { margin-top: 4rem; padding: 1.2rem 0 3rem; border-top: 1px solid var(--ink); color: var(--soft); font-size: .875rem; }
`;

const CHARTS = `
.series-0 { --c: var(--blue); --dash: none; } .series-1 { --c: var(--orange); --dash: 7 4; } .series-2 { --c: var(--green); --dash: 2 3; }
.series-3 { --c: var(--purple); --dash: 10 3 2 3; } .series-4 { --c: var(--ochre); --dash: 14 4; } .series-5 { --c: var(--slate); --dash: 4 2; } .series-none { --c: var(--soft); --dash: none; }
svg text { fill: var(--ink); }
svg path { fill: none; }
.axis path { stroke: var(--faint); } .axis text, .grid text, .side-label { fill: var(--soft); }
.grid path, .columns path { stroke: var(--rule); }
svg .axis-title { fill: var(--soft); font-size: 11.5px; }
.mean-line { stroke: var(--c); stroke-width: 2.2; stroke-linejoin: round; }
.series-1 .mean-line, .series-2 .mean-line, .series-3 .mean-line, .series-4 .mean-line, .series-5 .mean-line { stroke-dasharray: var(--dash); }
.charts-small .mean-line { stroke-width: 1.5; stroke-dasharray: none; }
.seed-line { stroke: var(--c); stroke-width: .9; opacity: .55; }
svg .band { fill: var(--c); opacity: .11; }
svg .mark { fill: var(--paper); stroke: var(--c); stroke-width: 1.7; }
.fit-line { stroke: var(--c); stroke-width: 2.2; } .fit-beyond { stroke: var(--c); stroke-width: 1.8; stroke-dasharray: 2 4; } .fit-points .mark { stroke-width: 1.2; }
.leader { stroke: var(--c); stroke-width: .8; opacity: .6; }
svg .label { fill: var(--c); font-weight: 600; font-size: 12.5px; } svg .label-value { fill: var(--soft); }
.saved-line { stroke: var(--ink); stroke-width: 1.4; } .saved-drop { stroke: var(--ink); stroke-dasharray: 2 3; } svg .saved-head { fill: var(--ink); }
svg .saved-label { font-weight: 600; paint-order: stroke; stroke: var(--paper); stroke-width: 4px; stroke-linejoin: round; }
svg .bar-kept { fill: var(--blue); } svg .bar-dropped { fill: var(--panel); stroke: var(--faint); stroke-width: .8; } svg .bar-neutral { fill: var(--slate); }
.baseline { stroke: var(--ink); }
.cumulative { stroke: var(--ink); stroke-width: 1.6; }
.cut path { stroke: var(--ink); stroke-width: 1.2; stroke-dasharray: 4 3; }
svg .cut-kept { fill: var(--blue); font-weight: 600; } svg .cut-dropped { fill: var(--soft); font-weight: 600; } svg .cut-value { fill: var(--soft); paint-order: stroke; stroke: var(--paper); stroke-width: 4px; } svg .cut-point { fill: var(--ink); }
.ridge path:first-child { fill: var(--blue); fill-opacity: .2; stroke: var(--blue); stroke-width: 1.3; } svg .ridge-base { stroke: var(--rule); }
svg .row-label { font-size: 12.5px; paint-order: stroke; stroke: var(--paper); stroke-width: 4px; } svg .row-value { fill: var(--soft); paint-order: stroke; stroke: var(--paper); stroke-width: 4px; }
.shade-1 { fill: var(--shade-1); } .shade-2 { fill: var(--shade-2); } .shade-3 { fill: var(--shade-3); } .shade-4 { fill: var(--shade-4); } .shade-5 { fill: var(--shade-5); }
.equality { stroke: var(--soft); } .cut-line { stroke: var(--ink); stroke-width: 1.5; stroke-dasharray: 5 3; }
svg .map-label { font-weight: 600; paint-order: stroke; stroke: var(--paper); stroke-width: 4px; }
svg .bar-over { fill: var(--blue); } svg .bar-under { fill: var(--orange); fill-opacity: .28; stroke: var(--orange); stroke-width: 1.2; stroke-dasharray: 3 2; }
.of-selections .bar-over { fill: var(--ink); } .of-selections .bar-under { fill: var(--ink); stroke: var(--soft); }
svg .chance-range { fill: var(--faint); fill-opacity: .28; } svg .chance { fill: var(--paper); stroke: var(--ink); stroke-width: 1.3; }
.zero path { stroke: var(--ink); }
.whisker { stroke: var(--c); stroke-width: 1.4; } .emphasis .whisker { stroke-width: 2.4; } .emphasis .row-label { font-weight: 600; } .single .row-label { fill: var(--soft); }
.seed-dot { fill: var(--c, var(--soft)); }
.reference .whisker { stroke: var(--ink); stroke-width: 1.3; } svg .reference .bar-over { fill-opacity: .45; }
svg .value-mark { stroke: var(--ink); stroke-width: 2.2; } svg .second-control { fill: var(--paper); stroke: var(--ink); stroke-width: 1.3; }
.emphasis .mark { fill: var(--c); }
.node > rect:first-of-type { fill: var(--panel); stroke: var(--line); } svg .stripe { fill: var(--c); }
svg .node-kind { fill: var(--soft); font-size: 11px; } svg .node-name { font-weight: 600; font-size: 13.5px; } svg .node-name.long { font-size: 11px; } svg .node-note { fill: var(--soft); font-size: 11.5px; }
.edge { stroke: var(--faint); stroke-width: 1.2; } svg .edge-head { fill: var(--faint); }
`;

const DOCUMENTS = `
.legend { display: flex; flex-wrap: wrap; align-items: center; gap: .3rem .8rem; margin: 0 0 1rem; font-size: .8125rem; }
.legend .fine { flex-basis: 100%; }
.legend-steps { display: inline-flex; flex-wrap: wrap; font: .8125rem/1.6 var(--mono); } .legend-steps .token { padding: 0 .45em; }
.card { border-top: 1px solid var(--rule); } .card > details { margin: 0; } .card:has(+ h3), .card:last-child { border-bottom: 1px solid var(--rule); }
.card > details > summary { display: grid; grid-template-columns: 1.1rem 15rem minmax(0, 1fr); align-items: baseline; padding: .55rem 0; list-style: none; }
.card > details > summary::-webkit-details-marker { display: none; }
.card > details > summary::before { content: "▸"; color: var(--faint); } .card > details[open] > summary::before { content: "▾"; }
.card-head { display: flex; gap: .7rem; align-items: baseline; min-width: 0; }
.score { min-width: 3.6em; font-weight: 600; text-align: right; }
.badge { min-width: 4.2em; padding: 0 .45em; border: 1px solid var(--line); border-radius: 2px; font-size: .75rem; text-align: center; white-space: nowrap; } .badge.kept { border-color: var(--blue); color: var(--blue); font-weight: 600; } .badge.dropped { border-style: dashed; color: var(--soft); }
.source { color: var(--soft); font-size: .875rem; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.preview { font-family: var(--serif); overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.card > details[open] .preview { visibility: hidden; }
.card > details > :not(summary) { margin-left: 1.1rem; }
.document { max-width: 50em; margin-bottom: 1rem; font: 400 .9375rem/1.85 var(--mono); font-size: .84rem; white-space: pre-wrap; overflow-wrap: anywhere; color: var(--token-ink); }
.token { padding: .16em 0; color: var(--token-ink); } .unscored { color: var(--soft); }
.up-1 { background: var(--up-1); } .up-2 { background: var(--up-2); } .up-3 { background: var(--up-3); } .up-4 { background: var(--up-4); } .up-5 { background: var(--up-5); }
.down-1 { background: var(--down-1); } .down-2 { background: var(--down-2); } .down-3 { background: var(--down-3); } .down-4 { background: var(--down-4); } .down-5 { background: var(--down-5); }
.down-1, .down-2, .down-3, .down-4, .down-5 { text-decoration: underline dotted; text-underline-offset: 4px; }
.hidden-character { font-size: .85em; user-select: none; }
`;

const NARROW = `
  body { font-size: 15.5px; }
  .masthead { padding-top: 32px; }
  .wide { display: none; } .narrow { display: block; } .narrow svg { max-width: 520px; margin-inline: auto; }
  .evidence li, .evidence.kinds li { grid-template-columns: minmax(0, 1fr); }
  .charts-two, .columns-two { grid-template-columns: minmax(0, 1fr); }
  .tiles { grid-template-columns: repeat(2, minmax(0, 1fr)); } .tile, .tile + .tile { padding: .8rem .7rem; }
  .tile:nth-child(odd) { padding-left: 0; } .tile:last-child:nth-child(odd) { grid-column: 1 / -1; }
  .tile .tile-value { font-size: 1.7rem; } .tile-label { min-height: 0; }
  .provenance { grid-template-columns: 1fr; gap: 0; } .provenance dd { margin-bottom: .7rem; }
  .legend-steps { font-size: .7rem; } .legend-steps .token { padding: 0 .28em; }
  section { padding-top: 2.6rem; } h2 { font-size: 1.5rem; }
  th, td { max-width: 15rem; }
  .stacked thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  .stacked tr { display: block; padding: .7rem 0; border-bottom: 1px solid var(--rule); }
  .stacked th, .stacked td { display: flex; justify-content: space-between; gap: 1rem; max-width: none; padding: .12rem 0; border: 0; }
  .stacked tbody th { display: block; font-size: .9375rem; } .stacked td:has(> span:empty) { display: none; } .stacked td::before { content: attr(data-label); flex: none; color: var(--soft); }
  .stacked td > span { text-align: right; min-width: 0; }
  .card > details > summary { grid-template-columns: 1.1rem minmax(0, 1fr); } .preview { grid-column: 2; } .card > details[open] .preview { display: none; }
  .card > details > :not(summary) { margin-left: 0; }`;

const PRINT = `
  body { font-size: 10.5pt; } .masthead { padding-top: 0; } nav { display: none; }
  main, header, footer { width: 100%; }
  figure, .tile, .tiles, .lead, tr, .card { break-inside: avoid; } h2, h3, .lead, .figure-title, caption { break-after: avoid; }
  section { padding-top: 1.6rem; } pre { max-height: none; } .table { overflow: visible; }
  .token, .bar-kept, .node rect { -webkit-print-color-adjust: exact; print-color-adjust: exact; }`;

/** What a single chart needs where it stands in a file of its own. */
export const CHART_STYLE = `:root {${LIGHT} }
@media screen and (prefers-color-scheme: dark) { :root {${DARK} } }
text { font: 400 12px/1 Inter, system-ui, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; font-variant-numeric: tabular-nums; }
.paper { fill: var(--paper); } text.chart-title { font-size: 16px; font-weight: 600; } text.chart-note { fill: var(--soft); }
${CHARTS}`;

/** The whole style sheet of the report. */
export const STYLE = `:root {${LIGHT} }
@media screen and (prefers-color-scheme: dark) { :root {${DARK} } }
${PAGE}${CHARTS}${DOCUMENTS}@media screen and (max-width: 820px) {${NARROW}
}
@media print {${PRINT}
}
`;
