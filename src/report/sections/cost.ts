import type { Costs, GroupCost } from "../costs.ts";
import type { Findings } from "../findings.ts";
import { flops, listed, percent, plural, times, UNKNOWN } from "../format.ts";
import { html, nothing } from "../html.ts";
import { joined, type Section, stackedTable, studentName } from "../section.ts";

/** What the teacher's records cost, once, and what each student costs with them; none for older runs, which do not tell who learns from what. */
export function costSection({ costs }: Findings): Section[] {
  if (costs === undefined || costs.groups.length === 0) return [];
  const { total, student, trainings } = costs;
  return [
    {
      id: "cost",
      title: "What the teacher cost",
      lead: html`Records are made once and count once: ${flops(total)} FLOPs for all of them, ${times(total / student)} the training of one student and ${times(total / (student * trainings))} that of all ${trainings} together. A teacher that reads along is paid for in each training instead, and stands in that student's FLOPs.`,
      body: joined(recordsTable(costs), studentsTable(costs), html`<p class="fine">${besideNote(costs)}</p>`),
    },
  ];
}

function recordsTable({ records, student, trainings, total }: Costs) {
  const rows = records.map(({ stage, flops: spent, serves = [] }) => [
    stage,
    flops(spent),
    times(spent / student),
    times(spent / (student * trainings)),
    serves.length === 0
      ? "no student"
      : plural(
          serves.reduce((sum, { students }) => sum + students.length, 0),
          "training",
        ),
  ]);
  return stackedTable(
    "Compute before the students, once for all",
    [
      { title: "Stage" },
      { title: "FLOPs", numeric: true },
      { title: "of one training", numeric: true },
      { title: "of all trainings", numeric: true },
      { title: "Learned from by", numeric: true },
    ],
    [
      ...rows,
      [
        html`<b>all</b>`,
        html`<b>${flops(total)}</b>`,
        html`<b>${times(total / student)}</b>`,
        html`<b>${times(total / (student * trainings))}</b>`,
        "",
      ],
    ],
  );
}

function studentsTable({ groups }: Costs) {
  return stackedTable(
    "A training and the records it learns from, in FLOPs",
    [
      { title: "Student" },
      { title: "Training", numeric: true },
      { title: "of it beside the student", numeric: true },
      { title: "Records, for it alone", numeric: true },
      { title: "Records, shared", numeric: true },
      { title: "Together, shared", numeric: true },
    ],
    groups.map(({ group, training, alone, shared, beside }) => [
      studentName(group),
      flops(training),
      beside === undefined ? (group.plan!.readsAlong ? UNKNOWN : "none") : percent(beside),
      alone === 0 ? "none" : html`${flops(alone)} <span class="fine">${times(alone / training)}</span>`,
      alone === 0 ? "none" : flops(shared),
      flops(training + shared),
    ]),
  );
}

function besideNote({ groups }: Costs) {
  const along = groups.filter(({ group }) => group.plan!.readsAlong);
  const measured = along.filter(({ beside }) => beside !== undefined);
  const share = ({ group, beside }: GroupCost) => `${group.name} ${percent(beside!)}`;
  return html`“For it alone” is what the records of a student would cost if it were the only one; “shared” divides each record among all trainings that learn from it.${
    measured.length === 0
      ? nothing
      : html` “Beside the student” is what a student of the same size without a teacher beside it does not spend on as much text (${listed(measured.map(share))}): the teacher reading along, and text of the student's own.`
  }`;
}
