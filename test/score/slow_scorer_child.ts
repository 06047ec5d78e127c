import { quietContext } from "../../src/progress.ts";
import { scoreModel } from "../../src/score/score.ts";

/** Child process of kill.test.ts: scores a folder with a slow bigram model until done or killed. */
const [instances, folder] = process.argv.slice(2);
await scoreModel(
  {
    model: {
      async tokenNll(sequences) {
        await new Promise((resolve) => setTimeout(resolve, 4));
        return sequences.map((ids) =>
          Float32Array.from(ids.subarray(1), (id, t) => Math.abs(Math.sin(id * 7 + ids[t]!)) * 5),
        );
      },
    },
    modelFingerprint: "slow",
    vocabSize: 50,
    ids: { eosId: 0 },
    instances: instances!,
    folder: folder!,
    batchTokens: 64,
    shardInstances: 8,
    perToken: true,
  },
  quietContext("score"),
);
