import type { InstanceReader } from "../corpus/record.ts";
import { checkpointSignal, type StageContext } from "../progress.ts";
import { equalRuns } from "./runs.ts";
import { shingleHash } from "./shingles.ts";

/** First instance with the same tokens, for each instance; itself where there is none. Equal hashes are checked token by token. */
export async function exactRepeats(reader: InstanceReader, context: StageContext): Promise<Int32Array> {
  const hashes = new Float64Array(reader.length);
  for (let i = 0; i < reader.length; i++) {
    if (i % 4096 === 0) await checkpointSignal(context);
    const tokens = reader.read(i);
    const whole = tokens.length;
    hashes[i] = (shingleHash(tokens, 0, whole, 1) >>> 11) * 4294967296 + shingleHash(tokens, 0, whole);
  }
  const representative = Int32Array.from(hashes.keys());
  for (const members of equalRuns(hashes)) {
    await checkpointSignal(context);
    const first = reader.read(members[0]!);
    // An instance without tokens repeats nothing.
    if (first.length === 0) continue;
    for (const i of members.subarray(1)) if (equal(first, reader.read(i))) representative[i] = members[0]!;
  }
  return representative;
}

function equal(a: Int32Array, b: Int32Array): boolean {
  return a.length === b.length && a.every((id, t) => id === b[t]);
}
