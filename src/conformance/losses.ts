import { stat } from "node:fs/promises";
import { join } from "node:path";
import {
  atTemperature,
  type DistillationLoss,
  forwardKl,
  generalizedJsd,
  reverseKl,
  skewForwardKl,
  skewReverseKl,
  softCrossEntropy,
  totalVariation,
} from "../distill/losses.ts";
import { openSafetensors } from "../formats/safetensors.ts";
import { gradients } from "../graph/autodiff.ts";
import { mul, sumAll } from "../graph/ops/index.ts";
import { input } from "../graph/value.ts";
import { Executable } from "../runtime/executable.ts";
import type { CaseResult, GoldenFolders } from "./case.ts";
import { Comparison } from "./compare.ts";

const TOLERANCE = { atol: 1e-6, rtol: 1e-4 };
const IGNORED = -100;

const LOSSES: Record<string, (parameter: number) => DistillationLoss> = {
  cross_entropy: () => softCrossEntropy,
  forward_kl: () => forwardKl,
  reverse_kl: () => reverseKl,
  jsd: generalizedJsd,
  skew_forward_kl: skewForwardKl,
  skew_reverse_kl: skewReverseKl,
  total_variation: () => totalVariation,
};

/** `<loss>[.beta0.1|.lambda0.1].tau2` as a loss, or undefined for a loss that is not known. */
function lossOf(name: string): DistillationLoss | undefined {
  const parts = /^(\w+?)(?:\.(?:beta|lambda)([\d.]+))?\.tau([\d.]+)$/.exec(name);
  const make = parts === null ? undefined : LOSSES[parts[1]!];
  return make === undefined ? undefined : atTemperature(make(Number(parts![2] ?? 0)), Number(parts![3]));
}

/** fixtures/losses.safetensors: value and gradient to the student's logits of each loss. */
export async function* losses({ fixtures }: GoldenFolders): AsyncGenerator<CaseResult> {
  const path = join(fixtures, "losses.safetensors");
  if ((await stat(path).catch(() => undefined)) === undefined) return;
  const golden = await openSafetensors(path);
  const labels = Array.from((await golden.readTyped("labels")) as BigInt64Array, Number);
  const counted = labels.map((label) => (label === IGNORED ? 0 : 1));
  const total = counted.reduce((a: number, b) => a + b, 0);
  const shape = golden.tensors.get("teacher")!.shape;
  const feeds = {
    teacher: (await golden.readFloat32("teacher")) as Float32Array<ArrayBuffer>,
    student: (await golden.readFloat32("student")) as Float32Array<ArrayBuffer>,
    weight: Float32Array.from(counted, (x) => x / total),
  };
  for (const key of [...golden.tensors.keys()].filter((name) => name.startsWith("value.")).sort()) {
    const name = key.slice("value.".length);
    const comparison = new Comparison(`losses/${name}`);
    const loss = lossOf(name);
    if (loss === undefined) {
      comparison.equal("loss", name, "a loss that is known here");
    } else {
      const student = input("student", "float32", shape);
      const each = loss(input("teacher", "float32", shape), student);
      const value = sumAll(mul(each, input("weight", "float32", shape.slice(0, -1))));
      const executable = await Executable.compile({ value, grad: gradients(value, [student])[0]! });
      const out = await executable.run(feeds);
      comparison.close("value", out.value as Float32Array, await golden.readFloat32(key), TOLERANCE);
      comparison.close("grad", out.grad as Float32Array, await golden.readFloat32(`grad.${name}`), TOLERANCE);
      await executable.dispose();
    }
    yield comparison.result();
  }
  await golden.close();
}
