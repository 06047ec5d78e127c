import { renderDocument } from "./document.ts";
import { findingsOf } from "./findings.ts";
import type { ReportData } from "./record.ts";
import type { Section } from "./section.ts";
import { auditSection } from "./sections/audit.ts";
import { costSection } from "./sections/cost.ts";
import { curvesSection } from "./sections/curves.ts";
import { documentsSection } from "./sections/documents.ts";
import { masthead } from "./sections/headline.ts";
import { methodSection } from "./sections/method.ts";
import { reproduceSection } from "./sections/reproduce.ts";
import { resultsSection } from "./sections/results.ts";
import { runSection } from "./sections/run.ts";
import { scalingSection } from "./sections/scaling.ts";
import { scoresSection } from "./sections/scores.ts";
import { sourcesSection } from "./sections/sources.ts";
import { tasksSection } from "./sections/tasks.ts";
import { trainingSection } from "./sections/training.ts";
import { STYLE } from "./style.ts";
import { verdictSentence } from "./verdict.ts";

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
    ...tasksSection(findings),
    ...scalingSection(data, findings),
    ...costSection(findings),
    scoresSection(data, findings),
    sourcesSection(data, findings),
    documentsSection(data, findings),
    auditSection(data, findings),
    trainingSection(data, findings),
    reproduceSection(data.run),
    methodSection(data, findings),
  ];
  return renderDocument({
    name: data.run.name,
    heartcutVersion: data.run.heartcutVersion,
    description: verdictSentence(data, findings),
    masthead: masthead(data, findings),
    sections,
    style: STYLE,
  });
}
