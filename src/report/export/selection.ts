import { count } from "../format.ts";
import type { NumberFormat } from "./figures.ts";
import type { ExportSource } from "./load.ts";
import { provenanceSentence } from "./provenance.ts";
import type { Column, Row, Table } from "./table.ts";
import { PERCENT } from "./tasks.ts";

const COUNT: NumberFormat = { kind: "count" };
const SCORE: NumberFormat = { kind: "decimal", digits: 3, signed: true };

/** What each selection kept of the corpus. */
export function selectionTable({ run, provenance }: ExportSource): Table | undefined {
  const summaries = (run?.selections ?? []).flatMap(({ summary }) => summary ?? []);
  const first = summaries[0];
  if (first === undefined) return undefined;
  const columns: Column[] = [
    { key: "selection", title: "selection" },
    { key: "method", title: "method" },
    { key: "instances", title: "instances", format: COUNT },
    { key: "instances_share", title: "of all", unit: "%", format: PERCENT },
    { key: "tokens", title: "tokens", format: COUNT },
    { key: "tokens_share", title: "of all", unit: "%", format: PERCENT },
    { key: "difference_kept", title: "mean difference, kept", format: SCORE },
    { key: "difference_dropped", title: "dropped", format: SCORE },
  ];
  const rows = summaries.map(
    ({ name, method, instances, tokens, meanDifference }): Row => ({
      group: "selection",
      cells: [
        name,
        method,
        { value: instances.kept },
        { value: instances.kept / instances.total },
        { value: tokens.kept },
        { value: tokens.kept / tokens.total },
        { value: meanDifference.kept },
        // Nothing was dropped where all was kept.
        instances.kept === instances.total ? null : { value: meanDifference.dropped },
      ],
    }),
  );
  return {
    kind: "selection",
    name: "selection",
    title: "What was kept",
    caption: [
      `Of ${count(first.instances.total)} instances with ${count(first.tokens.total)} tokens. Difference: loss of the reference less that of the teacher, mean over instances.`,
    ],
    notes: [provenanceSentence(provenance)],
    provenance,
    columns,
    rows,
  };
}
