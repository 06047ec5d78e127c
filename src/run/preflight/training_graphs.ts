import { input, type Value } from "../../graph/value.ts";
import type { CausalDescription } from "../../models/architecture.ts";
import { lossGraph } from "../../models/causal_graphs.ts";
import { weightInputs } from "../../models/weight_inputs.ts";
import { type DistillationShape, distillationGraph, projections } from "../../train/distillation/graph.ts";
import type { TeacherInputs } from "../../train/distillation/teacher.ts";
import type { DistillationRecipe } from "../recipe_schema.ts";
import { STORED_TOP_K } from "../stages/teacher.ts";

type Graph = Readonly<Record<string, Value>>;

/**
 * The graph that a training runs at every micro-batch, built to be looked at and not to be run.
 * @param teacher - reads along; undefined where nothing is learned of one, or from what is stored of it
 */
export function trainingGraph(
  model: CausalDescription,
  shape: DistillationShape,
  distill: DistillationRecipe | undefined,
  teacher: CausalDescription | undefined,
): { graph: Graph; parameters: number } {
  const { segments, ...rest } = shape;
  if (distill === undefined) {
    const graph = lossGraph(model, { ...rest, visibility: segments ? "segments" : "causal" });
    return { graph, parameters: model.parameterCount };
  }
  const { from: _from, topK = STORED_TOP_K, ...settings } = distill;
  if (teacher === undefined)
    return {
      graph: distillationGraph(model, [], shape, settings, { storedK: topK }),
      parameters: model.parameterCount,
    };
  const extra = settings.hidden === undefined ? [] : projections(model, teacher);
  const online = teacherInputs(teacher, teacherGraph(teacher, shape, distill));
  return {
    graph: distillationGraph(model, extra, shape, settings, { online }),
    parameters: model.parameterCount + extra.reduce((sum, { shape: [E = 0, D = 0] }) => sum + E * D, 0),
  };
}

/** What a teacher beside a student gives for a micro-batch: its last states, and where asked for those of its layers. */
export function teacherGraph(
  teacher: CausalDescription,
  { B, T, segments }: DistillationShape,
  { hidden, attention }: DistillationRecipe,
): Graph {
  const { get } = weightInputs(teacher, "float32");
  const out = teacher.architecture.states(get, {
    embeddings: teacher.architecture.embed(get, input("ids", "int32", [B, T])),
    ...(segments && { segments: input("visibility", "int32", [B, T]) }),
    layerStates: hidden !== undefined,
    attention: attention !== undefined,
  });
  const numbered = (kind: string, values: readonly Value[]) =>
    values.map((value, i) => [`${kind}.${i}`, value] as const);
  return {
    hidden: out.hidden,
    ...Object.fromEntries([...numbered("layer", out.layerStates), ...numbered("attention", out.attention)]),
  };
}

/** The same values as inputs of a student's graph. */
function teacherInputs(teacher: CausalDescription, graph: Graph): TeacherInputs {
  const fed = (name: string) => input(`teacher.${name}`, "float32", graph[name]!.shape);
  const all = (kind: string) =>
    Object.keys(graph)
      .filter((name) => name.startsWith(`${kind}.`))
      .map(fed);
  return {
    hidden: fed("hidden"),
    head: teacher.architecture.head((name) => {
      const { shape } = teacher.parameters.find((spec) => spec.name === name)!;
      return input(`teacher.${name}`, "float32", shape);
    }),
    layerStates: all("layer"),
    attention: all("attention"),
  };
}
