import type { Findings } from "../findings.ts";
import { html, nothing, type Safe } from "../html.ts";
import { differencesInWords, limitedInWords } from "../task_verdict.ts";

/** One line of the masthead's evidence: whether any task differs; nothing where none were asked. */
export function tasksEvidence({ tasks }: Findings): Safe {
  if (tasks === undefined || tasks.scores.length === 0) return nothing;
  const limited = tasks.limited ? html` <span class="fine">${limitedInWords(tasks.tasks)}</span>` : nothing;
  return html`<li><span class="set">tasks</span><span>${differencesInWords(tasks)}${limited}</span></li>`;
}
