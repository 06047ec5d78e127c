/** Deepest nesting of structs and lists; a Parquet footer has about eight. */
const DEPTH = 32;

/**
 * Whether bytes hold one well-formed struct of the Thrift compact protocol, as a Parquet footer is one: every size fits into the
 * bytes that are left. The Parquet library believes list sizes and fills memory with what is not there.
 * Source: Apache Thrift, doc/specs/thrift-compact-protocol.md.
 */
export function isCompactStruct(bytes: Uint8Array): boolean {
  let at = 0;
  const fail = (): never => {
    throw new RangeError("not a Thrift compact struct");
  };
  const byte = () => (at < bytes.length ? bytes[at++]! : fail());
  const varint = () => {
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const b = byte();
      value += (b & 0x7f) * 2 ** shift;
      if (b < 0x80) return value;
    }
    return fail();
  };
  const skip = (count: number) => {
    if (count > bytes.length - at) fail();
    at += count;
  };
  /** Each element takes at least a byte. */
  const elements = (count: number) => (count > bytes.length - at ? fail() : count);
  const value = (type: number, depth: number, inList: boolean): void => {
    if (depth > DEPTH) fail();
    if (type === 1 || type === 2) skip(inList ? 1 : 0);
    else if (type === 3) skip(1);
    else if (type >= 4 && type <= 6) varint();
    else if (type === 7) skip(8);
    else if (type === 8) skip(varint());
    else if (type === 9 || type === 10) {
      const head = byte();
      const count = elements(head >> 4 === 15 ? varint() : head >> 4);
      for (let i = 0; i < count; i++) value(head & 15, depth + 1, true);
    } else if (type === 11) {
      const count = elements(varint());
      const types = count === 0 ? 0 : byte();
      for (let i = 0; i < count; i++) {
        value(types >> 4, depth + 1, true);
        value(types & 15, depth + 1, true);
      }
    } else if (type === 12) {
      for (let head = byte(); head !== 0; head = byte()) {
        if (head >> 4 === 0) varint();
        value(head & 15, depth + 1, false);
      }
    } else fail();
  };
  try {
    value(12, 0, false);
    return true;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}
