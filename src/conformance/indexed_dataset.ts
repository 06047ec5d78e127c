import { mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { HeartcutError } from "../errors.ts";
import {
  createIndexedDatasetWriter,
  type IndexedDataset,
  type IndexedDatasetWriterOptions,
  type NumberType,
  openIndexedDataset,
} from "../formats/indexed_dataset.ts";
import { sha256File } from "../formats/publish.ts";
import type { CaseResult, GoldenKind } from "./case.ts";

interface Expected {
  megatron?: Record<string, MegatronCase>;
  miniplm?: Record<string, MiniplmCase>;
  /** What is wrong with each broken set. */
  bad?: Record<string, string>;
  /** By path below the folder. */
  sha256: Record<string, string>;
}

interface MegatronCase {
  dtype: NumberType;
  sequences: number[][];
  pointers: number[];
  document_indices: number[];
  modes?: number[];
  /** Sizes of .bin and .idx. */
  bytes?: [number, number];
}

interface MiniplmCase {
  dtype: NumberType;
  chunk_num_per_shard: number;
  shards: { file: string; instances: number }[];
  instances: number[][];
}

/** Token files of both dialects: values, pointers and documents as read, bytes as written again, refusal of broken sets. */
export const indexedDataset: GoldenKind = async function* (folders) {
  const folder = join(folders.fixtures, "indexed_dataset");
  const expected: Expected = JSON.parse(await readFile(join(folder, "expected.json"), "utf8"));
  const scratch = await mkdtemp(join(tmpdir(), "heartcut-conformance-"));
  try {
    for (const [name, golden] of Object.entries(expected.megatron ?? {})) {
      yield await result(`megatron/${name}`, () =>
        checkMegatron(folder, `megatron/${name}`, golden, expected.sha256, scratch),
      );
    }
    for (const [name, golden] of Object.entries(expected.miniplm ?? {})) {
      yield await result(`miniplm/${name}`, () =>
        checkMiniplm(folder, `miniplm/${name}`, golden, expected.sha256, scratch),
      );
    }
    for (const [name, what] of Object.entries(expected.bad ?? {})) {
      yield await result(`bad/${name}`, async () => checkRefused(join(folder, "bad", name), what));
    }
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
};

/** Runs one case, which returns what differs, "" if nothing. */
async function result(name: string, check: () => Promise<string>): Promise<CaseResult> {
  let difference: string;
  try {
    difference = await check();
  } catch (error) {
    difference = error instanceof Error ? error.message : String(error);
  }
  const passed = difference === "";
  return {
    name: `indexed_dataset/${name}`,
    passed,
    largestError: passed ? 0 : Number.POSITIVE_INFINITY,
    note: passed ? "exact" : difference,
  };
}

async function checkMegatron(
  folder: string,
  name: string,
  golden: MegatronCase,
  sha256: Expected["sha256"],
  scratch: string,
): Promise<string> {
  const path = join(folder, name);
  const set = openIndexedDataset(path);
  try {
    const shard = set.shards[0]!;
    const differences = [
      differs("type", shard.type, golden.dtype),
      differs("sequences", stored(set), golden.sequences),
      differs("pointers", [...shard.positions].slice(0, -1), golden.pointers),
      differs("documents", [...(set.documents ?? [])], golden.document_indices),
      differs("modes", shard.modes && [...shard.modes], golden.modes),
      golden.bytes &&
        differs("sizes", [(await stat(`${path}.bin`)).size, (await stat(`${path}.idx`)).size], golden.bytes),
    ];
    await write(set, join(scratch, name), { dialect: "megatron", type: shard.type });
    return [...differences, ...(await compareBytes(scratch, name, sha256))].filter(Boolean).join("; ");
  } finally {
    set.close();
  }
}

async function checkMiniplm(
  folder: string,
  name: string,
  golden: MiniplmCase,
  sha256: Expected["sha256"],
  scratch: string,
): Promise<string> {
  const set = openIndexedDataset(join(folder, name));
  try {
    const shards = set.shards.map(({ prefix, lengths }) => ({ file: basename(prefix), instances: lengths.length }));
    const types = set.shards.map(({ type }) => type);
    const differences = [
      differs(
        "types",
        types,
        golden.shards.map(() => golden.dtype),
      ),
      differs("shards", shards, golden.shards),
      differs("instances", stored(set), golden.instances),
    ];
    await write(set, join(scratch, name), {
      dialect: "miniplm",
      type: golden.dtype,
      shardInstances: golden.chunk_num_per_shard,
    });
    return [...differences, ...(await compareBytes(scratch, name, sha256))].filter(Boolean).join("; ");
  } finally {
    set.close();
  }
}

async function checkRefused(path: string, what: string): Promise<string> {
  try {
    openIndexedDataset(path).close();
    return `accepted although: ${what}`;
  } catch (error) {
    if (!(error instanceof HeartcutError)) return `refused with ${String(error)}`;
    return error.fault.where?.includes(basename(path)) ? "" : `refused without naming the file: ${error.message}`;
  }
}

async function write(set: IndexedDataset, path: string, options: IndexedDatasetWriterOptions): Promise<void> {
  const writer = createIndexedDatasetWriter(path, options);
  const ends = [...(set.documents ?? [])].slice(1);
  const modes = set.shards.flatMap((shard) => (shard.modes === undefined ? [] : [...shard.modes]));
  for (let i = 0; i <= set.count; i++) {
    while (ends[0] === i) {
      writer.endDocument();
      ends.shift();
    }
    if (i < set.count) await writer.append(set.readStored(i) as ArrayLike<number>, modes[i]);
  }
  await writer.finish();
}

/** What was written must be the golden files, but for MiniPLM's needless empty .bin behind a full last shard. */
async function compareBytes(scratch: string, name: string, sha256: Expected["sha256"]): Promise<string[]> {
  const written = new Set(
    (await readdir(join(scratch, dirname(name)), { recursive: true })).map((file) => `${dirname(name)}/${file}`),
  );
  const own = (file: string) => file.startsWith(`${name}.`) || file.startsWith(`${name}/`);
  const golden = Object.keys(sha256).filter(own);
  const differences: string[] = [];
  for (const file of golden) {
    const isNeedless = sha256[file] === EMPTY_SHA256 && golden.length > 2 && !(file.replace(/bin$/, "idx") in sha256);
    if (isNeedless) continue;
    if (!written.has(file)) differences.push(`${file} was not written`);
    else if ((await sha256File(join(scratch, file))).sha256 !== sha256[file])
      differences.push(`${file} has other bytes`);
  }
  for (const file of written) if (own(file) && !(file in sha256)) differences.push(`${file} should not be there`);
  return differences;
}

const EMPTY_SHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/** Numbers as expected.json holds them; 64-bit integers there are below 2^53. */
function stored(set: IndexedDataset): number[][] {
  return Array.from({ length: set.count }, (_, i) => Array.from(set.readStored(i) as ArrayLike<number>, Number));
}

function differs(what: string, found: unknown, expected: unknown): string {
  const [a, b] = [JSON.stringify(found), JSON.stringify(expected)];
  return a === b ? "" : `${what}: ${a?.slice(0, 100)} instead of ${b?.slice(0, 100)}`;
}
