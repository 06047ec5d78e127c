import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { HeartcutError, Interrupted } from "../../src/errors.ts";
import type { ProgressEvent } from "../../src/progress.ts";
import { openEndpointTeacher } from "../../src/teachers/endpoint/teacher.ts";
import type { Teacher, TeacherContext } from "../../src/teachers/record.ts";
import { type EndpointSpec, parseTeacherSpec, type TeacherSpecInput } from "../../src/teachers/spec.ts";
import { teacherContract } from "./contract.ts";
import { FakeServer, type Speech, type Trouble } from "./fake_server.ts";
import { Truth } from "./truth.ts";

let truth: Truth;
let server: FakeServer | undefined;
beforeAll(async () => {
  truth = await Truth.open();
});
afterEach(async () => {
  await server?.stop();
  server = undefined;
});
afterAll(() => truth.model.dispose());

type Extra = Partial<Extract<TeacherSpecInput, { endpoint: object }>["endpoint"]>;

/** A spec with the defaults of a recipe. */
function spec(url: string, extra: Extra = {}): EndpointSpec {
  const parsed = parseTeacherSpec({
    endpoint: { url, vocabSize: truth.vocabSize, concurrency: 4, maxRetries: 5, ...extra },
  });
  return (parsed as { endpoint: EndpointSpec }).endpoint;
}

async function open(speech: Speech, extra: Extra = {}, context: TeacherContext = {}): Promise<Teacher> {
  server ??= await FakeServer.start(truth, speech);
  return openEndpointTeacher(spec(server.url, extra), context, { baseMs: 2, capMs: 20 });
}

const message = (promise: Promise<unknown>) =>
  promise.then(
    () => "no error",
    (error: Error) => error.message,
  );

describe("dialects", () => {
  let shared: FakeServer;
  const speeches: [Speech, Extra][] = [
    ["vllm", {}],
    ["sglang", {}],
    ["openai-ids", {}],
    ["openai", { checkIds: false }],
  ];
  for (const [speech, extra] of speeches)
    describe(speech, () => {
      beforeAll(async () => {
        shared = await FakeServer.start(truth, speech);
      });
      afterAll(() => shared.stop());
      teacherContract(
        `endpoint, ${speech}`,
        () => openEndpointTeacher(spec(`${shared.url}/v1/`, extra), {}, { baseMs: 2, capMs: 20 }),
        () => truth,
        { top: speech !== "openai" },
      );
    });

  it("finds out what a server speaks, and takes less than the context where a token is reserved", async () => {
    for (const [speech, name, maxTokens] of [
      ["vllm", "vllm: stories", 512],
      ["sglang", "sglang: stories", 512],
      ["openai-ids", "openai: stories", 513],
    ] as const) {
      server = await FakeServer.start(truth, speech);
      const teacher = await open(speech);
      expect(teacher.name).toBe(`${server.url} (${name})`);
      expect(teacher.maxTokens).toBe(maxTokens);
      await teacher.dispose();
      await server.stop();
      server = undefined;
    }
  });

  it("names no likeliest tokens where a server writes them as text", async () => {
    const teacher = await open("openai", { checkIds: false });
    expect(teacher.topLogProbs).toBeUndefined();
    await teacher.dispose();
  });

  it("refuses servers that cannot prove what they scored, or cannot score at all", async () => {
    expect(await message(open("openai"))).toMatch(/^HC3316.*\n[\s\S]*checkIds: false/);
    await server!.stop();
    server = undefined;
    const text = await message(open("llama-server"));
    expect(text).toMatch(/^HC3316/);
    expect(text).toContain("Only no echo is supported");
    expect(text).toContain("{ gguf: FILE }");
  });

  it("refuses a dialect that is not the server's, several models, and an option without effect", async () => {
    server = await FakeServer.start(truth, "vllm", { models: ["a", "b"] });
    expect(await message(open("vllm"))).toMatch(/^HC3319[\s\S]*a, b/);
    expect(await message(open("vllm", { model: "c" }))).toMatch(/^HC3319[\s\S]*expected {2}c/);
    expect(await message(open("vllm", { model: "a", checkIds: false }))).toMatch(/^HC3320/);
    expect(await message(open("vllm", { model: "a", dialect: "sglang" }))).toMatch(/^HC3316|^HC3311/);
    expect(await message(open("vllm", { model: "a", contextLength: 4096 }))).toMatch(/^HC3319[\s\S]*at most 513/);
    const teacher = await open("vllm", { model: "b" });
    expect(teacher.name).toContain("vllm: b");
    await teacher.dispose();
  });
});

