import { HeartcutError } from "../errors.ts";
import type { SafetensorsReader } from "../formats/safetensors.ts";
import { Random } from "../random.ts";
import type { ModelDescription } from "./architecture.ts";
import type { ParameterSpec } from "./parameters.ts";

/** Weights by HF tensor name, row-major float32. */
export type WeightStore = ReadonlyMap<string, Float32Array>;

const sizeOf = (spec: ParameterSpec) => spec.shape.reduce((a, b) => a * b, 1);

/** The shared table under the stacks' own names, and a bias that nothing reads, as older T5 files hold them. */
const T5_COPIES =
  /^((encoder|decoder)\.embed_tokens\.weight|decoder\.block\.0\.layer\.1\.EncDecAttention\.relative_attention_bias\.weight)$/;

/** Fresh weights: each tensor from a random stream of its own name, so that a wider model shares no draws by accident. */
export function initialWeights(
  { parameters }: { readonly parameters: readonly ParameterSpec[] },
  seed: number,
): Map<string, Float32Array> {
  return new Map(
    parameters.map((spec) => {
      const data = new Float32Array(sizeOf(spec));
      if (spec.init.kind === "ones") data.fill(1);
      else if (spec.init.kind === "normal") {
        const random = new Random(seed, `init/${spec.name}`);
        for (let i = 0; i < data.length; i++) data[i] = random.normal() * spec.init.std;
      } else if (spec.init.kind === "drawn") data.set(spec.init.draw(new Random(seed, `init/${spec.name}`)));
      return [spec.name, data];
    }),
  );
}

/**
 * Reads the weights a description asks for, as float32. The stored head of a tied model and buffers of old checkpoints
 * are left out; anything else that is missing, extra or misshapen is an error (HC1103).
 */
export async function readWeights(
  description: ModelDescription,
  reader: SafetensorsReader,
  where: string,
): Promise<Map<string, Float32Array>> {
  const fault = (what: string, found: string, expected: string) =>
    new HeartcutError("HC1103", {
      what,
      where,
      found,
      expected,
      fix: "check that config.json and the weights belong together",
    });
  const { buffers, prefix = "" } = description.kind === "causal" ? description.architecture : { buffers: T5_COPIES };
  // Files of a bare base model have no prefix; the head never has one.
  const bare = prefix !== "" && ![...reader.tensors.keys()].some((name) => name.startsWith(prefix));
  const storedName = (name: string) => (bare && name.startsWith(prefix) ? name.slice(prefix.length) : name);
  const stored = new Set(description.parameters.map((spec) => storedName(spec.name)));
  for (const name of reader.tensors.keys()) {
    const isHead = ["lm_head.weight", "embed_out.weight"].includes(name);
    if (!(stored.has(name) || buffers?.test(name) || (isHead && description.config.tied)))
      throw fault(
        "the weights hold a tensor that the model does not have",
        name,
        `tensors of ${description.config.modelType}`,
      );
  }
  const weights = new Map<string, Float32Array>();
  for (const spec of description.parameters) {
    const name = storedName(spec.name);
    const tensor = reader.tensors.get(name);
    if (tensor === undefined)
      throw fault("a tensor is missing from the weights", "(none)", `${spec.name} [${spec.shape}]`);
    if (tensor.shape.join() !== spec.shape.join())
      throw fault(
        `tensor ${spec.name} has another shape than config.json says`,
        `[${tensor.shape}]`,
        `[${spec.shape}]`,
      );
    weights.set(spec.name, await reader.readFloat32(name));
  }
  return weights;
}
