import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { Truth } from "./truth.ts";

export type Speech = "vllm" | "sglang" | "openai" | "openai-ids" | "llama-server";

/** What goes wrong with one scoring request. */
export type Trouble =
  | { kind: "slow" | "drip" | "reset" | "reset-early" | "endless" | "long-line" | "html" | "no-choices" }
  | { kind: "status"; status: number; retryAfter?: string; body?: string }
  | { kind: "value"; value: unknown; place?: number }
  | { kind: "short" | "ids" | "long" | "top-mass" | "top-few" | "count" };

/** Replaced by a bare NaN in the text: Python's json writes that. */
const NAN = "@NaN@";

/** A server that speaks like the real ones and has the numbers of Truth, with troubles in the order they are put in. */
export class FakeServer {
  readonly troubles: Trouble[] = [];
  /** Troubles of the pages that say what the server is. */
  readonly pageTroubles: Trouble[] = [];
  scored = 0;
  mostAtOnce = 0;
  readonly keys = new Set<string | undefined>();
  private readonly open = new Set<ServerResponse>();
  private atOnce = 0;

  private constructor(
    private readonly server: Server,
    private readonly truth: Truth,
    private readonly speech: Speech,
    private readonly extra: { contextLength?: number; models?: string[] },
  ) {}

