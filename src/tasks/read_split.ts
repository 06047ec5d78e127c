import { HeartcutError } from "../errors.ts";
import { checkpointSignal, type StageContext } from "../progress.ts";
import { shown } from "../schema_words.ts";
import { evaluate } from "./arithmetic.ts";
import type { Fields } from "./fields.ts";
import { findOutputFiles, mismatch, readOutputs } from "./llm_outputs.ts";
import { collapse } from "./metrics.ts";
import type { Split, TaskExample } from "./record.ts";
import { readRows } from "./rows.ts";
import { type ExampleDraft, readExample, type Task } from "./task.ts";

/** A data file and the files of model outputs that belong to its rows. */
export interface DataFile {
  path: string;
  outputs: string[];
}

/** Rows between two looks at the signal. */
const ROWS = 2000;

/** The data files of a split with what stands beside them. @throws HeartcutError HC6016 */
export async function findDataFiles(task: Task, paths: string | readonly string[]): Promise<DataFile[]> {
  const files: DataFile[] = [];
  for (const path of typeof paths === "string" ? [paths] : paths)
    files.push({ path, outputs: task.readOutput === undefined ? [] : await findOutputFiles(path) });
  return files;
}

/**
 * Reads all examples of a split, in order; ids that rows lack are `<split>-<row>`, rows counted from 1 over its files.
 * @throws HeartcutError HC6011-HC6015, HC6021 at a row, HC6016 if model outputs do not fit, HC6030 for an id that
 *   occurs twice, HC6032 if there is no row; those of readRows; Interrupted
 */
export async function readSplit(
  task: Task,
  split: Split,
  files: readonly DataFile[],
  context: StageContext,
): Promise<TaskExample[]> {
  const examples: TaskExample[] = [];
  const places = new Map<string, string>();
  const where = files.map(({ path }) => path).join(", ");
  for (const { path, outputs: outputFiles } of files) {
    const outputs = await readOutputs(outputFiles);
    const first = examples.length;
    for await (const fields of readRows(path)) {
      const draft = readExample(task, fields);
      checkExample(task, draft, fields);
      const output = outputs[examples.length - first];
      if (output !== undefined) joinOutput(task, draft, output, fields);
      const { id = `${split}-${examples.length + 1}`, ...rest } = draft;
      const earlier = places.get(id);
      if (earlier !== undefined) throw duplicateId(id, split, earlier, fields.where);
      places.set(id, fields.where);
      examples.push({ id, ...rest });
      if (examples.length % ROWS === 0) await report(split, examples.length, context);
    }
    const rows = examples.length - first;
    if (outputs.length > rows)
      throw mismatch(path, `${rows} rows, ${outputs.length} outputs`, "at most one for each row");
    if (outputFiles.length > 0 && outputs.length < rows) {
      const message = `${path}: model outputs for the first ${outputs.length} of ${rows} rows; the others have no LLM rationale`;
      context.report({ type: "warning", stage: context.stage, message });
    }
  }
  await report(split, examples.length, context);
  if (examples.length > 0) return examples;
  throw new HeartcutError("HC6032", {
    what: `the ${split} split has no examples`,
    where,
    found: "no row",
    fix: "name a file with rows",
  });
}

async function report(split: Split, done: number, context: StageContext): Promise<void> {
  // The number of rows is not known before the last one is read.
  context.report({ type: "progress", stage: context.stage, done, total: 0, unit: `${split} rows` });
  await checkpointSignal(context);
}

/** What every task's examples must be. */
function checkExample(task: Task, { input, target, choices }: ExampleDraft, { where }: Fields): void {
  if (input.trim() === "" || target.trim() === "") {
    throw new HeartcutError("HC6012", {
      what: `the example has an empty ${input.trim() === "" ? "input" : "answer"}`,
      where,
      fix: "mend or remove the row",
    });
  }
  if (task.metric === "equation" && evaluate(target) === undefined) {
    throw new HeartcutError("HC6015", {
      what: "the gold equation has no value",
      where,
      found: shown(target),
      expected: "numbers, + - * / and parentheses, without a division by zero",
      why: "no answer could ever be right",
      fix: "correct or remove the row",
    });
  }
  if (choices === undefined || choices.some((choice) => collapse(choice) === collapse(target))) return;
  throw new HeartcutError("HC6014", {
    what: "the answer is not among the choices",
    where,
    found: shown(target),
    expected: `one of ${choices.map(shown).join(", ")}`,
    fix: "correct the answer or the choices",
  });
}

function joinOutput(task: Task, draft: ExampleDraft, output: string, { where }: Fields): void {
  if (draft.rationales.llm !== undefined) {
    throw new HeartcutError("HC6016", {
      what: "the row has a rationale of its own and one in the llm folder beside its file",
      where,
      why: "only one of them can be used",
      fix: "move the file or the llm folder to another place",
    });
  }
  draft.rationales.llm = task.readOutput?.(output, draft);
}

function duplicateId(id: string, split: Split, earlier: string, where: string): HeartcutError {
  return new HeartcutError("HC6030", {
    what: `an id occurs twice in the ${split} split`,
    where,
    found: `${shown(id)}, first at ${earlier}`,
    why: "scores and rationales are joined to examples by id",
    fix: "give every row its own id, or leave the ids out",
  });
}
