import { createHash } from "node:crypto";
import { findingsOf } from "./findings.ts";
import { html, Safe } from "./html.ts";
import type { ReportData } from "./record.ts";
import type { Section } from "./section.ts";
import { auditSection } from "./sections/audit.ts";
import { curvesSection } from "./sections/curves.ts";
import { documentsSection } from "./sections/documents.ts";
import { masthead, verdictSentence } from "./sections/headline.ts";
import { methodSection } from "./sections/method.ts";
import { reproduceSection } from "./sections/reproduce.ts";
import { resultsSection } from "./sections/results.ts";
import { runSection } from "./sections/run.ts";
import { scoresSection } from "./sections/scores.ts";
import { sourcesSection } from "./sections/sources.ts";
import { trainingSection } from "./sections/training.ts";
import { STYLE } from "./style.ts";

/**
 * The report as one HTML document: no script, no request to anywhere, text of documents and models only ever as text.
 * A pure function of the records.
 */
export function renderReport(data: ReportData): string {
  const findings = findingsOf(data);
  const sections: Section[] = [
    runSection(data, findings),
    curvesSection(findings),
    resultsSection(data, findings),
    scoresSection(data, findings),
    sourcesSection(data, findings),
    documentsSection(data, findings),
    auditSection(data),
    trainingSection(data, findings),
    reproduceSection(data),
    methodSection(findings),
  ];
  const policy = `default-src 'none'; style-src 'sha256-${createHash("sha256").update(STYLE).digest("base64")}'; img-src data:; base-uri 'none'; form-action 'none'`;
  return String(html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta name="description" content="${verdictSentence(data, findings)}">
<title>${`${data.run.name} · heartcut report`}</title>
<style>${Safe.constant(STYLE)}</style>
</head>
<body>
${masthead(data, findings)}
<nav aria-label="Sections"><ol>${sections.map(({ id, title }) => html`<li><a href="${Safe.constant(`#${id}`)}">${title}</a></li>`)}</ol></nav>
<main>
${sections.map(({ id, title, lead, body }) => html`<section id="${id}"><h2>${title}</h2><p class="lead">${lead}</p>${body}</section>\n`)}</main>
<footer>Made by heartcut ${data.run.heartcutVersion} from the records of the run; the same figures stand in report.json.</footer>
</body>
</html>
`);
}
