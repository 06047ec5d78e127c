// Compiles kernels.wat to kernels.wasm.ts: run `node src/train/kernels.build.mjs` after a change (a test compares them).
import { readFile, writeFile } from "node:fs/promises";
import wabt from "wabt";

const url = (name) => new URL(name, import.meta.url);
const { parseWat } = await wabt();
const module = parseWat("kernels.wat", await readFile(url("kernels.wat"), "utf8"), { simd: true });
const base64 = Buffer.from(module.toBinary({}).buffer).toString("base64");
await writeFile(
  url("kernels.wasm.ts"),
  `/** kernels.wat, compiled by kernels.build.mjs. */\nexport const KERNELS_WASM =\n  "${base64}";\n`,
);
