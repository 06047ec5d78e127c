import fc from "fast-check";
import { expect, test } from "vitest";
import { parseStrictJson } from "../../src/formats/strict_json.ts";

const options = { maxDepth: 100, where: "a.json", code: "HC1020" } as const;

test("agrees with JSON.parse on every valid text", () => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 5 }), fc.constantFrom(undefined, 1, "\t"), (text, indent) => {
      const value = JSON.parse(text);
      fc.pre(!/[0-9]{16}/.test(text));
      expect(parseStrictJson(JSON.stringify(value, null, indent), options)).toEqual(value);
    }),
    { numRuns: 1000 },
  );
});

test("never accepts what JSON.parse refuses", () => {
  const base = '{"a":[1,-0.5e+3,true,null,"\\u00e4\\n"],"b":{"c":"d"}}';
  fc.assert(
    fc.property(
      fc.nat(base.length - 1),
      fc.oneof(fc.constantFrom(...'{}[]",:0123456789.eE-+ \\tfn'), fc.string({ unit: "binary", maxLength: 1 })),
      (at, c) => {
        const text = base.slice(0, at) + c + base.slice(at + 1);
        let value: unknown;
        try {
          value = parseStrictJson(text, options);
        } catch (error) {
          expect(error).toMatchObject({ name: "HeartcutError", code: "HC1020" });
          return;
        }
        expect(value).toEqual(JSON.parse(text));
      },
    ),
    { numRuns: 3000 },
  );
});

test.each([
  ['{"a":1,"a":1}', "occurs twice"],
  ['{"__proto__":1,"__proto__":2}', "occurs twice"],
  ["9007199254740993", "rounded"],
  ["-9007199254740993", "rounded"],
  ["1e400", "too large"],
  ['"\\udc00"', "surrogate"],
  ['"\ud800"', "surrogate"],
  ['"\u0001"', "control character"],
  ['"abc', "without end"],
  ["", "too early"],
  ["01", "behind the end"],
  ["NaN", "expected a value"],
])("refuses %j: %s", (text, reason) => {
  expect(() => parseStrictJson(text, options)).toThrow(reason);
});

test("stops at the limits, however deep or wide the text", () => {
  expect(() => parseStrictJson("[".repeat(1_000_000), options)).toThrow("deeper than 100");
  expect(() => parseStrictJson("[1,2,3]", { ...options, maxMembers: 2 })).toThrow("more than 2");
  expect(() => parseStrictJson("1.0", { ...options, digitsOnly: true })).toThrow("plain digits");
  expect(() => parseStrictJson("9007199254740994", { ...options, digitsOnly: true })).toThrow("up to 2^53");
  expect(parseStrictJson("9007199254740992", { ...options, digitsOnly: true })).toBe(2 ** 53);
});

test("takes whole numbers beyond 2^53 that a double holds exactly", () => {
  expect(parseStrictJson("1000000000000000019884624838656", options)).toBe(1e30);
});

test("rounds whole numbers on request, as JSON.stringify writes large doubles", () => {
  const flops = 1.2345678901234567e20;
  expect(() => parseStrictJson(JSON.stringify(flops), options)).toThrow("rounded");
  expect(parseStrictJson(JSON.stringify(flops), { ...options, wholeNumbers: "rounded" })).toBe(flops);
  expect(() => parseStrictJson("1e400", { ...options, wholeNumbers: "rounded" })).toThrow("too large");
});

test("__proto__ is a key like others", () => {
  const value = parseStrictJson('{"__proto__":{"polluted":true}}', options) as Record<string, unknown>;
  expect(Object.keys(value)).toEqual(["__proto__"]);
  expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  expect(value.polluted).toBeUndefined();
});
