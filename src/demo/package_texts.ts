import { checkpointSignal, type StageContext } from "../progress.ts";
import { Random } from "../random.ts";
import { between, shuffled } from "./draw.ts";
import { type FileKind, listPackageFiles, type PackageFile, readPackageText } from "./package_files.ts";

/** A piece of a file of an installed package. */
export interface PackageText {
  id: string;
  text: string;
  source: FileKind;
}

/**
 * Share of the found bytes and quality of each source, scarce sources first: what they lack goes to those after them.
 * Prose and typed, commented code are middling; what repeats itself in every package or was made by machines is low.
 */
export const PACKAGE_SOURCES: Record<FileKind, { share: number; quality: "mid" | "low"; piecesPerFile: number }> = {
  changelog: { share: 0.1, quality: "mid", piecesPerFile: 12 },
  licence: { share: 0.07, quality: "low", piecesPerFile: 2 },
  readme: { share: 0.22, quality: "mid", piecesPerFile: 4 },
  minified: { share: 0.1, quality: "low", piecesPerFile: 3 },
  json: { share: 0.11, quality: "low", piecesPerFile: 2 },
  typings: { share: 0.2, quality: "mid", piecesPerFile: 3 },
  code: { share: 0.2, quality: "mid", piecesPerFile: 3 },
};
const PIECE_CHARACTERS = [900, 2600] as const;
/** Minified code hides under plain names too; nobody writes lines of that average length. */
const MINIFIED_LINE = 300;

/**
 * Text of installed packages up to about `bytes`: packages take turns, so that no large one fills a source; exact
 * duplicates are left out. Read at run time, so the project itself ships none of it.
 * @param seed - decides which packages, files and parts of files
 * @throws HeartcutError HC6002 if the folder cannot be read
 */
export async function collectPackageTexts(
  root: string,
  bytes: number,
  seed: number,
  context: StageContext,
): Promise<PackageText[]> {
  const files = await listPackageFiles(root, context);
  const seen = new Set<string>();
  const texts: PackageText[] = [];
  let left = bytes;
  let shares = 1;
  for (const source of Object.keys(PACKAGE_SOURCES) as FileKind[]) {
    const { share, piecesPerFile } = PACKAGE_SOURCES[source];
    const random = new Random(seed, `demo/packages/${source}`);
    const wanted = (left * share) / Math.max(shares, share);
    let taken = 0;
    for (const file of inTurns(files, source, random)) {
      if (taken >= wanted) break;
      await checkpointSignal(context);
      const content = await readPackageText(root, file);
      if (content === undefined || (file.kind === "code" && isMinified(content) !== (source === "minified"))) continue;
      for (const [i, text] of pieces(content, piecesPerFile, random).entries()) {
        if (taken >= wanted || seen.has(text)) continue;
        seen.add(text);
        texts.push({ id: `${file.name}#${i + 1}`, text, source });
        taken += Buffer.byteLength(text);
      }
    }
    left -= taken;
    shares -= share;
  }
  return texts;
}

/** The files of a source, one of each package in turn; plain code may turn out to be minified, so it is offered there too. */
function inTurns(files: readonly PackageFile[], source: FileKind, random: Random): PackageFile[] {
  const byPackage = new Map<string, PackageFile[]>();
  for (const file of files) {
    if (file.kind !== source && !(source === "minified" && file.kind === "code")) continue;
    const list = byPackage.get(file.package);
    if (list) list.push(file);
    else byPackage.set(file.package, [file]);
  }
  const piles = shuffled(random, [...byPackage.values()]).map((pile) => shuffled(random, pile));
  const rounds = Math.max(0, ...piles.map((pile) => pile.length));
  const turns = Array.from({ length: rounds }, (_, round) =>
    piles.flatMap((pile) => pile.slice(round, round + 1)),
  ).flat();
  // What is named minified comes first: looking through all other code is slow.
  return [...turns.filter((file) => file.kind === source), ...turns.filter((file) => file.kind !== source)];
}

function isMinified(text: string): boolean {
  let lines = 1;
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) lines++;
  return text.length / lines > MINIFIED_LINE;
}

/** Some pieces of a text that follow each other: whole lines, unless a line is longer than a piece. */
function pieces(text: string, most: number, random: Random): string[] {
  const found: string[] = [];
  const room = Math.max(0, text.length - most * PIECE_CHARACTERS[1]);
  let at = lineStart(text, random.below(room + 1));
  while (found.length < most && at < text.length) {
    let end = Math.min(text.length, at + between(random, ...PIECE_CHARACTERS));
    if (end < text.length) {
      const newline = text.lastIndexOf("\n", end);
      if (newline > at) end = newline;
      else if (isHighSurrogate(text, end - 1)) end--;
    }
    const piece = text.slice(at, end).trim();
    if (piece.length >= 80) found.push(piece);
    at = end;
  }
  return found;
}

function lineStart(text: string, at: number): number {
  if (at === 0) return 0;
  const newline = text.indexOf("\n", at);
  if (newline >= 0 && newline - at < 4000) return newline + 1;
  return isHighSurrogate(text, at - 1) ? at + 1 : at;
}

function isHighSurrogate(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  return code >= 0xd800 && code < 0xdc00;
}
