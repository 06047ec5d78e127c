import { generateInstances } from "../../src/capture/sequences.ts";
import { quietContext } from "../../src/progress.ts";
import { sequencesInput } from "./writer.ts";

/** Child process of kill.test.ts: has a tiny teacher write texts until done or killed. */
const [instances, folder] = process.argv.slice(2);
const input = sequencesInput({ instances: instances!, promptTokens: 4 }, folder!);
await generateInstances({ ...input, shardSequences: 8, length: 60 }, quietContext("sequences"));
