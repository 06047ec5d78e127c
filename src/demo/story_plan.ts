import { InternalError } from "../errors.ts";
import type { Random } from "../random.ts";
import { between, chance, sample, shuffled } from "./draw.ts";
import { fitsSeason, SEASONS, type Season } from "./scenery.ts";
import { CASES, type StoryCase } from "./story_cases.ts";
import { CHORES, type Chore, ITEMS, type Item, PLACES, type Place, TRAITS, type Trait } from "./story_parts.ts";
import type { Person, Town, World } from "./world.ts";

/** Somebody in a story who works at a place. */
export interface Character extends Person {
  place: Place;
}

/** One thing that happens. `from` and `to` say whose hands the item passes through, so that a plan can be checked. */
export type Step =
  | { kind: "need"; item: Item; first: boolean }
  | { kind: "hear"; item: Item; owner: Character }
  | { kind: "go"; to: Character; known: boolean }
  | { kind: "obstacle" }
  | { kind: "meet"; who: Character }
  | { kind: "ask"; who: Character; item: Item }
  | { kind: "trouble"; who: Character; chore: Chore; reward: string }
  | { kind: "chore"; who: Character; chore: Chore }
  | { kind: "gift" | "lend"; item: Item; from: Character }
  | { kind: "demand"; who: Character; item: Item; wants: Item }
  | { kind: "swap"; who: Character; gives: Item; gets: Item }
  | { kind: "price"; who: Character; item: Item; coins: number }
  | { kind: "wages"; from: Character; coins: number }
  | { kind: "buy"; from: Character; item: Item; coins: number }
  | { kind: "recall"; item: Item; teller: Character }
  | { kind: "find"; item: Item }
  | { kind: "grudge"; who: Character; item: Item }
  | { kind: "forgive"; from: Character; item: Item }
  | { kind: "home" }
  | { kind: "return"; item: Item; to: Character };

/** A story before it is told: who, where, what for, and what happens, in order. */
export interface StoryPlan {
  town: Town;
  season: Season;
  hero: Person;
  trait: Trait;
  heroPlace: Place;
  friend: Person;
  plot: StoryCase;
  solution: StoryCase["solutions"][number];
  steps: Step[];
}

const itemByName = new Map(ITEMS.map((item) => [item.name, item]));

