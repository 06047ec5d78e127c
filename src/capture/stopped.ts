import { Interrupted } from "../errors.ts";
import type { StageContext } from "../progress.ts";

/** Does work in shards; where it is stopped, says how many of them are kept. @throws what the work throws */
export async function tellingKept<T>(
  work: () => Promise<T>,
  shards: { readonly finished: () => number; readonly total: number },
  context: StageContext,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof Interrupted) {
      const finished = shards.finished();
      const message =
        finished === 0
          ? `nothing was finished yet: ${shards.total} shards are to be made; with a smaller --shard-instances a stop costs less`
          : `${finished} of ${shards.total} shards are kept`;
      context.report({ type: "warning", stage: context.stage, message });
    }
    throw error;
  }
}
