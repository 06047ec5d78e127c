import { TABLES_VERSION, type Table } from "./table.ts";

/** Tables as JSON: the model itself, numbers unrounded, shares as shares. Ends with a newline. */
export function jsonOf(tables: readonly Table[]): string {
  return `${JSON.stringify({ version: TABLES_VERSION, tables }, null, 2)}\n`;
}
