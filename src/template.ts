import { HeartcutError } from "./errors.ts";

/** A template in pieces: its own words, and the fields that go in. */
export type TemplatePart = string | { field: string };

/**
 * Cuts a template at its `{field}` placeholders; `{{` and `}}` stand for braces.
 * @param fault - code and place of the message   @throws HeartcutError with that code at a brace without its partner
 */
export function parseTemplate(template: string, fault: { code: `HC${number}`; where: string }): TemplatePart[] {
  const parts: TemplatePart[] = [];
  let words = "";
  for (const [piece, field] of template.matchAll(/\{\{|\}\}|\{([^{}]+)\}|[{}]|[^{}]+/g)) {
    if (field !== undefined) {
      if (words !== "") parts.push(words);
      words = "";
      parts.push({ field: field.trim() });
    } else if (piece === "{" || piece === "}") {
      throw new HeartcutError(fault.code, {
        what: "a template has a brace without its partner, or an empty placeholder",
        where: fault.where,
        found: JSON.stringify(template),
        expected: "{field} for a value, {{ and }} for braces",
        fix: "close or double the brace",
      });
    } else words += piece === "{{" || piece === "}}" ? piece[0]! : piece;
  }
  if (words !== "") parts.push(words);
  return parts;
}

/** Names of the fields a template asks for. */
export function templateFields(parts: readonly TemplatePart[]): string[] {
  return parts.flatMap((part) => (typeof part === "string" ? [] : [part.field]));
}
