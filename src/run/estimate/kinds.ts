import type { CausalDescription } from "../../models/architecture.ts";
import type { DistillationRecipe } from "../recipe_schema.ts";

/** Kinds of work whose speeds differ. */
export type WorkName = "train" | "score" | "capture" | "generate";

/** One kind of work of a recipe, all that its speed depends on. */
export type Kind = { readonly length: number; readonly model: CausalDescription } & (
  | {
      readonly work: "train";
      readonly instances: number;
      readonly microBatch: number;
      readonly recompute: boolean;
      readonly documentBarrier: boolean;
      readonly distill: DistillationRecipe | undefined;
      /** Reads along. */
      readonly teacher: CausalDescription | undefined;
    }
  | { readonly work: "score"; readonly batchTokens: number }
  | { readonly work: "capture"; readonly batchTokens: number; readonly topK: number }
  | { readonly work: "generate"; readonly promptTokens: number; readonly temperature: number }
);

/** Kinds of one recipe: equal ones are one, under the label of the first. */
export class Kinds {
  private readonly byContent = new Map<string, string>();
  private readonly byLabel = new Map<string, Kind>();

  /** @param label - says which work it is, and of whom: "train teacher"   @returns the label it goes by */
  add(label: string, kind: Kind): string {
    const teacher = "teacher" in kind ? kind.teacher?.json : undefined;
    const content = JSON.stringify({ ...kind, model: kind.model.json, teacher });
    const known = this.byContent.get(content);
    if (known !== undefined) return known;
    this.byContent.set(content, label);
    this.byLabel.set(label, kind);
    return label;
  }

  /** The kind of a label; undefined for work of another engine, whose speed cannot be told from here. */
  get(label: string): Kind | undefined {
    return this.byLabel.get(label);
  }
}

/** How fast a kind of work is done. */
export interface Rate {
  readonly label: string;
  readonly work: WorkName;
  /** FLOPs in a second, as stages count them: median of the batches, and the tenths that were slowest and fastest. */
  readonly flopsPerSecond: { readonly median: number; readonly low: number; readonly high: number };
  /** Places of full instances in a second, at the median. */
  readonly tokensPerSecond: number;
  /** What the first batch takes longer than others: building and compiling its graphs. */
  readonly startSeconds: number;
  /** Batches that were timed; null for a machine that is only described. */
  readonly batches: number | null;
  /** Largest resident memory seen between batches, bytes. */
  readonly residentBytes: number | null;
}