/** Plans backwards from what the hero needs: every thing has an owner or a hiding place, and every owner a condition. */
export function planStory(world: World, random: Random, plot: StoryCase = random.pick(CASES)): StoryPlan {
  const cast = shuffled(random, [
    ...sample(random, world.free.f, 7).map((name) => ({ name, fullName: name, gender: "f" as const })),
    ...sample(random, world.free.m, 7).map((name) => ({ name, fullName: name, gender: "m" as const })),
  ]);
  const places = shuffled(random, PLACES);
  const solution = random.pick(plot.solutions);
  const steps: Step[] = [];
  const season = plot.season ?? random.pick(SEASONS);
  const chores = shuffled(random, CHORES).filter((chore) => fitsSeason(chore.complaint + chore.deed, season));
  const coined = new Set<string>(solution.needs);
  const debts: Step[] = [];
  let obstacles = between(random, 0, 2);
  const hero = cast.pop()!;
  const friend = cast.pop()!;
  const heroPlace = places.pop()!;

  const person = (trade?: string): Character => {
    const at = places.findIndex((place) => place.trade === trade);
    const place = at >= 0 ? places.splice(at, 1)[0]! : places.pop()!;
    return { ...cast.pop()!, place };
  };
  const visit = (who: Character) => {
    steps.push({ kind: "go", to: who, known: false });
    if (obstacles > 0 && chance(random, 0.4)) {
      obstacles--;
      steps.push({ kind: "obstacle" });
    }
    steps.push({ kind: "meet", who });
  };
  const obtain = (item: Item, depth: number) => {
    const owner = person(chance(random, 0.7) ? item.trade : undefined);
    const ways = ["chore", "lend", "buy", "find", "grudge", ...(depth < 2 && cast.length > 4 ? ["swap", "swap"] : [])];
    const way = random.pick(ways);
    if (way === "find") {
      visit(owner);
      steps.push({ kind: "ask", who: owner, item }, { kind: "recall", item, teller: owner });
      if (obstacles > 0) {
        obstacles--;
        steps.push({ kind: "obstacle" });
      }
      steps.push({ kind: "find", item });
      return;
    }
    steps.push({ kind: "hear", item, owner });
    visit(owner);
    steps.push({ kind: "ask", who: owner, item });
    if (way === "chore") {
      const chore = chores.pop()!;
      steps.push({ kind: "trouble", who: owner, chore, reward: item.name }, { kind: "chore", who: owner, chore });
      steps.push({ kind: "gift", item, from: owner });
    } else if (way === "lend") {
      steps.push({ kind: "lend", item, from: owner });
      debts.push({ kind: "return", item, to: owner });
    } else if (way === "grudge") {
      steps.push({ kind: "grudge", who: owner, item }, { kind: "forgive", item, from: owner });
    } else if (way === "buy") {
      const coins = between(random, 3, 12);
      steps.push({ kind: "price", who: owner, item, coins });
      const master = person();
      visit(master);
      const chore = chores.pop()!;
      steps.push({ kind: "trouble", who: master, chore, reward: "coins" }, { kind: "chore", who: master, chore });
      steps.push({ kind: "wages", from: master, coins });
      steps.push({ kind: "go", to: owner, known: true }, { kind: "buy", from: owner, item, coins });
    } else {
      const wants = random.pick(ITEMS.filter((other) => !coined.has(other.name)));
      coined.add(wants.name);
      steps.push({ kind: "demand", who: owner, item, wants });
      obtain(wants, depth + 1);
      steps.push({ kind: "go", to: owner, known: true }, { kind: "swap", who: owner, gives: wants, gets: item });
    }
  };

  solution.needs.forEach((name, i) => {
    const item = itemByName.get(name);
    if (!item) throw new InternalError(`story "${plot.title}" needs an unknown thing: ${name}`);
    steps.push({ kind: "need", item, first: i === 0 });
    obtain(item, solution.needs.length > 1 ? 1 : 0);
  });
  steps.push({ kind: "home" }, ...debts);
  return {
    season,
    town: random.pick(world.towns),
    hero,
    trait: random.pick(TRAITS),
    heroPlace,
    friend,
    plot,
    solution,
    steps,
  };
}

/** Replays a plan and names its first contradiction: giving what one does not hold, paying without coins, … */
export function contradiction(plan: StoryPlan): string | undefined {
  const held = new Set<string>();
  const met = new Set<Character>();
  const lent = new Set<string>();
  let coins = 0;
  let at: Place = plan.heroPlace;
  for (const step of plan.steps) {
    if (step.kind === "go") at = step.to.place;
    else if (step.kind === "meet") {
      if (met.has(step.who)) return `${step.who.name} is met twice`;
      met.add(step.who);
    }
    const other = "from" in step ? step.from : "who" in step ? step.who : undefined;
    if (other && other.place !== at) return `${other.name} is not where the hero is`;
    if (other && !met.has(other)) return `${other.name} acts before being met`;
    if (step.kind === "gift" || step.kind === "lend" || step.kind === "find" || step.kind === "forgive") {
      if (held.has(step.item.name)) return `the ${step.item.name} is obtained twice`;
      held.add(step.item.name);
      if (step.kind === "lend") lent.add(step.item.name);
    } else if (step.kind === "swap") {
      if (!held.delete(step.gives.name)) return `the ${step.gives.name} is given away but not held`;
      held.add(step.gets.name);
    } else if (step.kind === "wages") coins += step.coins;
    else if (step.kind === "buy") {
      coins -= step.coins;
      if (coins < 0) return `the ${step.item.name} is bought without money`;
      held.add(step.item.name);
    } else if (step.kind === "home") {
      const missing = plan.solution.needs.find((need) => !held.has(need));
      if (missing) return `the hero comes home without the ${missing}`;
    } else if (step.kind === "return") {
      if (!lent.delete(step.item.name)) return `the ${step.item.name} is returned but was not lent`;
    }
  }
  return lent.size > 0 ? `the ${[...lent][0]} is never returned` : undefined;
}
