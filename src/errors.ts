/** What a user did that cannot work. Printed without a stack; the fields become the lines of the message. */
export interface Fault {
  /** What is wrong, one line, in words of the user's world. */
  what: string;
  /** File, line, key or model where it was found. */
  where?: string | undefined;
  /** What stands there. */
  found?: string | undefined;
  /** What was wanted instead. */
  expected?: string | undefined;
  /** Why it matters, when that is not obvious. */
  why?: string | undefined;
  /** One or two commands or edits that settle it. */
  fix?: string | undefined;
}

/** Mistake in input, configuration or environment: stable code (HC + four digits), message in the fixed shape of the documentation. */
export class HeartcutError extends Error {
  override readonly name: string = "HeartcutError";
  /** Without the secrets of addresses that were written into it. */
  readonly fault: Fault;
  constructor(
    readonly code: `HC${number}`,
    fault: Fault,
    options?: ErrorOptions,
  ) {
    const told = Object.fromEntries(
      Object.entries(fault).map(([key, text]: [string, string | undefined]) => [key, text && withoutSecrets(text)]),
    ) as unknown as Fault;
    super(formatFault(code, told), options);
    this.fault = told;
  }
}

/** A run that was asked to stop; everything committed so far is kept and the same command resumes. */
export class Interrupted extends HeartcutError {
  override readonly name = "Interrupted";
  constructor(where?: string) {
    super("HC0130", { what: "stopped on request", where, fix: "run the same command again to resume" });
  }
}

/** A broken assumption of heartcut's own code: never the user's fault, printed with its stack. */
export class InternalError extends Error {
  override readonly name: string = "InternalError";
  constructor(message: string, options?: ErrorOptions) {
    super(`internal: ${message}`, options);
  }
}

/** Shape or dtype rule of an op broken while a graph is built. */
export class ShapeError extends InternalError {
  override readonly name = "ShapeError";
}

function formatFault(code: string, fault: Fault): string {
  const lines = [`${code}: ${fault.what}`];
  for (const key of ["where", "found", "expected", "why", "fix"] as const) {
    const text = fault[key];
    if (text !== undefined) lines.push(`  ${key.padEnd(9)} ${text.replaceAll("\n", `\n${" ".repeat(12)}`)}`);
  }
  return lines.join("\n");
}

/** Removes control characters (C0, C1, DEL) but newline and tab, so that text from files cannot steer a terminal. */
export function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is removed
  return text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028\u2029]/g, "\ufffd");
}

/** Takes user, password and keys out of the addresses in a text: messages end up in logs. */
export function withoutSecrets(text: string): string {
  return text
    .replace(/\b([a-z][a-z0-9+.-]*:\/\/)[^\s/"'`]*@/gi, "$1…@")
    .replace(/([?&][\w-]*(?:key|token|secret|password)[\w-]*=)[^\s&"'`}]+/gi, "$1…");
}
