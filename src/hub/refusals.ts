import { type Fault, HeartcutError, printable } from "../errors.ts";
import type { HubSettings } from "./settings.ts";

/** What a server said beside its status. */
export interface Refusal {
  status: number;
  headers: Headers;
  body: string;
}

/** What was asked for, for messages. */
export interface Asked {
  /** The repository at its revision, as a reference. */
  reference: string;
  /** Page of the repository. */
  page: string;
}

const LOGIN = "run `hf auth login`, or set HF_TOKEN";

/** Statuses after which the same request may succeed a little later. */
export function mayPass(status: number): boolean {
  return status === 408 || status === 429 || (status >= 500 && status !== 501);
}

/** The HeartcutError for a refusal of the hub: HC1602 (not there), HC1603 (no access), HC1604 (busy or broken), HC1608 (other). */
export function describeRefusal(refusal: Refusal, asked: Asked, settings: HubSettings): HeartcutError {
  const { status, headers } = refusal;
  const code = headers.get("x-error-code");
  const said = serverMessage(refusal, settings.token);
  const error = (number: `HC${number}`, fault: Omit<Fault, "where" | "found">) =>
    new HeartcutError(number, { where: asked.reference, found: `status ${status}${said && `: ${said}`}`, ...fault });
  if (code === "GatedRepo")
    return error("HC1603", {
      what: "the repository is gated: its owner wants its conditions accepted first",
      fix: `open ${asked.page} , accept them, and ${settings.token === undefined ? LOGIN : "try again with a token of that account"}`,
    });
  if (code === "RevisionNotFound")
    return error("HC1602", {
      what: "the repository has no such revision",
      fix: `look at the branches and tags on ${asked.page}`,
    });
  if (code === "EntryNotFound")
    return error("HC1602", { what: "the repository has no such file", fix: `look at the files on ${asked.page}` });
  // The hub answers 401 for whatever an anonymous visitor may not see, and that includes what does not exist.
  if (status === 404 || code === "RepoNotFound" || (status === 401 && settings.token === undefined))
    return error("HC1602", {
      what: "no such repository, or it is private",
      fix:
        settings.token === undefined
          ? `check the spelling; if it is private, ${LOGIN} to a token that may read it`
          : "check the spelling, and that the token's account may read it",
    });
  if (status === 401)
    return error("HC1603", {
      what: "the hub does not accept the token",
      fix: `make a new one at ${settings.endpoint}/settings/tokens , then ${LOGIN}`,
    });
  if (status === 403)
    return error("HC1603", {
      what: "the token does not allow this",
      fix: `give it the permission at ${settings.endpoint}/settings/tokens , or use another account's`,
    });
  if (mayPass(status))
    return error("HC1604", {
      what: status === 429 ? "the hub asks for fewer requests" : "the hub has a fault of its own",
      fix:
        status === 429 && settings.token === undefined
          ? `run the same command again later; with a token the limit is higher: ${LOGIN}`
          : "run the same command again later: it goes on where it stopped",
    });
  return error("HC1608", {
    what: "the hub refused the request",
    fix: "settle what it says, or check HF_ENDPOINT",
  });
}

/** System codes of connections that no second attempt mends: certificates. */
const LASTING = /^(CERT_|ERR_TLS|UNABLE_TO_|SELF_SIGNED|DEPTH_ZERO)/;

/** The HeartcutError HC1604 for a connection that failed, and whether another attempt may help. */
export function describeConnection(error: unknown, host: string, settings: HubSettings) {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : (error as Error);
  const code = "code" in cause && typeof cause.code === "string" ? cause.code : cause.name;
  const lasting = LASTING.test(code);
  const fault = new HeartcutError(
    "HC1604",
    {
      what: lasting ? "the server's certificate is not trusted" : "the connection failed",
      where: host,
      found: printable(redacted(`${code}: ${cause.message}`, settings.token)).slice(0, 300),
      fix: lasting
        ? "if a proxy of your organisation signs connections, name its certificate in NODE_EXTRA_CA_CERTS"
        : "check the network (HTTPS_PROXY is used) and run the same command again; --offline uses what the cache holds",
    },
    { cause: error },
  );
  return { fault, lasting };
}

function serverMessage({ headers, body }: Refusal, token: string | undefined): string {
  let said = headers.get("x-error-message") ?? "";
  if (said === "" && headers.get("content-type")?.includes("json") === true) {
    try {
      const json = JSON.parse(body) as { error?: unknown; message?: unknown };
      const text = json.error ?? json.message;
      if (typeof text === "string") said = text;
    } catch {
      // The status says enough where the body is torn.
    }
  }
  return printable(redacted(said, token)).replace(/\s+/g, " ").slice(0, 300);
}

/** Text without the token, wherever a server may have repeated it. */
function redacted(text: string, token: string | undefined): string {
  return token === undefined ? text : text.replaceAll(token, "<token>");
}
