import { join } from "node:path";
import { HeartcutError, InternalError } from "../errors.ts";
import { publishFile, publishJson } from "../formats/publish.ts";
import { checkpointSignal, type StageContext } from "../progress.ts";
import { Random } from "../random.ts";
import { CORRUPTIONS } from "./corruptions.ts";
import { shuffled } from "./draw.ts";
import { type FactItem, factItems } from "./facts.ts";
import { GENRES } from "./genres.ts";
import { findPackagesRoot } from "./package_files.ts";
import { collectPackageTexts, PACKAGE_SOURCES } from "./package_texts.ts";
import { DEMO_MEGABYTES } from "./size.ts";
import { drawWorld } from "./world.ts";
import { Author } from "./writer.ts";

/** One row of corpus.jsonl. */
export interface DemoDocument {
  id: string;
  text: string;
  source: string;
  quality: "high" | "mid" | "low";
  /** Where it comes from: written by the project, spoilt by it, or found in the installed packages. */
  kind: "written" | "spoilt" | "found";
}

/** What one source gave. */
export interface DemoSource {
  source: string;
  quality: DemoDocument["quality"];
  kind: DemoDocument["kind"];
  documents: number;
  /** UTF-8 bytes of text. */
  bytes: number;
}

/** What was made: figures of corpus.jsonl and facts.json. */
export interface DemoCorpusSummary {
  corpus: string;
  facts: string;
  documents: number;
  /** UTF-8 bytes of text, all documents together. */
  bytes: number;
  sources: DemoSource[];
  factItems: { stated: number; derived: number };
}

export interface DemoCorpusOptions {
  /** Folder that receives corpus.jsonl and facts.json. */
  folder: string;
  seed: number;
  /** Size of all texts in 10^6 bytes, within DEMO_MEGABYTES. */
  megabytes?: number | undefined;
  /** Folder of installed packages; that of the running program where left out. */
  packagesRoot?: string | undefined;
}

const WRITTEN_SHARE = 0.45;
const SPOILT_SHARE = 0.25;
const FOUND_SHARE = 0.3;
/** After so many texts in a row that had been written before, a genre has no more to say. */
const PATIENCE = 200;

/**
 * Makes the quickstart's corpus on the spot: invented texts (45 % of the bytes), spoilt ones (25 %), and text of the
 * installed packages (30 %, or what there is), shuffled; and questions about the invented world. The content depends on
 * the seed, the size and the installed packages alone.
 * @throws HeartcutError HC6001 for a size out of range, HC6002 where the installed packages cannot be read
 */
export async function makeDemoCorpus(options: DemoCorpusOptions, context: StageContext): Promise<DemoCorpusSummary> {
  const { least, most, usual } = DEMO_MEGABYTES;
  const megabytes = options.megabytes ?? usual;
  if (!(megabytes >= least && megabytes <= most)) {
    throw new HeartcutError("HC6001", {
      what: "the demo corpus cannot have this size",
      found: `${megabytes} MB`,
      expected: `${least} to ${most} MB`,
      why: "it is made in memory and, beyond some size, repeats its patterns",
      fix: `set megabytes: ${usual}, or give a corpus of your own`,
    });
  }
  const packagesRoot = options.packagesRoot ?? (await findPackagesRoot());
  const bytes = megabytes * 1e6;
  const { documents: invented, facts } = await inventDocuments(bytes, options.seed, context);
  const found = await findDocuments(packagesRoot, bytes * FOUND_SHARE, options.seed, context);
  context.report({ type: "progress", stage: context.stage, done: bytes, total: bytes, unit: "bytes" });
  const documents = shuffled(new Random(options.seed, "demo/order"), [...invented, ...found]);
  const corpus = join(options.folder, "corpus.jsonl");
  const factsFile = join(options.folder, "facts.json");
  await publishFile(corpus, async (sink) => {
    const encoder = new TextEncoder();
    for (const document of documents) await sink.write(encoder.encode(`${JSON.stringify(document)}\n`));
  });
  await publishJson(factsFile, { seed: options.seed, separator: " ", items: facts });
  const stated = facts.filter((item) => item.stated).length;
  return {
    corpus,
    facts: factsFile,
    documents: documents.length,
    bytes: documents.reduce((sum, document) => sum + size(document.text), 0),
    sources: tabulate(documents),
    factItems: { stated, derived: facts.length - stated },
  };
}

