import { parse } from "yaml";

/** Whether the recipe of a run has something at a path of keys, such as evaluate, tasks. @param recipe - resolved, as YAML */
export function asksFor(recipe: string, ...path: readonly string[]): boolean {
  let value = parsed(recipe);
  for (const key of path) {
    if (value === null || typeof value !== "object" || !Object.hasOwn(value, key)) return false;
    value = (value as Record<string, unknown>)[key];
  }
  return value !== null && value !== undefined;
}

function parsed(recipe: string): unknown {
  try {
    return parse(recipe);
  } catch {
    // A report shows the recipe and does not judge it: what cannot be read asks for nothing.
    return undefined;
  }
}
