import { castOf } from "../cast.ts";
import { costsOf, spentBy } from "../costs.ts";
import { parametersOf } from "../lineups.ts";
import type { NumberFormat } from "./figures.ts";
import type { ExportSource } from "./load.ts";
import { provenanceSentence } from "./provenance.ts";
import type { Cell, Column, Row, Table } from "./table.ts";

const COUNT: NumberFormat = { kind: "count" };
const FLOPS: NumberFormat = { kind: "scientific" };

const STUDENT: Column[] = [
  { key: "student", title: "student" },
  { key: "seeds", title: "seeds", format: COUNT },
  { key: "parameters", title: "parameters", format: COUNT },
  { key: "tokens", title: "tokens", format: COUNT },
  { key: "flops", title: "FLOPs", format: FLOPS },
];

/** Size, tokens and FLOPs of each student, and of the stages whose records they learn from. */
export function costTable(source: ExportSource): Table | undefined {
  return source.run === undefined ? rationaleCosts(source) : selectionCosts(source.run, source);
}

function selectionCosts(
  { run, students, selections }: NonNullable<ExportSource["run"]>,
  { provenance }: ExportSource,
): Table | undefined {
  const data = { run, students, selections, models: {}, missing: [] };
  const cast = castOf(data);
  const costs = costsOf(data, cast);
  const names = [...new Set(students.map(({ name }) => name))];
  const shared = costs !== undefined && costs.groups.length > 0;
  const rows = names.flatMap((name): Row[] => {
    const group = cast.groups.find((one) => one.name === name)!;
    const spent = spentBy(group);
    if (spent === undefined) return [];
    const own = costs?.groups.find((one) => one.group === group);
    return [
      {
        group: "student",
        cells: [
          name,
          { value: group.students.length },
          figure(parametersOf(group)),
          { value: spent.tokens },
          { value: spent.flops },
          ...(shared ? [figure(own?.alone), figure(own?.shared)] : []),
        ],
      },
    ];
  });
  if (rows.length === 0) return undefined;
  const stages = (costs?.records ?? []).map(
    ({ stage, flops }): Row => ({
      group: "before the students",
      cells: [stage, null, null, null, { value: flops }, ...(shared ? [null, null] : [])],
    }),
  );
  const records: Column[] = [
    { key: "records_flops_alone", title: "FLOPs of its records", format: FLOPS },
    { key: "records_flops_shared", title: "divided among all that use them", format: FLOPS },
  ];
  return {
    kind: "costs",
    name: "costs",
    title: "What the students cost",
    caption: ["One training of each student, mean over its seeds; a teacher that reads along is counted in its FLOPs."],
    notes: [
      ...(shared
        ? [
            "Its records: what stages before the students computed for it, as if for one training, and divided among all trainings that learn from them.",
          ]
        : []),
      provenanceSentence(provenance),
    ],
    provenance,
    columns: [{ key: "student", title: "student or stage" }, ...STUDENT.slice(1), ...(shared ? records : [])],
    rows: [...rows, ...stages],
  };
}

function rationaleCosts({ rationaleRun, provenance }: ExportSource): Table | undefined {
  const names = [...new Set(rationaleRun?.students.map(({ name }) => name))];
  const rows = names.flatMap((name): Row[] => {
    const trained = rationaleRun!.students.flatMap((one) => (one.name === name && one.training ? [one.training] : []));
    if (trained.length === 0) return [];
    const mean = (key: "tokens" | "flops") => trained.reduce((sum, one) => sum + one[key], 0) / trained.length;
    const cells = [trained.length, trained[0]!.parameters, mean("tokens"), mean("flops")].map((value) => ({ value }));
    return [{ group: "student", cells: [name, ...cells] }];
  });
  if (rows.length === 0) return undefined;
  return {
    kind: "costs",
    name: "costs",
    title: "What the students cost",
    caption: ["One training of each student, mean over its seeds."],
    notes: [provenanceSentence(provenance)],
    provenance,
    columns: STUDENT,
    rows,
  };
}

function figure(value: number | undefined): Cell {
  return value === undefined ? null : { value };
}
