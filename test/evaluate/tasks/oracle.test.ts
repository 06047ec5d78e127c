import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { gunzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { answered, taskOutcome } from "../../../src/evaluate/tasks/metrics.ts";
import { prepareTask } from "../../../src/evaluate/tasks/prepare.ts";
import { taskNamed } from "../../../src/evaluate/tasks/registry.ts";
import { byteTokenizer } from "./stand_ins.ts";

interface Oracle {
  requests: number;
  published_request_sha256: string;
  request_hash_matches: boolean;
  published_result: Record<string, number>;
  doc_order: number[];
  dummy_loglikelihood: number[];
}

const data = resolve(import.meta.dirname, "../../../../shared/data/zero_shot_eval");
const file = `${data}/lm_eval_v0_oracle.json.gz`;
const present = existsSync(file);
const oracles: [string, Oracle][] = present
  ? Object.entries(JSON.parse(gunzipSync(readFileSync(file)).toString()))
  : [["none", {} as Oracle]];

/**
 * The local rows do not keep ctx_b apart, so that the published requests cannot be made of them: this is the hash of what
 * the preprocessing of lm-evaluation-harness 0.4.13 makes of them.
 */
const HELLASWAG_LOCAL = "102598667d2b390d24a841ac9c985268dd42d2b7e159df0d6c896cf1b81a7c22";

describe.skipIf(!present)(
  present ? "figures that lm-evaluation-harness published" : "skipped: no shared fixtures",
  () => {
    test.each(oracles)("%s: all requests and the metrics of its dummy model", async (name, oracle) => {
      const tokenizer = byteTokenizer();
      const prepared = await prepareTask(taskNamed(name), { tokenizer, maxPositions: 1e6, data });
      const ordered = oracle.doc_order.map((docId) => prepared.items[docId]!);
      const requests = ordered.flatMap((item) =>
        item.requests.map(({ context, continuation }) => [context, continuation]),
      );
      expect(requests).toHaveLength(oracle.requests);
      expect(createHash("sha256").update(pythonJson(requests)).digest("hex")).toBe(
        oracle.request_hash_matches ? oracle.published_request_sha256 : HELLASWAG_LOCAL,
      );
      let next = 0;
      const answers = ordered.map((item) =>
        answered(
          prepared,
          item,
          item.requests.map(() => ({ logLikelihood: oracle.dummy_loglikelihood[next++]!, greedy: false })),
        ),
      );
      for (const { name: metric, value, stderr } of taskOutcome(prepared, answers).metrics) {
        expect(value, metric).toBeCloseTo(oracle.published_result[metric]!, 12);
        expect(stderr, metric).toBeCloseTo(oracle.published_result[`${metric}_stderr`]!, 12);
      }
    });
  },
);

/** json.dumps of Python for lists of texts: a space behind commas, all but ASCII escaped. */
function pythonJson(pairs: readonly (readonly string[])[]): string {
  const quoted = (text: string) =>
    JSON.stringify(text).replace(/[\u007f-\uffff]/g, (c) =>
      c === "\u007f" ? c : `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`,
    );
  return `[${pairs.map((pair) => `[${pair.map(quoted).join(", ")}]`).join(", ")}]`;
}
