import type { Findings } from "../findings.ts";
import { flops, listed } from "../format.ts";
import { html, nothing, type Safe } from "../html.ts";
import type { ReportData } from "../record.ts";
import type { Section } from "../section.ts";

/** How the figures were made, and what they do not say. */
export function methodSection(data: ReportData, findings: Findings): Section {
  const notes: Safe[] = [
    html`<b>Score.</b> For each instance the negative log-likelihood of its scored tokens under the reference minus that under the teacher, in nats. High means that a large model has learned from such text what a small one has not. Difference Sampling keeps the highest scores (MiniPLM, arXiv 2410.17215).`,
    html`<b>Held-out loss.</b> The mean over instances of each instance's mean negative log-likelihood. Intervals are 95 % percentile bootstraps over instances; comparisons are paired, instance by instance.`,
    html`<b>Verdict.</b> “Lower” or “higher” is said only if the 95 % interval of the paired difference lies on one side of zero as a whole: with several seeds a t interval over the seeds, with one seed a bootstrap interval over the instances. Two or three seeds make a wide t interval; where each seed by itself is clear and the t interval is not, the verdict says so.`,
    html`<b>${findings.cost === "flops" ? "Compute" : "Data"} saved.</b> Where the mean curve of the better student first reaches the final loss of the other, with the logarithm of the cost taken as linear in the loss between two evaluations. Learning-rate schedules end with the run, so the curve in the middle is above what a shorter run with its own schedule would reach: the saving is understated rather than overstated.`,
    html`<b>What is not counted.</b> ${recordsCost(findings)}`,
    ...manyNotes(findings),
    ...scienceNotes(data, findings),
    html`<b>Held-out text</b> was split off by a hash of each document, so exact duplicates never stand on both sides; near-duplicates may.`,
    html`<b>Scope.</b> Small models on a small corpus tell whether the chain works and in which direction it goes, not how large the effect is at scale.`,
  ];
  return {
    id: "method",
    title: "Method and caveats",
    lead: html`How the figures were made, and what they do not say.`,
    body: html`<ul class="notes">${notes.map((note) => html`<li>${note}</li>`)}</ul>`,
  };
}

/** What must be known of runs of several families, tokenizers or ways to learn. */
function manyNotes({ cast, contrasts, question, losses }: Findings): Safe[] {
  const inBytes = losses.some(({ bitsPerByte }) => bitsPerByte !== undefined);
  const planned = cast.groups.some(({ plan }) => plan !== undefined);
  return [
    ...(planned && inBytes
      ? [
          html`<b>Bits per byte.</b> The negative log-likelihood of a whole set over the bytes of its text: it compares students of different tokenizers, whose nats per token do not compare. Students of one tokenizer are compared in nats per token.`,
        ]
      : []),
    ...(question === "selection"
      ? []
      : [
          html`<b>Many comparisons.</b> Each of the ${contrasts.length} intervals is a 95 % interval by itself: of twenty comparisons without any difference one is expected to look clear.`,
        ]),
    ...(cast.groups.some(({ plan }) => plan?.readsAlong)
      ? [
          html`<b>A teacher beside the student.</b> The FLOPs of students with online distillation hold the teacher's forward passes, and the writing of text where the student writes its own. What was captured or written once by the teacher counts with the records.`,
        ]
      : []),
  ];
}

/** What must be known of tasks, scaling laws and the analysis of the corpus. */
function scienceNotes({ scaling, selections }: ReportData, { tasks }: Findings): Safe[] {
  return [
    ...(tasks === undefined
      ? []
      : [
          html`<b>Tasks.</b> Asked and scored as lm-evaluation-harness does. Students are compared on the same questions, seed by seed: a paired t test over seeds, an exact McNemar test over the questions where there is one pair of seeds; p is adjusted by Holm over the tasks of a pair. Small models are near chance on most tasks, where a difference says little. Questions asked during training are the first of each task and no result of it.`,
        ]),
    ...(scaling === undefined
      ? []
      : [
          html`<b>Scaling laws.</b> Fitted to the points of loss curves (Huber loss of the log residuals, many starts), not to trainings of several lengths each with its own schedule: in the middle of a run the loss is above what a shorter run would reach, so the exponent is that of these curves. Bands and intervals are bootstraps and take the law for granted; they do not say how wrong the law is beyond what was measured.`,
        ]),
    ...(selections.every(({ analysis }) => analysis === undefined)
      ? []
      : [
          html`<b>Diversity</b> has no one definition: each measure is held against random selections of as many instances, since most grow or fall with the size of the sample. Fewer instances of one source can lower it without any loss of good text.`,
        ]),
  ];
}

function recordsCost({ costs }: Findings): Safe {
  if (costs === undefined) return html`The curves count the students' training alone, not the scoring of the corpus.`;
  return html`The curves count the students' training alone. The stages before them (${listed(costs.records.map(({ stage }) => stage))}) took ${flops(costs.total)} FLOPs, once for all students, against ${flops(costs.student)} for one student${costs.total > costs.student ? html`; with few students the records do not pay for themselves` : nothing}.`;
}
