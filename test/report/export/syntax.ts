/** Strict readers of what the writers write: each throws at what its format does not allow. */

/** RFC 4180 with CRLF, records of equal length. */
export function readCsv(text: string): string[][] {
  const records: string[][] = [];
  let record: string[] = [];
  const field = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n)/y;
  while (field.lastIndex < text.length) {
    const at = field.lastIndex;
    const match = field.exec(text);
    if (match === null) throw new Error(`no CSV at ${JSON.stringify(text.slice(at, at + 40))}`);
    record.push(match[1]?.replaceAll('""', '"') ?? match[2]!);
    if (match[3] === ",") continue;
    records.push(record);
    record = [];
  }
  if (record.length > 0) throw new Error("the last record does not end");
  for (const one of records) if (one.length !== records[0]!.length) throw new Error(`ragged: ${one.join("|")}`);
  return records;
}

const COMMANDS =
  /\\(?:usepackage|textbackslash|textasciicircum|textasciitilde|textless|textgreater|textbar|textquotedbl|textasciigrave|textquotesingle|texttt|ldots|dagger|ddagger|par|smallskip|footnotesize|pm|times|cdot|leq|geq|rightarrow|uparrow|downarrow|alpha|beta|mathbf|toprule|midrule|bottomrule|centering|caption|label|begin|end)(?![a-zA-Z])|\\[{}$&#%_;,\\]/y;

/** A table float: balanced, of known commands only, every row of as many cells as columns, nothing but Latin letters. */
export function checkLatex(text: string): { columns: number; rows: number } {
  const body = text.replace(/^%.*\n/, "");
  let depth = 0;
  let math = false;
  for (let i = 0; i < body.length; ) {
    const character = body[i]!;
    if (character === "\\") {
      COMMANDS.lastIndex = i;
      const command = COMMANDS.exec(body)?.[0];
      if (command === undefined) throw new Error(`unknown command at ${body.slice(i, i + 20)}`);
      i += command.length;
      continue;
    }
    if (character === "{") depth++;
    else if (character === "}") depth--;
    else if (character === "$") math = !math;
    else if (/[#%~]/.test(character)) throw new Error(`bare ${character} at ${body.slice(i - 10, i + 10)}`);
    else if (!math && /[_^<>|"]/.test(character)) throw new Error(`bare ${character} at ${body.slice(i - 10, i + 10)}`);
    else if (!/[\n\x20-\x7eÀ-ſ]/.test(character)) throw new Error(`${character} is no character of T1 fonts`);
    if (depth < 0) throw new Error("a brace closes nothing");
    i++;
  }
  if (depth !== 0 || math) throw new Error("unbalanced braces or dollars");
  const columns = (/\\begin\{tabular\}\{([lr]+)\}/.exec(body)?.[1] ?? "").length;
  const inside =
    /\\toprule\n([\s\S]*)\\bottomrule\n {2}\\end\{tabular\}\n {2}\\par\\smallskip\n {2}\{\\footnotesize .*\\par\}\n\\end\{table\}\n$/.exec(
      body,
    )?.[1];
  if (inside === undefined) throw new Error("no booktabs table");
  const rows = inside.split("\n").filter((line) => line.endsWith("\\\\"));
  for (const row of rows) if (row.split(/(?<!\\)&/).length !== columns) throw new Error(`not ${columns} cells: ${row}`);
  return { columns, rows: rows.length };
}

/** Cells of the table in a Markdown text: rows of equal length, no pipe, HTML or markup but the writer's bold. */
export function readMarkdown(text: string): string[][] {
  const rows = text.split("\n").filter((line) => line.startsWith("|"));
  const cells = rows.map((row) =>
    row
      .slice(1, -1)
      .split(/(?<!\\)\|/)
      .map((cell) => cell.trim()),
  );
  for (const one of cells) if (one.length !== cells[0]!.length) throw new Error(`ragged: ${one.join(" / ")}`);
  for (const cell of cells.flat())
    if (/(?<!\\)[<>[\]`]/.test(cell.replace(/^\*\*(.*)\*\*$/, "$1"))) throw new Error(`markup in ${cell}`);
  return cells;
}
