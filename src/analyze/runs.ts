/** Places of equal keys, each run ascending, runs of one left out. Holds 4 bytes a key. @param keys - no NaN */
export function* equalRuns(keys: Uint32Array | Float64Array): Generator<Int32Array> {
  const order = Int32Array.from(keys.keys()).sort((a, b) => keys[a]! - keys[b]! || a - b);
  for (let start = 0; start < order.length; ) {
    let end = start + 1;
    while (end < order.length && keys[order[end]!] === keys[order[start]!]) end++;
    if (end - start > 1) yield order.subarray(start, end);
    start = end;
  }
}
