import { HeartcutError } from "../../errors.ts";
import { optional } from "./dialect.ts";
import type { HttpAnswer, HttpClient } from "./http.ts";
import { Passing, retryAfterMs } from "./retry.ts";

/**
 * Sorts out what a status other than 200 means, as far as it is the same for every question.
 * @throws Passing for 408, 429 and 5xx, which are safe to try again; HeartcutError HC3312 for a key that is refused
 */
export function checkStatus(client: HttpClient, answer: HttpAnswer): void {
  const { status } = answer;
  const said = `status ${status}: ${client.shown(messageOf(answer))}`;
  if (status === 408 || status === 429 || status >= 500) throw new Passing(said, retryAfterMs(answer.retryAfter));
  if (status === 401 || status === 403)
    throw new HeartcutError("HC3312", {
      what: "the server refuses the API key",
      where: client.name,
      found: said,
      fix: "name the environment variable that holds a valid key: apiKeyEnv",
    });
}

/** What a server says went wrong. */
export function messageOf({ text }: HttpAnswer): string {
  try {
    const json = JSON.parse(text) as unknown;
    const message = optional(json, "error", "message") ?? optional(json, "message") ?? optional(json, "error");
    return typeof message === "string" ? message : text;
  } catch {
    return text;
  }
}
