import { closest } from "../did_you_mean.ts";
import { HeartcutError, printable } from "../errors.ts";

/** The column that a possibly nested name (`meta.source`) starts at; undefined where there is none. */
export function topColumn(name: string, present: readonly string[]): string | undefined {
  if (present.includes(name)) return name;
  const top = name.split(".", 1)[0]!;
  return top !== name && present.includes(top) ? top : undefined;
}

/** Value of a column of one row: its own name first, then level by level through the dots. */
export function fieldOf(row: Record<string, unknown>, name: string): unknown {
  if (Object.hasOwn(row, name)) return row[name];
  let value: unknown = row;
  for (const part of name.split(".")) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, part)) return undefined;
    value = (value as Record<string, unknown>)[part];
  }
  return value;
}

/** The error for a column that a file does not have: lists those it has and names the nearest. */
export function missingColumn(where: string, wanted: string, present: readonly string[], scope: string): HeartcutError {
  const nearest = closest(wanted, present.slice(0, 1000));
  return new HeartcutError("HC2011", {
    what: `no column "${wanted}" ${scope}`,
    where,
    found: `columns ${present.slice(0, 50).map(printable).join(", ")}${present.length > 50 ? ", …" : ""}`,
    fix:
      nearest !== undefined
        ? `did you mean "${printable(nearest)}"?`
        : "name one of these columns in the recipe's corpus section",
  });
}
