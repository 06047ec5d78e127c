import { HeartcutError, Interrupted } from "../../errors.ts";
import type { Budget } from "./budget.ts";
import type { Dialect } from "./dialect.ts";
import { type HttpAnswer, type HttpClient, HttpTrouble } from "./http.ts";
import { Passing, type RetryPolicy, withRetries } from "./retry.ts";
import { checkedRow, RowFault, type RowQuestion } from "./row.ts";
import { checkStatus, messageOf } from "./status.ts";

/** Bytes of a right answer, at most: what stands around the places, and one entry of a place with its text. */
const FRAME_BYTES = 2 ** 20;
const ENTRY_BYTES = 512;

/** Asks one server about one sequence at a time, and lets nothing through that is not proved right. */
export class ScoreClient {
  constructor(
    private readonly client: HttpClient,
    private readonly dialect: Dialect,
    private readonly model: string,
    private readonly budget: Budget,
    private readonly policy: RetryPolicy,
    private readonly warn: (message: string) => void,
  ) {}

  /**
   * NLL and likeliest tokens of a sequence. A wrong answer is asked for once more.
   * @param row - how errors name the sequence
   * @throws HeartcutError HC3310 where trouble does not pass, HC3311 and HC3312 where the server refuses, HC3313 for a wrong answer,
   *   HC3317 at the end of the budget; the signal's reason when aborted
   */
  async score(question: RowQuestion, row: string, signal?: AbortSignal): Promise<ReturnType<typeof checkedRow>> {
    for (let again = false; ; again = true) {
      const text = await withRetries(this.policy, signal, () => this.send(question, signal)).catch((error: unknown) => {
        throw this.settled(error, row);
      });
      try {
        return checkedRow(this.dialect.read(parsed(text)), question);
      } catch (error) {
        if (!(error instanceof RowFault)) throw error;
        if (again) throw this.wrongAnswer(error, row);
        this.warn(
          `${this.client.name} gave a wrong answer for ${row} (${this.client.shown(error.message)}): asking again`,
        );
      }
    }
  }

  private async send({ ids, k }: RowQuestion, signal?: AbortSignal): Promise<HttpAnswer | RowFault> {
    this.budget.spend(1, ids.length);
    const body = this.dialect.ask(Array.from(ids), k, this.model);
    const maxBytes = FRAME_BYTES + ids.length * (k + 2) * ENTRY_BYTES;
    let answer: HttpAnswer;
    try {
      answer = await this.client.post(this.dialect.path, body, maxBytes, signal);
    } catch (error) {
      if (!(error instanceof HttpTrouble)) throw error;
      if (error.kind === "size")
        return new RowFault("length of the answer", error.message, `at most ${maxBytes} bytes`);
      throw new Passing(error.message);
    }
    if (answer.status === 200) return answer;
    checkStatus(this.client, answer);
    throw this.requestRefused(answer);
  }

  /** Errors as users see them. */
  private settled(error: unknown, row: string): unknown {
    if (!(error instanceof Passing)) return error;
    return new HeartcutError("HC3310", {
      what: "the server does not answer",
      where: `${this.client.name}, ${row}`,
      found: `${this.client.shown(error.message)}, after ${this.policy.retries} retries or a longer wait than is allowed`,
      why: "everything finished so far is kept",
      fix: "see that the server is up (its log says more), then run the same command again to go on; a slow one needs fewer requests at once (concurrency) or more time (timeoutSeconds)",
    });
  }

  private requestRefused(answer: HttpAnswer): HeartcutError {
    return new HeartcutError("HC3311", {
      what: "the server refuses the question",
      where: `${this.client.name}${this.dialect.path} (${this.dialect.name})`,
      found: `status ${answer.status}: ${this.client.shown(messageOf(answer))}`,
      fix: this.dialect.help,
    });
  }

  private wrongAnswer(fault: RowFault, row: string): HeartcutError {
    return new HeartcutError("HC3313", {
      what: "the server gave a wrong answer, twice",
      where: `${this.client.name} (${this.dialect.name}), ${row}, ${fault.field}`,
      found: this.client.shown(fault.found),
      expected: fault.expected,
      why: "nothing of it was kept",
      fix: this.dialect.help,
    });
  }
}

/** JSON of an answer. @throws RowFault if it is something else */
function parsed(answer: HttpAnswer | RowFault): unknown {
  if (answer instanceof RowFault) throw answer;
  try {
    return JSON.parse(answer.text) as unknown;
  } catch {
    const start = answer.text.slice(0, 80);
    throw new RowFault("answer", `${answer.contentType || "no content type"}: ${start}`, "JSON");
  }
}

/** The user's wish to stop, told from the abort that one failed request causes in the others. */
export function interruptedBy(signal: AbortSignal | undefined, where: string, error: unknown): unknown {
  return signal?.aborted === true ? new Interrupted(where) : error;
}
