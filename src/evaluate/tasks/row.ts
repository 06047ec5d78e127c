import { HeartcutError, printable } from "../../errors.ts";
import { shown } from "../../schema_words.ts";
import type { TaskDocument } from "./prepared.ts";

/** One row of a task's data file, with its place for messages; "question.stem" names a nested field. */
export class Row {
  constructor(
    readonly doc: TaskDocument,
    /** File and line. */
    readonly where: string,
  ) {}

  /** Names of all fields, in the order of the row; those of nested objects behind their parent. */
  names(): string[] {
    return Object.entries(this.doc).flatMap(([name, value]) => [
      name,
      ...(isObject(value) ? Object.keys(value).map((inner) => `${name}.${inner}`) : []),
    ]);
  }

  /** Whether the row has a value there; null is none. */
  has(name: string): boolean {
    return this.value(name) !== undefined;
  }

  /** The value as it stands; undefined for a field that is missing or null. */
  value(name: string): unknown {
    if (Object.hasOwn(this.doc, name)) return this.doc[name] ?? undefined;
    const dot = name.indexOf(".");
    const parent = dot < 0 ? undefined : this.value(name.slice(0, dot));
    const inner = name.slice(dot + 1);
    return isObject(parent) && Object.hasOwn(parent, inner) ? (parent[inner] ?? undefined) : undefined;
  }

  /** A text, which may be empty. @throws HeartcutError HC3506 */
  text(name: string): string {
    const value = this.value(name);
    return typeof value === "string" ? value : this.refuse(name, "a text");
  }

  /** A list of texts, at least two: answers to choose between. @throws HeartcutError HC3506 */
  choices(name: string): string[] {
    const value = this.value(name);
    if (Array.isArray(value) && value.length > 1 && value.every((x): x is string => typeof x === "string"))
      return value;
    return this.refuse(name, "a list of at least two texts");
  }

  /** Index, from 0, of the right one of `count` answers that the row numbers from `from`. @throws HeartcutError HC3506 */
  index(name: string, count: number, from: 0 | 1 = 0): number {
    const value = this.value(name);
    const number = typeof value === "string" && /^\s*\d+\s*$/.test(value) ? Number(value) : value;
    if (typeof number === "number" && Number.isInteger(number) && number >= from && number < from + count)
      return number - from;
    return this.refuse(name, `a whole number from ${from} to ${from + count - 1}: which answer is right`);
  }

  /** Index of the right answer where the row names it by its label. @throws HeartcutError HC3506 */
  labelled(name: string, labels: readonly string[], label = this.text(name)): number {
    const at = labels.indexOf(label);
    if (at >= 0 && labels.indexOf(label, at + 1) < 0) return at;
    return this.refuse(name, `one of ${labels.map(shown).join(", ")}${at < 0 ? "" : ", each of which stands once"}`);
  }

  /** Stops at a field whose value cannot be used. @throws HeartcutError HC3506 always */
  refuse(name: string, expected: string): never {
    throw new HeartcutError("HC3506", {
      what: `the field "${printable(name)}" cannot be used`,
      where: this.where,
      found: this.has(name) ? shown(this.value(name)) : "no such field",
      expected,
      fix: "mend the row, or fetch the file again",
    });
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
