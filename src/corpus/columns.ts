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

/** The error for a column that a file does not have: lists those it has, the nearest name first. */
export function missingColumn(where: string, wanted: string, present: readonly string[], scope: string): HeartcutError {
  const nearest = present.slice(0, 1000).sort((a, b) => editDistance(a, wanted) - editDistance(b, wanted))[0];
  const close = nearest !== undefined && editDistance(nearest, wanted) <= Math.max(2, wanted.length / 3);
  return new HeartcutError("HC2011", {
    what: `no column "${wanted}" ${scope}`,
    where,
    found: `columns ${present.slice(0, 50).map(printable).join(", ")}${present.length > 50 ? ", …" : ""}`,
    fix: close ? `did you mean "${printable(nearest)}"?` : "name one of these columns in the recipe's corpus section",
  });
}

/** Insertions, deletions and replacements that turn one name into the other (Levenshtein 1966). */
function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    for (let j = 1; j <= b.length; j++) {
      const replace = previous[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      current.push(Math.min(replace, previous[j]! + 1, current[j - 1]! + 1));
    }
    previous = current;
  }
  return previous[b.length]!;
}
