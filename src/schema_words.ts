import type { z } from "zod";
import { printable } from "./errors.ts";

/** What a schema refuses in a value, in words for people. */
export interface Mismatch {
  /** Where in the value, "splits.train.examples"; empty for the value itself. */
  path: string;
  /** What stands there. */
  found: string;
  expected: string;
}

/** The first thing that a schema refuses in a value. */
export function mismatchOf(error: z.ZodError, value: unknown): Mismatch {
  const issue = error.issues[0]!;
  const path = issue.path.map(String).join(".");
  if (issue.code === "unrecognized_keys")
    return { path, found: `the unknown key ${printable(issue.keys.join(", "))}`, expected: "known keys only" };
  const there = issue.path.reduce<unknown>((tree, key) => (tree as Record<PropertyKey, unknown> | null)?.[key], value);
  return { path, found: shown(there), expected: expectationOf(issue) || issue.message };
}

/** What a schema takes in place of the value it refused: "a whole number", "one of: l1, l2"; empty where it cannot say. */
export function expectationOf(issue: z.core.$ZodIssue): string {
  const values = allowedValues(issue);
  if (values.length > 0) return `one of: ${values.join(", ")}`;
  switch (issue.code) {
    case "invalid_type":
      return KINDS[issue.expected] ?? `a ${issue.expected}`;
    case "too_small":
      return `${sized(issue.origin)} ${issue.inclusive ? "of at least" : "above"} ${issue.minimum}`;
    case "too_big":
      return `${sized(issue.origin)} ${issue.inclusive ? "of at most" : "below"} ${issue.maximum}`;
    case "invalid_format":
      return issue.message;
    case "invalid_union":
      return [...new Set(issue.errors.flatMap(([first]) => (first && expectationOf(first)) || []))].join(" or ");
    default:
      return "";
  }
}

/** The values among which a schema lets choose; [] where it takes others than a list of them. */
export function allowedValues(issue: z.core.$ZodIssue): string[] {
  if (issue.code === "invalid_value") return issue.values.map(String);
  if (issue.code === "invalid_union" && "options" in issue) return (issue.options as unknown[]).map(String);
  return [];
}

/** A value from a file as messages show it: JSON, without control characters, not too long. */
export function shown(value: unknown): string {
  const json = JSON.stringify(value) ?? "nothing";
  return printable(json.length > 100 ? `${json.slice(0, 100)}…` : json);
}

const KINDS: Readonly<Record<string, string>> = {
  int: "a whole number",
  string: "a text",
  boolean: "true or false",
  array: "a list",
  tuple: "a list",
  object: "a map of keys",
  record: "a map of keys",
};

function sized(origin: string): string {
  if (origin === "array") return "a list with a length";
  return origin === "string" || origin === "map"
    ? `a ${origin === "string" ? "text" : origin} with a length`
    : "a number";
}