describe("troubles that pass", () => {
  const passing: [string, Trouble[]][] = [
    ["a slow answer", [{ kind: "slow" }]],
    ["an answer in drips", [{ kind: "drip" }]],
    ["a connection reset", [{ kind: "reset-early" }, { kind: "reset-early" }]],
    ["a connection reset inside the answer", [{ kind: "reset" }]],
    ["429 with Retry-After", [{ kind: "status", status: 429, retryAfter: "0.05" }]],
    [
      "408 and 500",
      [
        { kind: "status", status: 408 },
        { kind: "status", status: 500, body: "oops" },
      ],
    ],
    ["a burst of 503", Array.from({ length: 5 }, (): Trouble => ({ kind: "status", status: 503 }))],
    ["NaN once", [{ kind: "value", value: Number.NaN }]],
    ["a log-probability above 0 once", [{ kind: "value", value: 0.5, place: 3 }]],
    ["null in the middle once", [{ kind: "value", value: null, place: 2 }]],
    ["vLLM's -9999 for -Infinity once", [{ kind: "value", value: -9999 }]],
    ["a number as text once", [{ kind: "value", value: "-1.5" }]],
    ["a value too few once", [{ kind: "short" }]],
    ["a value too many once", [{ kind: "long" }]],
    ["other token ids once", [{ kind: "ids" }]],
    ["another count once", [{ kind: "count" }]],
    ["HTML once", [{ kind: "html" }]],
    ["an empty answer once", [{ kind: "no-choices" }]],
    ["an endless answer once", [{ kind: "endless" }]],
    ["a line of 10 MB once", [{ kind: "long-line" }]],
  ];
  for (const speech of ["vllm", "sglang", "openai-ids"] as const)
    it.each(passing)(`${speech}: %s leaves exact values`, async (_, troubles) => {
      const teacher = await open(speech, { timeoutSeconds: 0.5 });
      const sequences = truth.sequences().slice(0, 2);
      server!.troubles.push(...troubles);
      const nll = await teacher.tokenNll(sequences);
      expect(server!.troubles).toEqual([]);
      for (const [i, ids] of sequences.entries())
        for (const [t, x] of (await truth.nll(ids)).entries()) expect(Math.abs(nll[i]![t]! - x)).toBeLessThan(1e-5);
      await teacher.dispose();
    });
});

describe("troubles that stay", () => {
  const always = (trouble: Trouble): Trouble[] => Array.from({ length: 20 }, () => trouble);
  const staying: [string, Trouble, RegExp][] = [
    ["NaN", { kind: "value", value: Number.NaN }, /HC3313[\s\S]*expected {2}JSON/],
    ["a log-probability above 0", { kind: "value", value: 0.5, place: 3 }, /HC3313[\s\S]*place 3\n {2}found {5}0.5/],
    ["-9999", { kind: "value", value: -9999 }, /HC3313[\s\S]*-Infinity/],
    ["a value too few", { kind: "short" }, /HC3313[\s\S]*59 values\n {2}expected {2}60/],
    ["other ids", { kind: "ids" }, /HC3313[\s\S]*(token ids, place 59|place 59)/],
    ["another count", { kind: "count" }, /HC3313[\s\S]*prompt tokens/],
    ["HTML", { kind: "html" }, /HC3313[\s\S]*text\/html: <html>/],
    ["an endless answer", { kind: "endless" }, /HC3313[\s\S]*more than \d+ bytes/],
    ["503", { kind: "status", status: 503 }, /HC3310[\s\S]*status 503[\s\S]*after 2 retries/],
    ["a long Retry-After", { kind: "status", status: 429, retryAfter: "86400" }, /HC3310[\s\S]*status 429/],
    ["resets", { kind: "reset-early" }, /HC3310/],
    ["401", { kind: "status", status: 401, body: "bad key sk-hunter2 given" }, /HC3312[\s\S]*bad key \*\*\* given/],
    ["400", { kind: "status", status: 400, body: '{"message":"too long\\u001b[31m"}' }, /HC3311[\s\S]*too long\ufffd/],
    ["a redirect", { kind: "status", status: 302 }, /HC3311[\s\S]*status 302/],
  ];
  it.each(staying)("%s gives a named error and nothing else", async (_, trouble, expected) => {
    const env = { TEACHER_KEY: "sk-hunter2" };
    const teacher = await open("vllm", { maxRetries: 2, apiKeyEnv: "TEACHER_KEY" }, { env });
    expect([...server!.keys]).toEqual(["Bearer sk-hunter2"]);
    server!.troubles.push(...always(trouble));
    const before = process.memoryUsage().rss;
    const text = await message(teacher.tokenNll([truth.sequences()[0]!]));
    expect(text).toMatch(expected);
    expect(text + teacher.name + teacher.fingerprint).not.toContain("hunter2");
    expect(process.memoryUsage().rss - before).toBeLessThan(256 * 2 ** 20);
    await teacher.dispose();
  });

  it.each([
    ["too few likeliest tokens", { kind: "top-few" }, /HC3313[\s\S]*at least 4/],
    ["probabilities above 1 together", { kind: "top-mass" }, /HC3313[\s\S]*add up to/],
  ] as [string, Trouble, RegExp][])("%s", async (_, trouble, expected) => {
    const teacher = await open("sglang");
    server!.troubles.push(...always(trouble));
    expect(await message(teacher.topLogProbs!([truth.sequences()[0]!], { k: 4 }))).toMatch(expected);
    await teacher.dispose();
  });

  it("asks no more once one row is refused", async () => {
    const teacher = await open("vllm", { concurrency: 2 });
    server!.troubles.push(...always({ kind: "status", status: 400 }));
    const before = server!.scored;
    const many = Array.from({ length: 50 }, () => truth.sequences()[4]!);
    expect(await message(teacher.tokenNll(many))).toMatch(/^HC3311/);
    expect(server!.scored - before).toBeLessThanOrEqual(3);
    await teacher.dispose();
  });
});

