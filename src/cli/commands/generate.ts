import { HeartcutError } from "../../errors.ts";
import { type Define, numberWithin, wholeNumber } from "../command.ts";
import type { JobContext, JobResult } from "../job.ts";

/** Options of `heartcut generate`. */
export interface GenerateOptions {
  model: string;
  prompt: string;
  maxTokens: number;
  temperature: number;
  seed: number;
  device: string;
}

export const define: Define = (program, start) => {
  program
    .command("generate")
    .argument(
      "<model>",
      "Hugging Face folder or hf://owner/name, for example runs/quickstart/students/difference-seed1",
    )
    .description("Continue a text, or answer it with an encoder-decoder")
    .requiredOption("-p, --prompt <text>", "text to go on from")
    .option("--max-tokens <number>", "tokens to add at most", wholeNumber(), 64)
    .option("--temperature <number>", "0 takes the likeliest token each time", numberWithin(0, 10), 0)
    .option("--seed <number>", "for a temperature above 0", wholeNumber(0), 1)
    .option("--device <device>", "cpu, cuda, webgpu or auto", "auto")
    .action((model: string, options: Omit<GenerateOptions, "model">) => start("generate", { model, ...options }));
};

/** Continues a prompt with a model. @throws HeartcutError HC4206 for a prompt without a token; Interrupted on the signal */
export async function execute(options: GenerateOptions, context: JobContext): Promise<JobResult> {
  const { deviceChoice } = await import("../device_option.ts");
  const { loadTokenizer } = await import("../../tokenizers/tokenizer.ts");
  const { generateBatch } = await import("../../models/generate.ts");
  const { loadLanguageModel } = await import("../../models/load.ts");
  const { maskIdsOf } = await import("../../models/loss_mask.ts");
  const { localArguments } = await import("../hub_arguments.ts");
  const { model: folder } = await localArguments(context, { model: ["model", options.model] });
  const model = await loadLanguageModel(folder, { device: deviceChoice(options.device) });
  try {
    const tokenizer = await loadTokenizer(folder);
    const prompt = await tokenizer.encode(options.prompt, { addSpecialTokens: true });
    if (prompt.length === 0)
      throw new HeartcutError("HC4206", {
        what: "there is no text to go on from",
        found: `--prompt ${JSON.stringify(options.prompt)}, and the tokenizer puts no token of its own before it`,
        fix: 'give a prompt, for example --prompt "Once upon a time"',
      });
    const { maxTokens, temperature, seed } = options;
    const { eos } = tokenizer.specials;
    const { eosId } = maskIdsOf(model.description.json);
    const [made] = await generateBatch(model, [prompt], {
      maxNewTokens: maxTokens,
      temperature,
      ...(temperature > 0 && { seed }),
      signal: context.signal,
      stopIds: [eos ?? [], eosId ?? []].flat(),
    });
    const ids = made!;
    const completion = tokenizer.decode(ids, { skipSpecialTokens: true });
    // An encoder-decoder answers its prompt, a causal model goes on with it.
    const text = model.description.kind === "causal" ? options.prompt + completion : completion;
    return { text, data: { prompt: options.prompt, completion, tokens: [...ids] } };
  } finally {
    await model.dispose();
  }
}
