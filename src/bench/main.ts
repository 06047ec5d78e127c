import { HeartcutError } from "../errors.ts";
import { startGeneration } from "./generate.ts";
import { parseBenchOptions } from "./options.ts";
import { startSaliency } from "./saliency.ts";
import { startScoring } from "./score.ts";
import { startTasks } from "./tasks.ts";
import { median, secondsOf } from "./time.ts";
import { startTraining } from "./train.ts";
import type { StartWork } from "./work.ts";

const WORKS: Readonly<Record<string, StartWork>> = {
  train: startTraining,
  score: startScoring,
  saliency: startSaliency,
  generate: startGeneration,
  tasks: startTasks,
};

/** Times the same work as the peer: median over the steps that count, one JSON line. */
async function main(): Promise<void> {
  const options = parseBenchOptions(process.argv.slice(2));
  const work = await WORKS[options.work]!(options);
  const { warmUp = 2, asked } = work;
  const seconds: number[] = [];
  const executions: number[] = [];
  for (let i = 0; i < options.steps + warmUp; i++) {
    const step = work.prepare();
    seconds.push(await secondsOf(async () => void executions.push(await step())));
  }
  const s = median(seconds.slice(warmUp));
  console.log(
    JSON.stringify({
      peer: "heartcut",
      work: options.work,
      mode: "fp32",
      parameters: work.parameters,
      ...(asked ?? { batch: options.batch, seq: options.seq }),
      seconds: Number(s.toFixed(4)),
      ...(asked && { requests_per_second: Number((asked.requests / s).toFixed(1)) }),
      tokens_per_second: Number((work.tokensPerStep / s).toFixed(1)),
      first_step_seconds: Number(seconds[0]!.toFixed(2)),
      peak_rss_mb: Math.round(process.resourceUsage().maxRSS / 1024),
      execution_share: Number((median(executions.slice(warmUp)) / s).toFixed(3)),
    }),
  );
  await work.dispose();
}

await main().catch((error: unknown) => {
  if (!(error instanceof HeartcutError)) throw error;
  console.error(error.message);
  process.exitCode = error.code === "HC1143" ? 2 : 1;
});
