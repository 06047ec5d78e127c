import { HeartcutError, printable } from "../errors.ts";

/** Any value that JSON can hold. */
export type JsonValue = null | boolean | number | string | JsonValue[] | { [key: string]: JsonValue };

/** How strictly parseStrictJson reads. */
export interface StrictJsonOptions {
  /** Deepest nesting: 1 allows one object or array without further ones. */
  maxDepth: number;
  /** File (and part of it) that errors name. */
  where: string;
  /** Error code of every refusal. */
  code: `HC${number}`;
  /** Allow only whole numbers 0 … 2^53, written as plain digits. */
  digitsOnly?: boolean;
  /**
   * What becomes of a whole number that a double cannot hold: refused, or rounded as JSON.parse does. The latter is for
   * records written by JSON.stringify, whose large doubles (FLOPs) look like exact whole numbers. Default "exact".
   */
  wholeNumbers?: "exact" | "rounded" | undefined;
  /** Most members of one object or array. */
  maxMembers?: number;
}

/**
 * Parses JSON the way a file format needs it and JSON.parse does not give it: repeated keys, lone surrogates, integers beyond 2^53
 * that would be rounded (unless asked for), numbers that overflow, and deep nesting are refused. Objects have no prototype, so `__proto__` is a key like others.
 * @throws HeartcutError with the given code, naming the position
 */
export function parseStrictJson(text: string, options: StrictJsonOptions): JsonValue {
  return new Parser(text, options).document();
}

const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const SURROGATE = /\p{Surrogate}/u;

class Parser {
  private at = 0;

  constructor(
    private readonly text: string,
    private readonly options: StrictJsonOptions,
  ) {}

  document(): JsonValue {
    const value = this.value(0);
    this.space();
    if (this.at < this.text.length) throw this.fault("text behind the end of the value");
    return value;
  }

  private value(depth: number): JsonValue {
    this.space();
    const c = this.text[this.at];
    switch (c) {
      case "{":
        return this.object(this.deeper(depth));
      case "[":
        return this.array(this.deeper(depth));
      case '"':
        return this.string();
      case "t":
        return this.word("true", true);
      case "f":
        return this.word("false", false);
      case "n":
        return this.word("null", null);
      default:
        return this.number();
    }
  }

  private deeper(depth: number): number {
    if (depth >= this.options.maxDepth) throw this.fault(`nested deeper than ${this.options.maxDepth}`);
    this.at++;
    return depth + 1;
  }

  private object(depth: number): JsonValue {
    const members: { [key: string]: JsonValue } = Object.create(null);
    let count = 0;
    if (this.next("}")) return members;
    do {
      this.space();
      const start = this.at;
      if (this.text[start] !== '"') throw this.fault("expected a key in double quotes");
      const key = this.string();
      if (key in members) throw this.fault(`key ${quoted(key)} occurs twice`, start);
      if (!this.next(":")) throw this.fault(`expected ":" behind the key ${quoted(key)}`);
      this.count(++count);
      members[key] = this.value(depth);
    } while (this.next(","));
    if (!this.next("}")) throw this.fault('expected "," or "}"');
    return members;
  }

  private array(depth: number): JsonValue {
    const items: JsonValue[] = [];
    if (this.next("]")) return items;
    do {
      this.count(items.length + 1);
      items.push(this.value(depth));
    } while (this.next(","));
    if (!this.next("]")) throw this.fault('expected "," or "]"');
    return items;
  }

  private string(): string {
    const start = this.at;
    let end = start + 1;
    let plain = true;
    for (; ; end++) {
      const c = this.text.charCodeAt(end);
      if (c === 0x22) break;
      if (c === 0x5c) {
        plain = false;
        end++;
      } else if (!(c >= 0x20)) {
        throw this.fault(end >= this.text.length ? "a string without end" : "a control character in a string", end);
      }
    }
    this.at = end + 1;
    const inner = this.text.slice(start + 1, end);
    const value = plain ? inner : this.unescape(inner, start);
    if (SURROGATE.test(value)) throw this.fault("half a surrogate pair in a string", start);
    return value;
  }

  private unescape(inner: string, start: number): string {
    try {
      return JSON.parse(`"${inner}"`);
    } catch {
      throw this.fault("an unknown escape in a string", start);
    }
  }

  private number(): number {
    NUMBER.lastIndex = this.at;
    const lexeme = NUMBER.exec(this.text)?.[0];
    if (lexeme === undefined)
      throw this.fault(this.at >= this.text.length ? "the text ends too early" : "expected a value");
    const value = Number(lexeme);
    const whole = !/[.eE]/.test(lexeme);
    if (this.options.digitsOnly === true && (!whole || lexeme.startsWith("-") || value > 2 ** 53))
      throw this.fault(`${lexeme} is not a whole number up to 2^53 in plain digits`);
    if (!Number.isFinite(value)) throw this.fault(`${lexeme} is too large`);
    const exact = this.options.wholeNumbers !== "rounded";
    if (exact && whole && !Number.isSafeInteger(value) && BigInt(lexeme) !== BigInt(value)) {
      throw this.fault(`${lexeme} is beyond 2^53 and would be rounded`);
    }
    this.at += lexeme.length;
    return value;
  }

  private word<T extends JsonValue>(word: string, value: T): T {
    if (!this.text.startsWith(word, this.at)) throw this.fault("expected a value");
    this.at += word.length;
    return value;
  }

  private count(members: number): void {
    const limit = this.options.maxMembers;
    if (limit !== undefined && members > limit) throw this.fault(`more than ${limit} members`);
  }

  /** Whether the next character is `c`; steps over it. */
  private next(c: string): boolean {
    this.space();
    if (this.text[this.at] !== c) return false;
    this.at++;
    return true;
  }

  private space(): void {
    for (;;) {
      const c = this.text.charCodeAt(this.at);
      if (c !== 0x20 && c !== 0x0a && c !== 0x0d && c !== 0x09) return;
      this.at++;
    }
  }

  private fault(what: string, position = this.at): HeartcutError {
    const around = this.text.slice(Math.max(0, position - 20), position + 20);
    return new HeartcutError(this.options.code, {
      what: `not valid JSON: ${what}`,
      where: `${this.options.where}, character ${position}`,
      found: quoted(around),
      fix: "correct the file, or fetch it again from where it came",
    });
  }
}

/** A piece of untrusted text in quotes, without control characters and not too long. */
export function quoted(text: string): string {
  return JSON.stringify(printable(text.length > 80 ? `${text.slice(0, 80)}…` : text));
}
