import { EnvHttpProxyAgent, fetch as send } from "undici";
import { HeartcutError, Interrupted } from "../errors.ts";
import type { StageContext } from "../progress.ts";
import { formatReference, type HubReference, repositoryPath } from "./reference.ts";
import { type Asked, describeConnection, describeRefusal, mayPass } from "./refusals.ts";
import { requestedPause, Transient, withRetries } from "./retry.ts";
import type { HubSettings } from "./settings.ts";

/** No answer of the hub's API comes near. */
const MAX_ANSWER_BYTES = 256 * 2 ** 20;
const MAX_ERROR_BYTES = 64 * 1024;
const CONNECT_MS = 15_000;

/** An answer whose body is still to be read. */
export type OpenResponse = Awaited<ReturnType<typeof send>>;

/**
 * HTTP for one reference: timeouts, retries, proxies, errors in the user's words, and a token that the endpoint alone ever sees
 * (redirects to another origin lose it, as the fetch standard has it).
 */
export class HubClient {
  readonly asked: Asked;
  private readonly origin: string;
  private readonly dispatcher: EnvHttpProxyAgent;
  private readonly ended = new AbortController();
  /** The caller's, with a signal that also ends when work that runs together has failed. */
  readonly context: StageContext;

  constructor(
    readonly settings: HubSettings,
    reference: HubReference,
    context: StageContext,
  ) {
    this.context = {
      stage: context.stage,
      report: (event) => context.report(event),
      signal: AbortSignal.any([context.signal, this.ended.signal]),
    };
    this.asked = {
      reference: formatReference({ ...reference, path: "" }),
      page: `${settings.endpoint}/${repositoryPath(reference)}`,
    };
    this.origin = new URL(settings.endpoint).origin;
    const { silenceMs } = settings;
    this.dispatcher = new EnvHttpProxyAgent({
      connect: { timeout: Math.min(CONNECT_MS, silenceMs) },
      headersTimeout: silenceMs,
      bodyTimeout: silenceMs,
    });
  }

  /** Ends the connections. */
  async close(): Promise<void> {
    await this.dispatcher.destroy();
  }

  /** Does pieces of work at the same time; the first failure ends all of them, and the client. @throws that failure */
  async together(work: readonly (() => Promise<void>)[]): Promise<void> {
    let failure: { error: unknown } | undefined;
    const running = work.map((piece) =>
      piece().catch((error: unknown) => {
        failure ??= { error };
        this.ended.abort();
      }),
    );
    await Promise.all(running);
    if (failure !== undefined) throw failure.error;
  }

  /**
   * What @huggingface/hub takes as fetch: whole answers, attempts repeated where that cannot do a thing twice, refusals of the hub
   * thrown as HeartcutError HC1602-HC1604, HC1608; those of other servers (storage) are the library's to judge.
   */
  readonly fetch: typeof fetch = async (input, init = {}) => {
    const url = new URL(input instanceof Request ? input.url : input);
    const method = init.method ?? "GET";
    const repeatable = method !== "POST" || /\/(preupload\/[^/]*|objects\/batch|paths-info\/[^/]*)$/.test(url.pathname);
    return withRetries(this.settings, this.context, async () => {
      const response = await this.send(url, init, repeatable);
      const bytes = await this.readBody(response, MAX_ANSWER_BYTES, repeatable);
      const { status } = response;
      const headers = new Headers([...response.headers]);
      if (this.isHub(url) || mayPass(status)) this.refuse(status, headers, bytes, repeatable);
      return new Response(bytes.length === 0 ? null : bytes, { status, headers });
    });
  };

