import { Agent, request } from "undici";
import { HeartcutError, printable } from "../../errors.ts";
import type { EndpointSpec } from "../spec.ts";

/** An answer of a server, whatever its status. */
export interface HttpAnswer {
  readonly status: number;
  readonly contentType: string;
  /** Seconds or date the server wants us to wait, as it writes it. */
  readonly retryAfter: string | undefined;
  readonly text: string;
}

/** No answer came, or none that can be read to its end. */
export class HttpTrouble extends Error {
  constructor(
    /** `size`: the answer is longer than any right one. Asking again will not mend that. */
    readonly kind: "network" | "timeout" | "size",
    message: string,
  ) {
    super(message);
  }
}

/** What a server says of itself never needs more. */
const FACTS_BYTES = 2 ** 22;

/**
 * One server: connections kept open, no redirects (a key never goes elsewhere), no compression (no bombs), bounded answers, and
 * a time limit on each request as a whole.
 */
export class HttpClient {
  private readonly agent: Agent;
  private readonly root: string;
  private readonly key: string | undefined;
  /** The address without anything secret. */
  readonly name: string;

  /** @throws HeartcutError HC3312 if the environment variable of the key is not set */
  constructor(
    private readonly spec: Pick<EndpointSpec, "url" | "apiKeyEnv" | "concurrency" | "timeoutSeconds">,
    env: Readonly<Record<string, string | undefined>>,
  ) {
    const url = new URL(spec.url);
    this.root = `${url.origin}${url.pathname.replace(/\/+$/, "").replace(/\/v1$/, "")}`;
    this.name = this.root;
    this.key = spec.apiKeyEnv === undefined ? undefined : env[spec.apiKeyEnv]?.trim();
    if (spec.apiKeyEnv !== undefined && !this.key)
      throw new HeartcutError("HC3312", {
        what: "the API key is not there",
        where: `environment variable ${spec.apiKeyEnv}`,
        found: "not set, or empty",
        fix: `export ${spec.apiKeyEnv}=…  (or leave apiKeyEnv out for a server without keys)`,
      });
    // The time limit of a whole request is the signal's; undici's own limits would only cut in before it.
    this.agent = new Agent({ connections: spec.concurrency, pipelining: 1, headersTimeout: 0, bodyTimeout: 0 });
  }

  /** GET of a small answer. @throws HttpTrouble */
  get(path: string, signal?: AbortSignal): Promise<HttpAnswer> {
    return this.send("GET", path, undefined, FACTS_BYTES, signal);
  }

  /** POST of JSON. @param maxBytes - a longer answer is cut off   @throws HttpTrouble; the signal's reason when aborted */
  post(path: string, body: object, maxBytes: number, signal?: AbortSignal): Promise<HttpAnswer> {
    return this.send("POST", path, JSON.stringify(body), maxBytes, signal);
  }

  /** Text of a server as it may be shown: short, printable, without the key. */
  shown(text: string): string {
    const open = this.key === undefined ? text : text.replaceAll(this.key, "***");
    const line = printable(open.slice(0, 2000)).replace(/\s+/g, " ").trim();
    return line.length > 300 ? `${line.slice(0, 300)} …` : line;
  }

  async close(): Promise<void> {
    await this.agent.destroy();
  }

  private async send(
    method: "GET" | "POST",
    path: string,
    body: string | undefined,
    maxBytes: number,
    signal: AbortSignal | undefined,
  ): Promise<HttpAnswer> {
    const timeout = AbortSignal.timeout(this.spec.timeoutSeconds * 1000);
    try {
      const answer = await request(`${this.root}${path}`, {
        method,
        dispatcher: this.agent,
        signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]),
        headers: {
          accept: "application/json",
          "accept-encoding": "identity",
          ...(body !== undefined && { "content-type": "application/json" }),
          ...(this.key !== undefined && { authorization: `Bearer ${this.key}` }),
        },
        ...(body !== undefined && { body }),
      });
      const header = (name: string) => [answer.headers[name]].flat()[0];
      return {
        status: answer.statusCode,
        contentType: header("content-type") ?? "",
        retryAfter: header("retry-after"),
        text: await readBounded(answer.body, maxBytes),
      };
    } catch (error) {
      signal?.throwIfAborted();
      if (error instanceof HttpTrouble) throw error;
      if (timeout.aborted) throw new HttpTrouble("timeout", `no whole answer within ${this.spec.timeoutSeconds} s`);
      throw new HttpTrouble("network", describe(error));
    }
  }
}

async function readBounded(body: AsyncIterable<Uint8Array>, maxBytes: number): Promise<string> {
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of body) {
    bytes += piece.length;
    // Leaving the loop destroys the stream and with it the connection.
    if (bytes > maxBytes) throw new HttpTrouble("size", `more than ${maxBytes} bytes`);
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString("utf8");
}

/** A failed connection hides its reason in `cause`, and one that tried several addresses in `errors`. */
function describe(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return describe(error.errors[0]);
  if (!(error instanceof Error)) return String(error);
  return error.message || (error as NodeJS.ErrnoException).code || error.name;
}
