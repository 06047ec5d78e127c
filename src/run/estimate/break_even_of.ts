import { type CausalDescription, forwardFlopsPerToken } from "../../models/architecture.ts";
import type { Compute } from "../preflight/compute.ts";
import type { Recipe } from "../recipe_schema.ts";
import { type BreakEven, breakEven, SAVINGS, type StudentCost } from "./break_even.ts";

/** Break-even points of a recipe's students that are trained on a selection by the difference and on nothing else of the teacher's, equal ones once. */
export function breakEvens(
  recipe: Recipe,
  models: ReadonlyMap<string, CausalDescription>,
  compute: Compute,
  saving: number | undefined,
): BreakEven[] {
  const flopsOf = (stage: string) => {
    const work = compute.shared.find((each) => each.stage === stage);
    return work === undefined ? 0 : work.flops;
  };
  const sum = (parts: readonly (number | null)[]) =>
    parts.some((part) => part === null) ? null : parts.reduce<number>((all, part) => all + part!, 0);
  const offline = {
    teacherTraining: flopsOf("models/teacher"),
    rest: sum(["models/reference", "score/teacher", "score/reference"].map(flopsOf)),
  };
  const { length } = recipe.pack;
  const teacher = models.get("teacher");
  const costs = new Map<string, StudentCost>();
  for (const { name, selection, distill } of recipe.students) {
    const [model, work] = [models.get(name), compute.students.find((student) => student.name === name)];
    if (distill !== undefined || recipe.select[selection]?.method !== "difference") continue;
    if (model === undefined || work === undefined) continue;
    const cost = {
      positions: work.positions,
      own: 3 * forwardFlopsPerToken(model, length),
      teacher: teacher === undefined ? null : forwardFlopsPerToken(teacher, length),
    };
    const same = JSON.stringify(cost);
    if (!costs.has(same)) costs.set(same, { student: name, ...cost });
  }
  return [...costs.values()].flatMap((cost) => breakEven(offline, cost, saving === undefined ? SAVINGS : [saving]));
}
