import { HeartcutError } from "../../errors.ts";
import { byDocument, joinNll, joinTop } from "../documents.ts";
import { fingerprintOf } from "../fingerprint.ts";
import type { Teacher, TeacherContext } from "../record.ts";
import { checkSequences, checkTopK } from "../sequences.ts";
import type { EndpointSpec } from "../spec.ts";
import { Budget } from "./budget.ts";
import { mapInSlots, Slots } from "./concurrency.ts";
import { detectServer } from "./detect.ts";
import type { Dialect, ServerFacts } from "./dialect.ts";
import { HttpClient, HttpTrouble } from "./http.ts";
import { Passing, type RetryPolicy, withRetries } from "./retry.ts";
import { interruptedBy, ScoreClient } from "./score_client.ts";

/** Waits between tries: up to 0.5 s before the first retry, up to 30 s in the end. */
export const DEFAULT_WAITS: Omit<RetryPolicy, "retries"> = { baseMs: 500, capMs: 30_000 };

/**
 * A server that gives prompt log-probabilities. Opening it asks what it is and scores two tokens, so that a server that cannot do
 * it is refused before any work. Its fingerprint holds the model's names and `revision`, not the address: servers move.
 * @throws HeartcutError HC3310 if it is not reachable, HC3312 for its key, HC3315 if it is of no known kind, HC3316 if it gives no
 *   prompt log-probabilities, HC3319 if a size is not known, HC3320 for an option without effect
 */
export async function openEndpointTeacher(
  spec: EndpointSpec,
  context: TeacherContext = {},
  waits: Omit<RetryPolicy, "retries"> = DEFAULT_WAITS,
): Promise<Teacher> {
  const { stage, tokenizer } = context;
  const signal = stage?.signal;
  const client = new HttpClient(spec, context.env ?? process.env);
  const policy = { retries: spec.maxRetries, ...waits };
  try {
    const { dialect, facts } = await reached(client, spec, policy, signal);
    const name = `${client.name} (${dialect.name}: ${facts.model})`;
    const vocabSize = spec.vocabSize ?? tokenizer?.vocabSize ?? facts.vocabSize;
    if (vocabSize === undefined) throw unknown("the size of its vocabulary", "vocabSize", name);
    const contextLength = contextLengthOf(spec, facts, name);
    const limits = { name, vocabSize, maxTokens: contextLength - dialect.reserve };
    const budget = new Budget(spec, name);
    const warn = (message: string) => stage?.report({ type: "warning", stage: stage.stage, message });
    const server = new ScoreClient(client, dialect, facts.model, budget, policy, warn);
    const checkIds = spec.checkIds;
    const probe = (k: number) =>
      server.score({ ids: Int32Array.of(0, 1), k, vocabSize, checkIds }, "a first question", signal);
    if (!checkIds && dialect.showsIds) throw withoutEffect(dialect, name);
    await probe(0).catch((error: unknown) => {
      throw noPromptLogProbs(error, dialect, name);
    });
    const givesTop =
      dialect.showsIds ||
      (await probe(1).then(
        () => true,
        (error: unknown) => {
          if (error instanceof HeartcutError && ["HC3311", "HC3313"].includes(error.code)) return false;
          throw error;
        },
      ));

    const slots = new Slots(spec.concurrency);
    const askAll = async <T>(
      parts: readonly Int32Array[],
      k: number,
      take: (answer: Awaited<ReturnType<ScoreClient["score"]>>) => T,
    ): Promise<T[]> => {
      budget.check(
        parts.length,
        parts.reduce((sum, ids) => sum + ids.length, 0),
      );
      try {
        return await mapInSlots(parts, slots, signal, async (ids, i, stop) =>
          take(await server.score({ ids, k, vocabSize, checkIds }, `sequence ${i} of ${parts.length}`, stop)),
        );
      } catch (error) {
        throw interruptedBy(signal, stage?.stage ?? name, error);
      }
    };
    const topLogProbs: NonNullable<Teacher["topLogProbs"]> = async (sequences, { k, eosId }) => {
      checkTopK(limits, k);
      checkSequences(limits, sequences);
      return byDocument(sequences, eosId, (parts) => askAll(parts, k, ({ top }) => top!), joinTop);
    };
    let closed: Promise<void> | undefined;
    return {
      ...limits,
      fingerprint: fingerprintOf(["endpoint", dialect.name, facts.model, facts.root ?? null, spec.revision ?? null]),
      async tokenNll(sequences, options) {
        checkSequences(limits, sequences);
        return byDocument(sequences, options?.eosId, (parts) => askAll(parts, 0, ({ nll }) => nll), joinNll);
      },
      ...(givesTop && { topLogProbs }),
      dispose() {
        closed ??= client.close();
        return closed;
      },
    };
  } catch (error) {
    await client.close();
    throw interruptedBy(signal, stage?.stage ?? client.name, error);
  }
}

/** Asks the server what it is, waiting for one that is still starting. */
async function reached(client: HttpClient, spec: EndpointSpec, policy: RetryPolicy, signal: AbortSignal | undefined) {
  try {
    return await withRetries(policy, signal, async () => {
      try {
        return await detectServer(client, spec, signal);
      } catch (error) {
        throw error instanceof HttpTrouble ? new Passing(error.message) : error;
      }
    });
  } catch (error) {
    if (!(error instanceof Passing)) throw error;
    throw new HeartcutError("HC3310", {
      what: "the server cannot be reached",
      where: client.name,
      found: client.shown(error.message),
      fix: "start it, or correct endpoint.url; curl ADDRESS/v1/models should list its model",
    });
  }
}

function contextLengthOf(spec: EndpointSpec, facts: ServerFacts, name: string): number {
  const own = facts.contextLength;
  const length = spec.contextLength ?? own;
  if (length === undefined) throw unknown("how long a sequence it can read", "contextLength", name);
  if (own !== undefined && length > own)
    throw new HeartcutError("HC3319", {
      what: "the server reads shorter sequences than contextLength says",
      where: name,
      found: `contextLength ${length}`,
      expected: `at most ${own}`,
      fix: "start the server with a longer context, or lower contextLength",
    });
  return length;
}

function unknown(what: string, key: string, name: string): HeartcutError {
  return new HeartcutError("HC3319", {
    what: `the server does not say ${what}`,
    where: name,
    expected: key,
    fix: `add ${key} to the endpoint, from the config.json of its model`,
  });
}

/** Refusals of the very first question are about the kind of server, not about a row. */
function noPromptLogProbs(error: unknown, dialect: Dialect, name: string): unknown {
  if (!(error instanceof HeartcutError) || !["HC3311", "HC3313"].includes(error.code)) return error;
  return new HeartcutError(
    "HC3316",
    {
      what: "the server does not give the log-probabilities of a prompt in a form that can be checked",
      where: name,
      found: error.fault.found,
      expected: error.fault.expected ?? "ids and log-probabilities of all tokens sent",
      fix:
        error.fault.where?.endsWith("token ids") === true
          ? `${dialect.help}; for one you trust to score the ids it was sent: checkIds: false`
          : dialect.help,
    },
    { cause: error },
  );
}

function withoutEffect(dialect: Dialect, name: string): HeartcutError {
  return new HeartcutError("HC3320", {
    what: "checkIds: false has no effect here",
    where: name,
    why: `${dialect.name} shows the ids it scored`,
    fix: "leave checkIds out",
  });
}
