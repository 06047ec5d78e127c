import { InternalError, printable } from "../errors.ts";

/** Markup this program wrote itself, or text that has been escaped: the only thing `html` inserts unchanged. */
export class Safe {
  readonly #markup: string;
  private constructor(markup: string) {
    this.#markup = markup;
  }
  /** Declares a constant of the source code to be markup. Never for anything read from a file. */
  static constant(markup: string): Safe {
    return new Safe(markup);
  }
  toString(): string {
    return this.#markup;
  }
}

/** What a template may hold. Text and numbers are escaped; `Safe` values are inserted as they are. */
export type Insert = Safe | string | number | readonly Safe[];

/** Nothing at all, for the empty branch of a condition. */
export const nothing = Safe.constant("");

/**
 * Tagged template for HTML and SVG: escapes every insertion that is not `Safe`.
 * Insertions may stand in text or in a double-quoted attribute; elsewhere, and for text in attributes that carry code
 * or addresses (on…, style, href, src), the template is refused.
 * @throws InternalError if a template has an insertion where escaping cannot protect it
 */
export function html(strings: TemplateStringsArray, ...inserts: Insert[]): Safe {
  const places = placesOf(strings);
  let markup = strings[0]!;
  for (let i = 0; i < inserts.length; i++) markup += render(inserts[i]!, places[i]!) + strings[i + 1]!;
  return Safe.constant(markup);
}

/** Escapes text for HTML text and double-quoted attributes; control, bidirectional-override and broken characters become U+FFFD. */
export function escapeText(text: string): string {
  return printable(text)
    .replace(/[\u202a-\u202e\u2066-\u2069]|\p{Surrogate}|[\ufffe\uffff]/gu, "\ufffd")
    .replace(/[&<>"'`]/g, (c) => `&#${c.charCodeAt(0)};`);
}

/** Where an insertion stands: in text, in the named attribute, or somewhere that only `Safe` may fill. */
type Place = "text" | "attribute" | "guarded";

function render(value: Insert, place: Place): string {
  if (value instanceof Safe) return value.toString();
  if (Array.isArray(value)) return value.map(String).join("");
  if (place === "guarded") throw new InternalError("text inserted into an attribute that carries code or an address");
  return escapeText(String(value));
}

const placesByTemplate = new WeakMap<TemplateStringsArray, Place[]>();

function placesOf(strings: TemplateStringsArray): Place[] {
  const known = placesByTemplate.get(strings);
  if (known !== undefined) return known;
  const places: Place[] = [];
  let state: "text" | "tag" | "quoted" = "text";
  let attribute = "";
  let element = "";
  for (let i = 0; i < strings.length - 1; i++) {
    const part = strings[i]!;
    for (let at = 0; at < part.length; at++) {
      const c = part[at]!;
      if (state === "text" && c === "<") {
        state = "tag";
        element = /^\/?[a-zA-Z0-9]*/.exec(part.slice(at + 1))![0].toLowerCase();
      } else if (state === "tag" && c === ">") state = "text";
      else if (state === "tag" && c === '"') {
        state = "quoted";
        attribute = (/([^\s"<>/=]+)\s*=\s*$/.exec(part.slice(0, at))?.[1] ?? "").toLowerCase();
      } else if (state === "quoted" && c === '"') state = "tag";
    }
    if (state === "tag") throw new InternalError(`html template inserts into a tag: ${part.slice(-40)}`);
    if (state === "text") places.push(element === "style" || element === "script" ? "guarded" : "text");
    else
      places.push(
        /^(on.*|style|href|xlink:href|src|srcdoc|action|formaction)$/.test(attribute) ? "guarded" : "attribute",
      );
  }
  placesByTemplate.set(strings, places);
  return places;
}
