import { z } from "zod";
import { closest } from "../did_you_mean.ts";
import { withoutSecrets } from "../errors.ts";
import { allowedValues, expectationOf } from "../schema_words.ts";
import type { RecipePath } from "./recipe_source.ts";

/** One mistake in a recipe, before it is given a line and a column. */
export interface RecipeIssue {
  code: `HC${number}`;
  path: RecipePath;
  /** Whether the key or its value is wrong. */
  at: "key" | "value";
  what: string;
  fix: string;
}

/** Everything that keeps `value` from being of this schema, in the words of someone who writes recipes. */
export function schemaIssues(schema: z.ZodType, value: unknown, path: RecipePath = []): RecipeIssue[] {
  // Zod cannot say which form of a union was meant; the keys that are there can.
  const unions = unionsWithin(schema, value, path);
  const result = schema.safeParse(value);
  const issues = result.success ? [] : result.error.issues;
  const direct = issues
    .map((issue) => ({ ...issue, path: [...path, ...(issue.path as (string | number)[])] }))
    .filter((issue) => !unions.some((union) => startsWith(issue.path, union.path)))
    .flatMap((issue) => explain(issue, schema, value, path));
  return [...direct, ...unions.flatMap(unionIssues)];
}

interface FoundUnion {
  path: RecipePath;
  forms: z.ZodObject[];
  value: unknown;
}

function unionIssues({ path, forms, value }: FoundUnion): RecipeIssue[] {
  const form = chosenForm(forms, value);
  if (form !== undefined) {
    const keys = Object.keys(form.shape);
    return schemaIssues(form, value, path).map((issue) => {
      const key = issue.path[path.length];
      const elsewhere =
        issue.code === "HC4002" &&
        issue.path.length === path.length + 1 &&
        forms.some((other) => Object.hasOwn(other.shape, String(key)));
      return elsewhere ? noEffect(issue.path, `beside ${keys.find((name) => isMarker(forms, form, name))}`) : issue;
    });
  }
  const markers = forms.map((each) => Object.keys(each.shape).find((name) => isMarker(forms, each, name))!);
  const written = isRecord(value) ? Object.keys(value) : [];
  const unknown = written.find((key) => !forms.some((each) => Object.hasOwn(each.shape, key)));
  const guess = unknown && closest(unknown, markers);
  return [
    guess
      ? unknownKey([...path, unknown], markers)
      : {
          code: "HC4005",
          path,
          at: "key",
          what: `${path.join(".")} needs one of: ${markers.join(", ")}`,
          fix: `write one of ${markers.map((key) => `${path.join(".")}.${key}`).join(", ")}`,
        },
  ];
}

/** A key that only this form requires tells it from the others. */
function isMarker(forms: readonly z.ZodObject[], form: z.ZodObject, key: string): boolean {
  return (
    Object.hasOwn(form.shape, key) &&
    isRequired(form.shape[key]) &&
    forms.every((other) => other === form || !Object.hasOwn(other.shape, key))
  );
}

/** The form whose own key is written first. */
function chosenForm(forms: readonly z.ZodObject[], value: unknown): z.ZodObject | undefined {
  if (!isRecord(value)) return undefined;
  for (const key of Object.keys(value)) {
    const form = forms.find((each) => isMarker(forms, each, key));
    if (form !== undefined) return form;
  }
  return undefined;
}

/** A zod issue with its path from the root of the recipe. */
type PlacedIssue = z.core.$ZodIssue extends infer I
  ? I extends z.core.$ZodIssue
    ? Omit<I, "path"> & { path: RecipePath }
    : never
  : never;

function explain(issue: PlacedIssue, schema: z.ZodType, value: unknown, root: RecipePath): RecipeIssue[] {
  const { path } = issue;
  const inside = path.slice(root.length);
  if (issue.code === "unrecognized_keys") {
    const { known, otherForms, label } = objectAt(schema, value, inside);
    const above = inside.length === 0 ? [] : objectAt(schema, value, inside.slice(0, -1)).known;
    return issue.keys.map((key) => {
      if (otherForms.has(key)) return noEffect([...path, key], `with ${label}`);
      return above.includes(key) ? misplacedKey([...path, key]) : unknownKey([...path, key], known);
    });
  }
  const found = valueAt(value, inside);
  const name = path.join(".");
  if (found === undefined) {
    return [{ code: "HC4005", path, at: "key", what: `${name} is missing`, fix: `write ${name}${expectation(issue)}` }];
  }
  if (issue.code === "invalid_key") {
    return [
      {
        code: "HC4003",
        path,
        at: "key",
        what: `"${String(path.at(-1))}" is no good name`,
        fix: issue.issues[0]?.message ?? issue.message,
      },
    ];
  }
  // Before it is cut: half a password is one too.
  const shown = withoutSecrets(JSON.stringify(found));
  const guess = typeof found === "string" ? closest(found, allowedValues(issue as z.core.$ZodIssue)) : undefined;
  return [
    {
      code: "HC4003",
      path,
      at: "value",
      what: `${name} cannot be ${shown.length > 60 ? `${shown.slice(0, 57)}…` : shown}`,
      fix: `${guess === undefined ? "" : `did you mean ${guess}? `}it takes${expectation(issue) || ` another value: ${issue.message}`}`,
    },
  ];
}

