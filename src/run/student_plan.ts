import { type DistillationRecipe, type Recipe, ROLES } from "./recipe_schema.ts";
import type { StudentPlan } from "./record.ts";
import type { Role } from "./stages/run_inputs.ts";
import { STORED_TOP_K, storeFolder } from "./stages/teacher.ts";

type Student = Recipe["students"][number];

/** What a student is and what it learns, as the report tells it: from the recipe alone. */
export function studentPlan(recipe: Recipe, student: Student): StudentPlan {
  const { name, tokenizer, train } = student;
  const baseline = student.baseline ?? recipe.evaluate.baseline;
  return {
    family: String(train.model.model_type),
    method: methodOf(recipe, student),
    loss: lossInWords(student),
    text: student.selection in recipe.generate ? "teacher" : "selection",
    records: recordsOf(recipe, student),
    readsAlong: student.distill?.from === "teacher",
    ...(tokenizer !== undefined && { tokenizer }),
    ...(baseline !== undefined && baseline !== name && { baseline }),
    ...(train.flopsOf !== undefined && { flopsOf: train.flopsOf }),
  };
}

/** What a student minimises, in words that fit "trained with …". */
export function lossInWords({ distill, mask }: Pick<Student, "distill" | "mask">): string {
  const tokens = mask === undefined ? "" : `, on the tokens that the mask “${mask}” keeps`;
  if (distill === undefined) return `the plain language-modelling loss${tokens}`;
  const { weight, loss, coefficient, temperature, from, hidden, attention, onPolicy } = distill;
  const to = from === "store" ? "the teacher's stored outputs" : "the teacher";
  const details = [
    ...(coefficient === undefined ? [] : [`coefficient ${coefficient}`]),
    ...(temperature === 1 ? [] : [`temperature ${temperature}`]),
    ...(onPolicy === undefined ? [] : [ownText(onPolicy.share)]),
  ];
  const terms = [
    ...(weight < 1 ? [`${Number((1 - weight).toPrecision(3))} · language-modelling loss`] : []),
    `${weight} · ${inWords(loss)} to ${to}${details.length === 0 ? "" : ` (${details.join(", ")})`}`,
    ...(hidden === undefined ? [] : [`${hidden.weight} · ${inWords(hidden.loss)} of the hidden states`]),
    ...(attention === undefined ? [] : [`${attention.weight} · ${inWords(attention.loss)} of the attention`]),
  ];
  return `${terms.join(" + ")}${tokens}`;
}

function ownText(share: number): string {
  return share === 1 ? "on text of its own" : `${Number((share * 100).toPrecision(3))} % of it on text of its own`;
}

/** The name of a loss as people write it: cross_entropy -> cross-entropy, reverse_kl -> reverse KL. */
function inWords(loss: string): string {
  return loss
    .replace("cross_entropy", "cross-entropy")
    .replaceAll("_", " ")
    .replace(/\b(kl|jsd|mse)\b/, (word) => word.toUpperCase())
    .replace("generalized", "generalised");
}

/** The names that the field has for what a student does beside reading text. */
function methodOf(recipe: Recipe, student: Student): string {
  const { selection, distill, mask } = student;
  const learned = [
    ...(selection in recipe.generate ? ["SeqKD"] : []),
    ...(distill === undefined ? [] : [distillationName(distill)]),
  ];
  return [...(learned.length === 0 ? ["LM"] : learned), ...(mask === undefined ? [] : ["token mask"])].join(" + ");
}

function distillationName(distill: DistillationRecipe): string {
  const { loss, onPolicy, hidden, attention } = distill;
  const states = [hidden && "hidden states", attention && "attention"].filter((part) => part !== undefined);
  const matched = states.length === 0 ? "" : ` with ${states.join(" and ")}`;
  if (onPolicy !== undefined) return `${onPolicy.policyGradient ? "MiniLLM" : "GKD"}${matched}`;
  // Both have the gradient of plain soft targets.
  const plain = loss === "cross_entropy" || loss === "forward_kl";
  if (distill.from !== "store") return `${plain ? "vanilla KD" : `KD by ${inWords(loss)}`}${matched}`;
  return `stored top-${distill.topK ?? STORED_TOP_K} KD${plain ? "" : ` by ${inWords(loss)}`}`;
}

/** Stages that cost compute before this student could be trained: whose models, scores, outputs or text it learns from. */
function recordsOf(recipe: Recipe, { selection, distill, mask }: Student): string[] {
  const asked = new Set<Role>();
  const scored = new Set<Role>();
  const settings = recipe.select[selection];
  if (settings?.method === "difference" || mask !== undefined) for (const role of ROLES) scored.add(role);
  else if (settings !== undefined && "perplexityModel" in settings) scored.add(settings.perplexityModel);
  if (settings === undefined || distill !== undefined) asked.add("teacher");
  const store = distill && storeFolder(selection, distill);
  return [
    ...ROLES.filter((role) => (asked.has(role) || scored.has(role)) && "train" in recipe[role]).map(
      (role) => `models/${role}`,
    ),
    ...ROLES.filter((role) => scored.has(role)).map((role) => `score/${role}`),
    ...(settings === undefined ? [`generate/${selection}`] : []),
    ...(store === undefined ? [] : [store]),
  ];
}
