import { stat } from "node:fs/promises";
import { join } from "node:path";
import { DISTILLATION_LOSSES, type DistillationLossName } from "../distill/distillation_losses.ts";
import { linearDistillation } from "../distill/linear_distillation.ts";
import { atTemperature, type DistillationLoss } from "../distill/losses.ts";
import { openSafetensors } from "../formats/safetensors.ts";
import { gradients } from "../graph/autodiff.ts";
import { mul, reshape, sumAll } from "../graph/ops/index.ts";
import { constant, input, type Value } from "../graph/value.ts";
import { Executable } from "../runtime/executable.ts";
import type { CaseResult, GoldenFolders } from "./case.ts";
import { Comparison } from "./compare.ts";
import { IGNORED } from "./golden_values.ts";

const TOLERANCE = { atol: 1e-6, rtol: 1e-4 };
/** Ids at the end of the student's vocabulary that the teacher does not have. */
const PADDING = 5;
/** Rows of the golden in one chunk of the form over hidden states. */
const CHUNK_ROWS = 4;

/** A golden's loss. */
interface GoldenLoss {
  readonly loss: DistillationLoss;
  readonly temperature: number;
}

/** `<loss>[.beta0.1|.lambda0.1].tau2` as a loss, or undefined for a loss that is not known. */
function lossOf(golden: string): GoldenLoss | undefined {
  const [, name = "", coefficient, temperature] =
    /^(\w+?)(?:\.(?:beta|lambda)([\d.]+))?\.tau([\d.]+)$/.exec(golden) ?? [];
  const known = (name === "jsd" ? "generalized_jsd" : name) as DistillationLossName;
  if (!Object.hasOwn(DISTILLATION_LOSSES, known)) return undefined;
  return { loss: DISTILLATION_LOSSES[known](Number(coefficient)), temperature: Number(temperature) };
}

/** The losses of logits [R,V] as those of a linear head: the identity, the student's with padding rows. */
function overHiddenStates({ loss, temperature }: GoldenLoss, teacher: Value, student: Value): Value {
  const V = student.shape[1]!;
  const head = (padding: number) => {
    const rows = new Float32Array((V + padding) * V).fill(0.5, V * V);
    for (let v = 0; v < V; v++) rows[v * V + v] = 1;
    return constant(rows, "float32", [V + padding, V]);
  };
  return linearDistillation(
    { hidden: student, head: head(PADDING) },
    { hidden: teacher, head: head(0) },
    loss,
    // Chunks of losses without a gradient rule of their own have a quarter of the rows.
    { temperature, logitsBudget: CHUNK_ROWS * (V + PADDING) },
  ).losses;
}

/**
 * fixtures/losses.safetensors: value and gradient to the student's logits of each loss, on logits and over hidden states
 * in chunks.
 */
export async function* losses({ fixtures }: GoldenFolders): AsyncGenerator<CaseResult> {
  const path = join(fixtures, "losses.safetensors");
  if ((await stat(path).catch(() => undefined)) === undefined) return;
  const golden = await openSafetensors(path);
  const labels = Array.from((await golden.readTyped("labels")) as BigInt64Array, Number);
  const counted = labels.map((label) => (label === IGNORED ? 0 : 1));
  const total = counted.reduce((a: number, b) => a + b, 0);
  const shape = [labels.length, golden.tensors.get("teacher")!.shape.at(-1)!];
  const feeds = {
    teacher: (await golden.readFloat32("teacher")) as Float32Array<ArrayBuffer>,
    student: (await golden.readFloat32("student")) as Float32Array<ArrayBuffer>,
    weight: Float32Array.from(counted, (x) => x / total),
  };
  for (const key of [...golden.tensors.keys()].filter((name) => name.startsWith("value.")).sort()) {
    const name = key.slice("value.".length);
    const comparison = new Comparison(`losses/${name}`);
    const known = lossOf(name);
    if (known === undefined) {
      comparison.equal("loss", name, "a loss that is known here");
    } else {
      const student = input("student", "float32", shape);
      const teacher = input("teacher", "float32", shape);
      const forms = {
        logits: atTemperature(known.loss, known.temperature)(teacher, student),
        chunks: overHiddenStates(known, teacher, student),
      };
      for (const [form, each] of Object.entries(forms)) {
        const value = sumAll(mul(reshape(each, [labels.length]), input("weight", "float32", [labels.length])));
        const executable = await Executable.compile({ value, grad: gradients(value, [student])[0]! });
        const out = await executable.run(feeds);
        comparison.close(`${form}: value`, out.value as Float32Array, await golden.readFloat32(key), TOLERANCE);
        const grad = await golden.readFloat32(`grad.${name}`);
        comparison.close(`${form}: grad`, out.grad as Float32Array, grad, TOLERANCE);
        await executable.dispose();
      }
    }
    yield comparison.result();
  }
  await golden.close();
}