/** A key that is not known where it stands. */
export function unknownKey(path: RecipePath, known: Iterable<string>): RecipeIssue {
  const names = [...known];
  const guess = closest(String(path.at(-1)), names);
  return {
    code: "HC4002",
    path,
    at: "key",
    what: `unknown key ${path.join(".")}`,
    fix: guess === undefined ? `known here: ${names.join(", ")}` : `did you mean ${guess}?`,
  };
}

/** A key that is known one level up. */
function misplacedKey(path: RecipePath): RecipeIssue {
  const above = path.slice(0, -2);
  return {
    code: "HC4002",
    path,
    at: "key",
    what: `unknown key ${path.join(".")}`,
    fix: `${path.at(-1)} stands ${above.length === 0 ? "at the top" : `under ${above.join(".")}`}, beside ${path.at(-2)}`,
  };
}

/** An option that is known but changes nothing where it stands. */
export function noEffect(path: RecipePath, where: string): RecipeIssue {
  return {
    code: "HC4004",
    path,
    at: "key",
    what: `${path.join(".")} has no effect ${where}`,
    fix: "remove one of the two",
  };
}

/** What the schema takes there, behind a space; nothing where it cannot say. */
function expectation(issue: PlacedIssue): string {
  const wanted = expectationOf(issue as z.core.$ZodIssue);
  return wanted === "" ? "" : ` ${wanted}`;
}

/** The keys known at a place, and those known only to the other forms of its union. */
function objectAt(
  schema: z.ZodType,
  value: unknown,
  path: RecipePath,
): { known: string[]; otherForms: Set<string>; label: string } {
  let here = unwrapped(schema);
  let there = value;
  for (const key of path) {
    if (here instanceof z.ZodDiscriminatedUnion) here = discriminated(here, there).form ?? here;
    here = unwrapped(child(here, key) ?? z.unknown());
    there = isRecord(there) || Array.isArray(there) ? (there as Record<string | number, unknown>)[key] : undefined;
  }
  if (here instanceof z.ZodDiscriminatedUnion) {
    const { form, label, forms } = discriminated(here, there);
    const known = Object.keys(form?.shape ?? {});
    return {
      known,
      otherForms: new Set(forms.flatMap((each) => Object.keys(each.shape)).filter((key) => !known.includes(key))),
      label,
    };
  }
  return { known: here instanceof z.ZodObject ? Object.keys(here.shape) : [], otherForms: new Set(), label: "" };
}

function discriminated(
  union: z.ZodDiscriminatedUnion,
  value: unknown,
): { form: z.ZodObject | undefined; forms: z.ZodObject[]; label: string } {
  const key = union.def.discriminator;
  const forms = union.options.filter((option) => option instanceof z.ZodObject);
  const wanted = isRecord(value) ? value[key] : undefined;
  return {
    form: forms.find((form) => form.shape[key]!.safeParse(wanted).success),
    forms,
    label: `${key}: ${String(wanted)}`,
  };
}

/** All unions of objects below a schema that the value reaches, outermost only. */
function unionsWithin(schema: z.ZodType, value: unknown, path: RecipePath): FoundUnion[] {
  const here = unwrapped(schema);
  if (value === undefined || here instanceof z.ZodDiscriminatedUnion) return [];
  if (here instanceof z.ZodUnion) {
    const forms = here.options.filter((option) => option instanceof z.ZodObject);
    return forms.length === here.options.length ? [{ path, forms, value }] : [];
  }
  const entries: [string | number, unknown][] = Array.isArray(value)
    ? value.map((element, i) => [i, element])
    : isRecord(value)
      ? Object.entries(value)
      : [];
  return entries.flatMap(([key, element]) => {
    const below = child(here, key);
    return below === undefined ? [] : unionsWithin(below, element, [...path, key]);
  });
}

function child(schema: z.ZodType, key: string | number): z.ZodType | undefined {
  if (schema instanceof z.ZodObject)
    return Object.hasOwn(schema.shape, String(key)) ? (schema.shape[String(key)] as z.ZodType) : undefined;
  if (schema instanceof z.ZodArray) return schema.element as z.ZodType;
  if (schema instanceof z.ZodRecord) return schema.valueType as z.ZodType;
  return undefined;
}

function unwrapped(schema: z.ZodType): z.ZodType {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault)
    return unwrapped(schema.def.innerType as z.ZodType);
  if (schema instanceof z.ZodPipe) return unwrapped(schema.def.in as z.ZodType);
  return schema;
}

function isRequired(schema: z.core.$ZodType | undefined): boolean {
  return (
    schema !== undefined &&
    !(schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault)
  );
}

function valueAt(value: unknown, path: RecipePath): unknown {
  return path.reduce<unknown>(
    (tree, key) =>
      isRecord(tree) || Array.isArray(tree) ? (tree as Record<string | number, unknown>)[key] : undefined,
    value,
  );
}

function startsWith(path: RecipePath, start: RecipePath): boolean {
  return start.every((key, i) => path[i] === key);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