describe("manners", () => {
  it("has no more requests on their way than it may, over several calls", async () => {
    const teacher = await open("vllm", { concurrency: 3 });
    const many = Array.from({ length: 12 }, (_, i) => truth.sequences()[4]!.slice(0, 5 + i));
    await Promise.all([teacher.tokenNll(many), teacher.tokenNll(many)]);
    expect(server!.mostAtOnce).toBe(3);
    await teacher.dispose();
  });

  it("stops before it spends more than its budget, and says how to go on", async () => {
    const [a, , , b] = truth.sequences();
    const teacher = await open("vllm", { maxRequests: 4 });
    await teacher.tokenNll([a!, b!]);
    const scored = server!.scored;
    expect(await message(teacher.tokenNll([a!, b!]))).toMatch(
      /^HC3317[\s\S]*3 requests sent, 2 more wanted[\s\S]*run the same/,
    );
    expect(server!.scored).toBe(scored);
    server!.troubles.push(...Array.from({ length: 9 }, (): Trouble => ({ kind: "status", status: 503 })));
    expect(await message(teacher.tokenNll([a!]))).toMatch(/^HC3317/);
    expect(server!.scored).toBe(4);
    await teacher.dispose();
    server!.troubles.length = 0;
    const tokens = await open("vllm", { maxTokens: a!.length + 2 });
    await tokens.tokenNll([a!]);
    expect(await message(tokens.tokenNll([b!]))).toMatch(/^HC3317[\s\S]*tokens sent/);
    await tokens.dispose();
  });

  it("warns of a wrong answer that was put right, and stops on request", async () => {
    const events: ProgressEvent[] = [];
    const stop = new AbortController();
    const stage = { stage: "score", report: (event: ProgressEvent) => void events.push(event), signal: stop.signal };
    const teacher = await open("vllm", {}, { stage });
    server!.troubles.push({ kind: "short" });
    await teacher.tokenNll([truth.sequences()[0]!]);
    expect(events).toEqual([
      expect.objectContaining({ type: "warning", message: expect.stringContaining("59 values") }),
    ]);
    server!.troubles.push({ kind: "slow" });
    setTimeout(() => stop.abort(), 30);
    const started = performance.now();
    await expect(teacher.tokenNll([truth.sequences()[0]!])).rejects.toBeInstanceOf(Interrupted);
    expect(performance.now() - started).toBeLessThan(1000);
    await teacher.dispose();
  });

  it("waits for a server that is starting, and names one that is not there", async () => {
    server = await FakeServer.start(truth, "vllm");
    server.pageTroubles.push({ kind: "status", status: 503 }, { kind: "status", status: 503 });
    await (await open("vllm")).dispose();
    const { url } = server;
    await server.stop();
    server = undefined;
    const error = await openEndpointTeacher(spec(url, { maxRetries: 1 }), {}, { baseMs: 1, capMs: 1 }).catch(
      (e: unknown) => e,
    );
    expect(error).toBeInstanceOf(HeartcutError);
    expect((error as Error).message).toMatch(/^HC3310: the server cannot be reached[\s\S]*ECONNREFUSED/);
  });

  it("takes its key from the environment alone", async () => {
    expect(await message(open("vllm", { apiKeyEnv: "NO_SUCH_KEY" }, { env: {} }))).toMatch(/^HC3312[\s\S]*NO_SUCH_KEY/);
  });

  it("has a fingerprint of the model, not of the address", async () => {
    const prints = new Set<string>();
    for (const revision of [undefined, undefined, "second"]) {
      const teacher = await open("vllm", revision === undefined ? {} : { revision });
      prints.add(teacher.fingerprint);
      await teacher.dispose();
      await server!.stop();
      server = undefined;
    }
    expect(prints.size).toBe(2);
  });
});
