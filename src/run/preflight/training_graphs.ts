import type { Value } from "../../graph/value.ts";
import type { CausalDescription } from "../../models/architecture.ts";
import { lossGraph } from "../../models/causal_graphs.ts";
import { type DistillationShape, distillationGraph, projections } from "../../train/distillation/graph.ts";
import { type TeacherParts, teacherGraph, teacherInputs } from "../../train/distillation/teacher.ts";
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
  const online = teacherInputs(teacher, teacherGraph(teacher, shape, partsOf(distill)));
  return {
    graph: distillationGraph(model, extra, shape, settings, { online }),
    parameters: model.parameterCount + extra.reduce((sum, { shape: [E = 0, D = 0] }) => sum + E * D, 0),
  };
}

/** What of a teacher beside the student a distillation reads. */
export function partsOf({ hidden, attention }: DistillationRecipe): TeacherParts {
  return { layerStates: hidden !== undefined, attention: attention !== undefined };
}
