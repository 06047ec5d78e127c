import { HeartcutError } from "../errors.ts";

/** What a finished result was made of, by the name that a message gives it. */
export type Origin = Readonly<Record<string, string | number | boolean | null | undefined>>;

/**
 * Refuses to put a result in the place of a finished one that was made of something else: work of hours may stand there.
 * @param kind - what stands there, with its article   @param there - what it was made of   @param wanted - what was asked for
 * @throws HeartcutError HC1053 naming both sides of what differs
 */
export function refuseOtherResult(folder: string, kind: string, there: Origin, wanted: Origin): never {
  const changed = Object.keys(wanted).filter((name) => (there[name] ?? null) !== (wanted[name] ?? null));
  const listed = (origin: Origin) => changed.map((name) => `${name}: ${shown(origin[name])}`).join("\n");
  throw new HeartcutError("HC1053", {
    what: `${kind} is finished in this folder, and was made otherwise`,
    where: folder,
    found: listed(there) || "a result of settings that its record does not hold",
    ...(changed.length > 0 && { expected: listed(wanted) }),
    why: "it would be replaced",
    fix: "give another folder with --out, or remove this one",
  });
}

/** Hashes are told by their beginnings. */
function shown(value: Origin[string]): string {
  const text = String(value ?? "none");
  return /^[0-9a-f]{64}$/.test(text) ? text.slice(0, 12) : text;
}
