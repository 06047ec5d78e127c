import { captureTeacher } from "../../src/capture/capture.ts";
import { quietContext } from "../../src/progress.ts";
import { bigramTeacher } from "./teacher.ts";

/** Child process of kill.test.ts: captures a slow bigram teacher until done or killed. */
const [instances, folder] = process.argv.slice(2);
const { teacher } = bigramTeacher(1);
await captureTeacher(
  {
    teacher: {
      ...teacher,
      async topLogProbs(sequences, options) {
        await new Promise((resolve) => setTimeout(resolve, 4));
        return teacher.topLogProbs(sequences, options);
      },
    },
    tokenizer: "c".repeat(64),
    instances: instances!,
    folder: folder!,
    topK: 8,
    batchTokens: 64,
    shardInstances: 8,
  },
  quietContext("capture"),
);
