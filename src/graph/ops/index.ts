/** Every op, each declared in one place. `test/graph/ops.test.ts` has cases for each: an op without a case does not compile. */
import { ACTIVATION } from "./activation.ts";
import { ELEMENTWISE } from "./elementwise.ts";
import { FUSED } from "./fused.ts";
import { INDEXING } from "./indexing.ts";
import { LINEAR } from "./linear.ts";
import { REDUCE } from "./reduce.ts";
import { STRUCTURE } from "./structure.ts";

export const OPS = { ...ELEMENTWISE, ...STRUCTURE, ...REDUCE, ...LINEAR, ...INDEXING, ...FUSED, ...ACTIVATION };

export * from "./activation.ts";
export * from "./elementwise.ts";
export * from "./fused.ts";
export * from "./indexing.ts";
export * from "./linear.ts";
export * from "./reduce.ts";
export * from "./scan.ts";
export * from "./structure.ts";
