/** Whether a path is a pattern rather than a name. */
export function isGlob(path: string): boolean {
  return /[*?]/.test(path);
}

/** What a pattern matches, whole names with "/" between parts: `*` and `?` stay within a part, `**` crosses parts. */
export function globPattern(pattern: string): RegExp {
  const source = pattern.replace(/\*\*\/|\*\*|\*|\?|[.+^${}()|[\]\\]/g, (token) => {
    if (token === "**/") return "(?:[^/]+/)*";
    if (token === "**") return ".*";
    if (token === "*") return "[^/]*";
    return token === "?" ? "[^/]" : `\\${token}`;
  });
  return new RegExp(`^${source}$`, "u");
}
