import type { Random } from "../random.ts";
import { sample, shuffled } from "./draw.ts";
import { factTable, RELATIONS, type RelationName, STATED } from "./relations.ts";
import type { World } from "./world.ts";
import { factKey } from "./writer.ts";

/** One question about the invented world: the answer follows the prompt after one space. */
export interface FactItem {
  id: string;
  relation: RelationName;
  subject: string;
  /** True where the generated texts state the fact; false where it only follows from two facts they state. */
  stated: boolean;
  /** How often the generated texts state it (0 for derived facts). */
  statements: number;
  /** Ends without a space. */
  prompt: string;
  answer: string;
  /** Three wrong answers of the same kind. */
  distractors: [string, string, string];
}

const STATED_ITEMS = 200;
const DERIVED_ITEMS = 50;
/** Nobody can be asked to remember what was said once. */
const MIN_STATEMENTS = 2;

/**
 * Cloze items about the world: 200 facts that texts state at least twice (fewer where a small corpus states fewer), spread evenly over
 * the relations, and 50 derived ones that no text states.
 * @param statements - how often each fact was stated, by factKey
 */
export function factItems(world: World, statements: ReadonlyMap<string, number>, random: Random): FactItem[] {
  const derived = (Object.keys(RELATIONS) as RelationName[]).filter((name) => !STATED.includes(name));
  return [
    ...draw(
      STATED,
      STATED_ITEMS,
      (relation, subject) => (statements.get(factKey(relation, subject)) ?? 0) >= MIN_STATEMENTS,
    ),
    ...draw(derived, DERIVED_ITEMS, () => true),
  ];

  function draw(relations: RelationName[], total: number, use: (relation: RelationName, subject: string) => boolean) {
    const piles = relations.map((relation) => {
      const subjects = [...factTable(world, relation).keys()].filter((subject) => use(relation, subject));
      return { relation, subjects: shuffled(random, subjects) };
    });
    const items: FactItem[] = [];
    while (items.length < total && piles.some((pile) => pile.subjects.length > 0)) {
      for (const { relation, subjects } of piles) {
        const subject = subjects.pop();
        if (subject !== undefined && items.length < total) items.push(item(relation, subject));
      }
    }
    return items;
  }

  function item(relation: RelationName, subject: string): FactItem {
    const table = factTable(world, relation);
    const answer = table.get(subject)!;
    const others = [...new Set(table.values())].filter((other) => other !== answer);
    return {
      id: `${relation}:${subject}`,
      relation,
      subject,
      stated: STATED.includes(relation),
      statements: statements.get(factKey(relation, subject)) ?? 0,
      prompt: RELATIONS[relation].wordings[0].replace("{s}", subject).replace(/ \{o\}\.$/, ""),
      answer,
      distractors: sample(random, others, 3) as [string, string, string],
    };
  }
}
