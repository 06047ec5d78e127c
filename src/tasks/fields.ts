import { HeartcutError, printable } from "../errors.ts";
import { shown } from "../schema_words.ts";

/** The named values of one row of a data file; those of a nested object are called by both names, `question.stem`. */
export class Fields {
  private readonly values = new Map<string, unknown>();

  /** @param where - file and line, for messages. @throws HeartcutError HC6012 if the row is no JSON object */
  constructor(
    row: unknown,
    readonly where: string,
  ) {
    if (!isObject(row)) {
      throw new HeartcutError("HC6012", {
        what: "a row is no JSON object",
        where,
        found: shown(row),
        expected: 'one object with named fields a row, e.g. {"question": …}',
        fix: "mend or remove the row",
      });
    }
    for (const [name, value] of Object.entries(row)) {
      this.values.set(name, value);
      if (isObject(value))
        for (const [inner, nested] of Object.entries(value)) this.values.set(`${name}.${inner}`, nested);
    }
  }

  /** Names of all fields, in the order of the row. */
  names(): string[] {
    return [...this.values.keys()];
  }

  has(name: string): boolean {
    return this.values.has(name);
  }

  /** The value as it stands; undefined for a field that is missing or null. */
  value(name: string): unknown {
    return this.values.get(name) ?? undefined;
  }

  /** A text that is not blank. @throws HeartcutError HC6012 */
  text(name: string): string {
    return this.optionalText(name) ?? this.refuse(name, "a text that is not empty");
  }

  /** A text, or undefined where it is missing, null or blank. @throws HeartcutError HC6012 for anything else */
  optionalText(name: string): string | undefined {
    const value = this.value(name);
    if (value === undefined) return undefined;
    if (typeof value !== "string") return this.refuse(name, "a text");
    return value.trim() === "" ? undefined : value;
  }

  /** A list of texts, none of them blank; [] where it is missing or null. @throws HeartcutError HC6012 */
  texts(name: string): string[] {
    const value = this.value(name) ?? [];
    if (Array.isArray(value) && value.every((x): x is string => typeof x === "string" && x.trim() !== "")) return value;
    return this.refuse(name, "a list of texts, none of them empty");
  }

  /** A name: text or number. Undefined where it is missing or null. @throws HeartcutError HC6012 */
  id(name: string): string | undefined {
    const value = this.value(name);
    if (value === undefined || (typeof value === "string" && value !== "")) return value;
    return typeof value === "number" ? String(value) : this.refuse(name, "a text or number that names the example");
  }

  /** Stops at a field whose value cannot be used. @throws HeartcutError HC6012 always */
  refuse(name: string, expected: string): never {
    throw new HeartcutError("HC6012", {
      what: `the field "${printable(name)}" cannot be used`,
      where: this.where,
      found: this.has(name) ? shown(this.values.get(name)) : "no such field",
      expected,
      fix: "mend or remove the row",
    });
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
