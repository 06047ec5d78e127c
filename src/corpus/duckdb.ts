import type { DuckDBConnection } from "@duckdb/node-api";
import { HeartcutError, printable } from "../errors.ts";

/** Names of the columns of a Parquet file, nested ones by their top. @throws HeartcutError HC2012 if it cannot be read */
export async function parquetColumns(path: string, name: string): Promise<string[]> {
  const columns: string[] = [];
  const rows = query(path, name, "DESCRIBE SELECT * FROM read_parquet($path)");
  for await (const row of rows) columns.push(row.column_name as string);
  return columns;
}

/** The rows of a Parquet file in order, with the columns named (nested ones as objects and arrays). @throws HeartcutError HC2012 */
export function readParquetRows(
  path: string,
  name: string,
  columns: readonly string[],
): AsyncGenerator<Record<string, unknown>> {
  const list = columns.map((column) => `"${column.replaceAll('"', '""')}"`).join(", ");
  return query(path, name, `SELECT ${list} FROM read_parquet($path, binary_as_string = true)`);
}

async function* query(path: string, name: string, sql: string): AsyncGenerator<Record<string, unknown>> {
  // DuckDB takes a file name for a pattern: its special characters are put in brackets.
  const pattern = path.replace(/[*?[]/g, "[$&]");
  const { connection, close } = await openFor([path, pattern]);
  try {
    const result = await connection.stream(sql, { path: pattern });
    for await (const rows of result.yieldRowObjectJs()) yield* rows;
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new HeartcutError(
      "HC2012",
      {
        what: "a corpus file cannot be read",
        where: name,
        found: printable(message.split("\n")[0]!).slice(0, 300),
        fix: "check that the file is complete and of the format its name says",
      },
      { cause: error },
    );
  } finally {
    close();
  }
}

/**
 * Opens DuckDB so that it can read these paths and nothing else: no network, no extensions, settings locked.
 * One database per file, because the allowed paths are fixed once the settings are locked.
 */
async function openFor(paths: string[]): Promise<{ connection: DuckDBConnection; close: () => void }> {
  const { DuckDBInstance } = await import("@duckdb/node-api");
  const instance = await DuckDBInstance.create(":memory:", {
    threads: "2",
    memory_limit: "1GB",
    preserve_insertion_order: "true",
    autoinstall_known_extensions: "false",
    autoload_known_extensions: "false",
  });
  const connection = await instance.connect();
  const close = () => {
    connection.closeSync();
    instance.closeSync();
  };
  try {
    const list = paths.map((path) => `'${path.replaceAll("'", "''")}'`).join(", ");
    await connection.run(`SET allowed_paths = [${list}]`);
    await connection.run("SET enable_external_access = false");
    await connection.run("SET lock_configuration = true");
  } catch (error) {
    close();
    throw error;
  }
  return { connection, close };
}
