import { describe, it } from "vitest";
import { CASES } from "./cases.ts";
import { checkCase } from "./check.ts";

describe("ops: values and gradients", () => {
  for (const [name, cases] of Object.entries(CASES))
    for (const [i, one] of cases.entries()) it(`${name} ${i}`, () => checkCase(`${name}.${i}`, one));
});
