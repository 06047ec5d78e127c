import { createHash } from "node:crypto";
import type { RunSummary } from "../../run/record.ts";
import type { Provenance } from "./table.ts";

/** Hexadecimal digits of a hash in notes: enough to tell files apart. */
const SHOWN = 12;

/** What a run's figures rest on, and the files that hold it. */
const RESTS_ON: readonly [what: string, path: RegExp][] = [
  ["corpus", /^corpus\/corpus\.jsonl$/],
  ["held-out data", /^pack\/heldout-[^/]+\/data_0\.bin$/],
  ["test split", /^task\/test\.jsonl$/],
  ["teacher", /^models\/teacher\/[^/]+\.safetensors$/],
  ["reference", /^models\/reference\/[^/]+\.safetensors$/],
  ["students", /^students\/[^/]+\/[^/]+\.safetensors$/],
];

/** Provenance of a run, from the hashes in its run.json. @param records - the evaluations that were read, with their hashes */
export function provenanceOfRun(
  { name, heartcutVersion, stages }: Pick<RunSummary, "name" | "heartcutVersion" | "stages">,
  records: Provenance["hashes"],
): Provenance {
  const files = stages.flatMap((stage) => stage.files);
  const hashes = RESTS_ON.flatMap(([what, path]) => {
    const found = files.filter((file) => path.test(file.name));
    return found.length === 0 ? [] : [{ what, sha256: hashOf(found) }];
  });
  return { name, heartcutVersion, hashes: [...hashes, ...records] };
}

/** The provenance as the last sentence of a table's notes. */
export function provenanceSentence({ name, heartcutVersion, hashes }: Provenance): string {
  const listed = hashes.map(({ what, sha256 }) => `${what} ${sha256.slice(0, SHOWN)}`).join(", ");
  const version = heartcutVersion === undefined ? "" : `, heartcut ${heartcutVersion}`;
  return `From ${name}${version}${listed === "" ? "" : `; SHA-256: ${listed}`}.`;
}

/** Hash of one file; of several, the hash of what `sha256sum` lists for them in the run folder, sorted by path. */
function hashOf(files: readonly { name: string; sha256: string }[]): string {
  if (files.length === 1) return files[0]!.sha256;
  const sorted = [...files].sort((a, b) => (a.name < b.name ? -1 : 1));
  return createHash("sha256")
    .update(sorted.map(({ name, sha256 }) => `${sha256}  ${name}\n`).join(""))
    .digest("hex");
}