  static async start(
    truth: Truth,
    speech: Speech,
    extra: { contextLength?: number; models?: string[] } = {},
  ): Promise<FakeServer> {
    const server = createServer();
    const fake = new FakeServer(server, truth, speech, extra);
    server.on("request", (request, response) => {
      fake.open.add(response);
      response.on("close", () => fake.open.delete(response));
      fake.answer(request, response).catch((error: unknown) => response.destroy(error as Error));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return fake;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    for (const response of this.open) response.destroy();
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.keys.add(request.headers.authorization);
    let text = "";
    for await (const piece of request) text += piece;
    const scoring = this.speech === "sglang" ? "/generate" : "/v1/completions";
    if (request.method === "POST" && request.url === scoring) {
      this.scored++;
      this.mostAtOnce = Math.max(this.mostAtOnce, ++this.atOnce);
      try {
        await sleep(2);
        await this.score(JSON.parse(text), response);
      } finally {
        this.atOnce--;
      }
      return;
    }
    const trouble = this.pageTroubles.shift();
    if (trouble?.kind === "status") return this.status(response, trouble);
    const page = this.page(request.url ?? "");
    if (page === undefined) this.status(response, { kind: "status", status: 404 });
    else send(response, JSON.stringify(page));
  }

  private page(path: string): unknown {
    const { contextLength = 513, models = ["stories"] } = this.extra;
    if (path !== "/v1/models") return undefined;
    const owner = { vllm: "vllm", sglang: "sglang", "llama-server": "llamacpp" }[this.speech as string] ?? "someone";
    const known =
      this.speech === "llama-server"
        ? { meta: { n_vocab: 512, n_ctx: contextLength } }
        : { max_model_len: contextLength };
    return { object: "list", data: models.map((id) => ({ id, owned_by: owner, root: `/models/${id}`, ...known })) };
  }

  private async score(body: Record<string, unknown>, response: ServerResponse): Promise<void> {
    const trouble = this.troubles.shift();
    const ids = Int32Array.from((this.speech === "sglang" ? body.input_ids : body.prompt) as number[]);
    const k = Number(body.prompt_logprobs ?? body.top_logprobs_num ?? body.logprobs);
    switch (trouble?.kind) {
      case "status":
        return this.status(response, trouble);
      case "slow":
        await sleep(3000, undefined, { ref: false });
        break;
      case "drip":
        response.writeHead(200, { "content-type": "application/json" });
        for (let i = 0; i < 100 && !response.destroyed; i++) {
          response.write(" ");
          await sleep(50, undefined, { ref: false });
        }
        return void response.end();
      case "reset-early":
        return void response.destroy();
      case "html":
        return send(response, "<html><body>Bad gateway</body></html>", "text/html");
      case "no-choices":
        return send(response, JSON.stringify({ choices: [], meta_info: {} }));
      case "endless":
        response.writeHead(200, { "content-type": "application/json" });
        while (!response.destroyed) {
          if (!response.write(`{"a":[${"1,".repeat(30_000)}`)) await sleep(1);
        }
        return;
      case "long-line":
        return send(response, `{"choices":"${"x".repeat(10_000_000)}"}`);
    }
    if (this.speech === "llama-server")
      return this.status(response, {
        kind: "status",
        status: 400,
        body: JSON.stringify({
          error: { code: 400, message: "Only no echo is supported", type: "invalid_request_error" },
        }),
      });
    const text = JSON.stringify(await this.right(ids, k, trouble)).replaceAll(`"${NAN}"`, "NaN");
    if (trouble?.kind === "reset") {
      response.writeHead(200, { "content-type": "application/json", "content-length": text.length });
      response.write(text.slice(0, text.length / 2));
      await sleep(20);
      return void response.destroy();
    }
    send(response, text);
  }

  /** The right answer, but for the trouble. */
  private async right(ids: Int32Array, k: number, trouble: Trouble | undefined): Promise<unknown> {
    const rows = await this.truth.logProbs(ids);
    const shown: unknown[] = Array.from(ids);
    if (trouble?.kind === "ids") shown[shown.length - 1] = (ids.at(-1)! + 1) % this.truth.vocabSize;
    let values: unknown[] = Array.from(ids, (id, t) => (t === 0 ? null : rows[t - 1]![id]!));
    if (trouble?.kind === "value") values[trouble.place ?? 1] = Number.isNaN(trouble.value) ? NAN : trouble.value;
    let top = Array.from(ids, (_, t): [number, unknown][] | null =>
      t === 0
        ? null
        : [...rows[t - 1]!.entries()]
            .sort((a, b) => b[1] - a[1])
            .slice(0, Math.max(0, trouble?.kind === "top-few" ? k - 1 : k))
            .map(([id, x]): [number, unknown] => [id, trouble?.kind === "top-mass" ? Math.max(x, -0.1) : x]),
    );
    if (trouble?.kind === "short") {
      values = values.slice(0, -1);
      top = top.slice(0, -1);
    }
    if (trouble?.kind === "long") {
      values = [...values, -1];
      top = [...top, []];
    }
    const count = ids.length + (trouble?.kind === "count" ? 1 : 0);
    const usage = { prompt_tokens: count, completion_tokens: this.speech === "vllm" ? 1 : 0 };
    if (this.speech === "sglang")
      return {
        text: "",
        meta_info: {
          prompt_tokens: count,
          input_token_logprobs: values.map((x, t) => [x, shown[t] ?? 0, null]),
          ...(k > 0 && { input_top_logprobs: top.map((place) => place?.map(([id, x]) => [x, id, null]) ?? null) }),
        },
      };
    if (this.speech === "vllm") {
      const places = values.map((x, t) => {
        if (t === 0) return null;
        const entries = (top[t] ?? []).map(([id, y], rank) => [id, { logprob: y, rank: rank + 1, decoded_token: "x" }]);
        return Object.fromEntries([...entries, [shown[t] ?? 0, { logprob: x, rank: 9, decoded_token: "x" }]]);
      });
      return { usage, choices: [{ index: 0, text: "x", prompt_logprobs: places, prompt_token_ids: shown }] };
    }
    const written = (id: unknown) => (this.speech === "openai-ids" ? `token_id:${id}` : `t${Number(id) % 50}`);
    return {
      usage,
      choices: [
        {
          text: "",
          logprobs: {
            tokens: values.map((_, t) => written(shown[t] ?? 0)),
            token_logprobs: values,
            top_logprobs: top.map((place) => place && Object.fromEntries(place.map(([id, x]) => [written(id), x]))),
            text_offset: values.map((_, t) => t),
          },
        },
      ],
    };
  }

  private status(response: ServerResponse, { status, retryAfter, body }: Extract<Trouble, { kind: "status" }>): void {
    response.writeHead(status, {
      "content-type": "application/json",
      ...(retryAfter !== undefined && { "retry-after": retryAfter }),
    });
    response.end(body ?? JSON.stringify({ error: { message: `status ${status}` } }));
  }
}

function send(response: ServerResponse, text: string, type = "application/json"): void {
  response.writeHead(200, { "content-type": type });
  response.end(text);
}
