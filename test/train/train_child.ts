import { quietContext } from "../../src/progress.ts";
import { trainModel } from "../../src/train/train.ts";
import { trainInput } from "./train_input.ts";

/** Trains into a folder, for tests that kill it: argv are the instances and the output folder. */
const [data, output] = process.argv.slice(2);
await trainModel(trainInput(data!, output!), quietContext("train"));