/**
 * The written and the spoilt documents, and the questions about their world. No two texts are equal.
 * @param bytes - of the whole corpus, of which they are 70 %
 */
export async function inventDocuments(
  bytes: number,
  seed: number,
  context: StageContext,
): Promise<{ documents: DemoDocument[]; facts: FactItem[] }> {
  const world = drawWorld(seed);
  const author = new Author(world, new Random(seed, "demo/written"));
  // Spoilt texts are spoilt afresh, not copies of written ones: good and bad must not differ by a mere repetition.
  const careless = new Author(world, new Random(seed, "demo/spoilt"));
  const seen = new Set<string>();
  const documents: DemoDocument[] = [];
  let done = 0;

  const fill = async (
    source: string,
    wanted: number,
    tags: Pick<DemoDocument, "quality" | "kind">,
    write: () => string,
  ) => {
    let taken = 0;
    let repeated = 0;
    for (let n = 1; taken < wanted && repeated < PATIENCE; ) {
      const text = write();
      if (seen.has(text)) {
        repeated++;
        continue;
      }
      repeated = 0;
      seen.add(text);
      documents.push({ id: `${source}-${String(n++).padStart(6, "0")}`, text, source, ...tags });
      taken += size(text);
      done += size(text);
      if (n % 16 === 0) {
        context.report({ type: "progress", stage: context.stage, done, total: bytes, unit: "bytes" });
        await checkpointSignal(context);
      }
    }
    if (taken < wanted) {
      const message = `${source} ended at ${mb(taken)} of ${mb(wanted)}: its patterns can say no more that is new`;
      context.report({ type: "warning", stage: context.stage, message });
    }
  };
  for (const [source, genre] of Object.entries(GENRES)) {
    const wanted = bytes * WRITTEN_SHARE * genre.share;
    await fill(source, wanted, { quality: "high", kind: "written" }, () => genre.write(author));
  }
  const any = genreInTurn(careless);
  for (const [source, { share, quality, corrupt }] of Object.entries(CORRUPTIONS)) {
    const wanted = bytes * SPOILT_SHARE * share;
    await fill(source, wanted, { quality, kind: "spoilt" }, () => corrupt(any(), careless.random));
  }
  return { documents, facts: factItems(world, author.stated, new Random(seed, "demo/facts")) };
}

async function findDocuments(
  root: string,
  bytes: number,
  seed: number,
  context: StageContext,
): Promise<DemoDocument[]> {
  const texts = await collectPackageTexts(root, bytes, seed, context);
  const total = texts.reduce((sum, { text }) => sum + size(text), 0);
  if (total < 0.9 * bytes) {
    context.report({
      type: "warning",
      stage: context.stage,
      message: `the installed packages gave ${mb(total)} of text, ${mb(bytes)} were wanted: ${root}`,
    });
  }
  return texts.map((found) => ({ ...found, quality: PACKAGE_SOURCES[found.source].quality, kind: "found" }));
}

/** Writes one document of a genre drawn by share. */
function genreInTurn(author: Author): () => string {
  const genres = Object.values(GENRES);
  return () => {
    let x = author.random.uniform();
    for (const genre of genres) {
      x -= genre.share;
      if (x < 0) return genre.write(author);
    }
    return genres[0]!.write(author);
  };
}

function tabulate(documents: readonly DemoDocument[]): DemoSource[] {
  const table = new Map<string, DemoSource>();
  for (const { source, quality, kind, text } of documents) {
    const row = table.get(source) ?? { source, quality, kind, documents: 0, bytes: 0 };
    if (row.kind !== kind) throw new InternalError(`source ${source} is both ${kind} and ${row.kind}`);
    row.documents++;
    row.bytes += size(text);
    table.set(source, row);
  }
  return [...table.values()].sort((a, b) => b.bytes - a.bytes || (a.source < b.source ? -1 : 1));
}

function mb(bytes: number): string {
  return `${(bytes / 1e6).toFixed(2)} MB`;
}

function size(text: string): number {
  return Buffer.byteLength(text);
}
