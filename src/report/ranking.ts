import type { ScoreUnit } from "../score/bits_per_byte_record.ts";
import type { Group } from "./cast.ts";
import type { Contrast, Findings, GroupLoss } from "./findings.ts";

/** All students of a run on one held-out set, from the lowest loss to the highest. */
export interface Ranking {
  set: string;
  /** Bits per byte where the students read different tokens. */
  unit: ScoreUnit;
  places: { group: Group; loss: number }[];
  /** Those whose loss the intervals do not tell from the lowest. */
  level: Group[];
  /** Whether the lowest was compared with every other one. */
  complete: boolean;
}

/** The students ranked by loss, set by set; no entry for a set on which their losses share no unit. */
export function rankingsOf({ sets, losses, contrasts }: Pick<Findings, "sets" | "losses" | "contrasts">): Ranking[] {
  return sets.flatMap((set): Ranking[] => {
    const here = losses.filter((one) => one.set === set);
    const oneTokenizer = new Set(here.map(({ group }) => group.plan?.tokenizer)).size === 1;
    const lossOf = ({ mean, bitsPerByte }: GroupLoss) => (oneTokenizer ? mean : bitsPerByte?.mean);
    const places = here
      .flatMap((one) => {
        const loss = lossOf(one);
        return loss === undefined ? [] : [{ group: one.group, loss }];
      })
      .sort((a, b) => a.loss - b.loss);
    const [first, ...others] = places;
    if (first === undefined || places.length < here.length) return [];
    const pairs = others.map(({ group }) => ({ group, contrast: contrastOf(contrasts, set, first.group, group) }));
    return [
      {
        set,
        unit: oneTokenizer ? "nats_per_token" : "bits_per_byte",
        places,
        level: pairs.filter(({ contrast }) => contrast?.verdict === "unclear").map(({ group }) => group),
        complete: pairs.every(({ contrast }) => contrast !== undefined),
      },
    ];
  });
}

/** The comparison of two groups on a set, whichever of them it names first. */
export function contrastOf(contrasts: readonly Contrast[], set: string, a: Group, b: Group): Contrast | undefined {
  return contrasts.find(
    (one) => one.set === set && [a, b].every((group) => group === one.treatment || group === one.baseline),
  );
}
