import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, it } from "vitest";
import { readScalingCsv } from "../../../src/evaluate/scaling/csv.ts";
import type { ScalingLawName } from "../../../src/evaluate/scaling/record.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "heartcut-csv-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function read(text: string | Uint8Array, name = "points.csv", law: ScalingLawName = "compute") {
  await writeFile(join(folder, name), text);
  return readScalingCsv(join(folder, name), law);
}

it("reads points, curves and several students", async () => {
  expect(await read("flops,loss\n1e18,3.5\r\n\n 2.5E+18 , 3.25\n")).toEqual([
    {
      name: undefined,
      points: [
        { flops: 1e18, loss: 3.5 },
        { flops: 2.5e18, loss: 3.25 },
      ],
    },
  ]);
  const text =
    '\ufeffname,"group",Parameters,tokens,loss\n"a, ""b""",s1,1e8,2e9,3.1\nc,s1,1e8,2e9,3.2\n"a, ""b""",s2,1e8,4e9,3\n';
  expect(await read(gzipSync(text), "points.csv.gz", "size_and_data")).toEqual([
    {
      name: 'a, "b"',
      points: [
        { parameters: 1e8, tokens: 2e9, loss: 3.1, group: "s1" },
        { parameters: 1e8, tokens: 4e9, loss: 3, group: "s2" },
      ],
    },
    { name: "c", points: [{ parameters: 1e8, tokens: 2e9, loss: 3.2, group: "s1" }] },
  ]);
});

it.each([
  ["a misspelt column", "flop,loss\n1,2\n", /HC3550[\s\S]*points\.csv:1[\s\S]*call it flops/],
  ["a column twice", "loss,loss\n1,2\n", /HC3550[\s\S]*loss twice/],
  ["no loss", "flops\n1\n", /HC3550[\s\S]*add a column loss/],
  ["no cost", "loss,tokens\n1,2\n", /HC3550[\s\S]*parameters and tokens/],
  ["the columns of the other law", "loss,parameters,tokens\n1,2,3\n", /HC3550[\s\S]*csv:1[\s\S]*--law size_and_data/],
  ["semicolons", "flops;loss\n1e18;3,5\n", /HC3550[\s\S]*csv:1[\s\S]*with commas/],
  ["too few fields", "flops,loss\n1,2\n3\n", /HC3551[\s\S]*points\.csv:3[\s\S]*found +1\n/],
  ["a word", "flops,loss\n1,2\n\n3,low\n", /HC3551[\s\S]*points\.csv:4[\s\S]*low/],
  ["nothing", "flops,loss\n1,\n", /HC3551[\s\S]*loss is not a number/],
  ["a loss of 0", "flops,loss\n1,0\n", /HC3551[\s\S]*above 0/],
  ["infinity", "flops,loss\n1e999,2\n", /HC3551[\s\S]*flops/],
  ["hexadecimal", "flops,loss\n0x10,2\n", /HC3551[\s\S]*0x10/],
  ["an empty group", "flops,loss,group\n1,2,\n", /HC3551[\s\S]*group is empty/],
  ["a stray quotation mark", 'flops,loss\n1,"2\n', /HC3551[\s\S]*quotation mark/],
  ["a header alone", "flops,loss\n", /HC3552[\s\S]*header alone/],
  ["nothing at all", "\n", /HC3552[\s\S]*empty/],
  ["more rows than any curve has", `flops,loss\n${"1,2\n".repeat(20_001)}`, /HC3552[\s\S]*more than 20000/],
  ["a line without end", `flops,loss\n${"1".repeat(70_000)}`, /HC1006/],
])("refuses %s", async (_, text, expected) => {
  await expect(read(text)).rejects.toThrow(expected);
});

it("says that a file is missing", async () => {
  await expect(readScalingCsv(join(folder, "absent.csv"), "compute")).rejects.toThrow("HC1004");
});