  /**
   * Opens a file for streaming: one attempt. Statuses 200, 206 and 416 come back, the rest is thrown.
   * @throws Transient for what may pass; HeartcutError HC1602-HC1604, HC1608
   */
  async open(url: URL, headers: Record<string, string>): Promise<OpenResponse> {
    // A file is stored as it is sent: a packed transfer could not be resumed.
    const response = await this.send(url, { headers: { ...headers, "accept-encoding": "identity" } }, true);
    if (response.status === 200 || response.status === 206 || response.status === 416) return response;
    const bytes = await this.readBody(response, MAX_ERROR_BYTES, true);
    this.refuse(response.status, new Headers([...response.headers]), bytes, true);
    throw this.unexpected(`status ${response.status}`, url);
  }

  /** Turns the failure of a body that is being read into a Transient. */
  cutShort(error: unknown, url: URL): Error {
    if (this.context.signal.aborted) return new Interrupted(this.context.stage);
    return new Transient(describeConnection(error, url.host, this.settings).fault);
  }

  private isHub(url: URL): boolean {
    return url.origin === this.origin;
  }

  private async send(url: URL, init: RequestInit, repeatable: boolean): Promise<OpenResponse> {
    const headers = new Headers(init.headers);
    headers.set("user-agent", `heartcut; node/${process.versions.node}`);
    const { token } = this.settings;
    if (this.isHub(url) && token !== undefined) headers.set("authorization", `Bearer ${token}`);
    const { signal } = this.context;
    const options = {
      method: init.method ?? "GET",
      headers: [...headers],
      signal: init.signal ? AbortSignal.any([signal, init.signal]) : signal,
      dispatcher: this.dispatcher,
      ...(init.body != null && { body: init.body, duplex: "half" }),
    };
    try {
      // The types of undici and of Node name one and the same interface twice.
      return await send(url, options as unknown as Parameters<typeof send>[1]);
    } catch (error) {
      if (signal.aborted) throw new Interrupted(this.context.stage);
      if (init.signal?.aborted === true) throw error;
      const { fault, lasting } = describeConnection(error, url.host, this.settings);
      throw lasting || !(repeatable || isUnsent(error)) ? fault : new Transient(fault);
    }
  }

  private async readBody(response: OpenResponse, limit: number, repeatable: boolean): Promise<Uint8Array<ArrayBuffer>> {
    const url = new URL(response.url);
    const pieces: Uint8Array[] = [];
    let bytes = 0;
    try {
      for await (const piece of response.body ?? []) {
        bytes += (piece as Uint8Array).length;
        if (bytes > limit) break;
        pieces.push(piece as Uint8Array);
      }
    } catch (error) {
      const cut = this.cutShort(error, url);
      throw cut instanceof Transient && !repeatable ? cut.fault : cut;
    }
    if (bytes > limit && limit === MAX_ANSWER_BYTES)
      throw this.unexpected(`an answer of more than ${limit} bytes`, url);
    return new Uint8Array(Buffer.concat(pieces));
  }

  /** The HeartcutError for an answer that the hub's API does not give. */
  unexpected(found: string, url?: URL): HeartcutError {
    return new HeartcutError("HC1608", {
      what: "the answer is not one of the Hugging Face hub",
      where: url === undefined ? this.asked.reference : `${this.asked.reference}, ${url.host}`,
      found,
      fix: "check HF_ENDPOINT and any proxy in between",
    });
  }

  private refuse(status: number, headers: Headers, bytes: Uint8Array, repeatable: boolean): void {
    if (status < 400) return;
    const body = new TextDecoder().decode(bytes.subarray(0, MAX_ERROR_BYTES));
    const fault = describeRefusal({ status, headers, body }, this.asked, this.settings);
    // A server that asks to come back later has done nothing yet.
    const unhandled = status === 429 || status === 503;
    if (mayPass(status) && (repeatable || unhandled)) throw new Transient(fault, requestedPause(headers, Date.now()));
    throw fault;
  }
}

/** Whether a request failed before anything of it was sent. */
function isUnsent(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : undefined;
  const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
  return ["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "UND_ERR_CONNECT_TIMEOUT"].includes(String(code));
}
