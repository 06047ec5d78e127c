import { describe, expect, it } from "vitest";
import { factItems } from "../../src/demo/facts.ts";
import { GENRES } from "../../src/demo/genres.ts";
import { GIVEN_NAMES } from "../../src/demo/names.ts";
import { factsIn, factTable, RELATIONS, type RelationName, STATED } from "../../src/demo/relations.ts";
import { CASES } from "../../src/demo/story_cases.ts";
import { contradiction, planStory } from "../../src/demo/story_plan.ts";
import { daysBetween, direction, drawWorld } from "../../src/demo/world.ts";
import { Author } from "../../src/demo/writer.ts";
import { Random } from "../../src/random.ts";

const SEEDS = [1, 2, 3, 2024];

describe.each(SEEDS)("world %i", (seed) => {
  const world = drawWorld(seed);
  it("has distinct names and consistent parts", () => {
    const names = [...world.countries, ...world.towns, ...world.rivers, ...world.mountains].map((x) => x.name);
    expect(new Set(names).size).toBe(names.length);
    expect(world.towns).toHaveLength(20);
    for (const country of world.countries) {
      expect(country.towns).toContain(country.capital);
      expect(country.title).toBe(country.ruler.gender === "f" ? "Queen" : "King");
      for (const town of country.towns) expect(town.country).toBe(country);
    }
    for (const river of world.rivers) for (const town of river.towns) expect(town.river).toBe(river);
    for (const town of world.towns) expect(town.founded).toBeLessThan(world.year);
    for (const a of world.towns)
      for (const b of world.towns) if (a !== b) expect(daysBetween(a, b)).toBe(daysBetween(b, a));
    const free = new Set([...world.free.f, ...world.free.m]);
    for (const person of world.notables) expect(free.has(person.name)).toBe(false);
    expect(Math.min(world.free.f.length, world.free.m.length)).toBeGreaterThan(20);
  });
  it("gives every relation one object per subject, and enough to choose from", () => {
    for (const relation of Object.keys(RELATIONS) as RelationName[]) {
      const pairs = RELATIONS[relation].pairs(world);
      expect(factTable(world, relation).size).toBe(pairs.length);
      expect(new Set(pairs.map(([, object]) => object)).size).toBeGreaterThanOrEqual(4);
      expect(RELATIONS[relation].wordings[0]).toMatch(/ \{o\}\.$/);
    }
  });
});

it("two seeds draw two worlds, one seed draws one", () => {
  const names = (seed: number) => drawWorld(seed).towns.map((town) => town.name);
  expect(names(1)).toEqual(names(1));
  expect(names(1)).not.toEqual(names(2));
});

it("directions follow the map", () => {
  const town = drawWorld(1).towns[0]!;
  expect(direction(town, { ...town, north: town.north + 5 })).toBe("north");
  expect(direction(town, { ...town, east: town.east - 5, north: town.north - 5 })).toBe("south-west");
});

describe("statements in texts", () => {
  const world = drawWorld(7);
  const author = new Author(world, new Random(7, "statements"));
  const texts = Object.values(GENRES).flatMap((genre) => Array.from({ length: 150 }, () => genre.write(author)));
  const facts = texts.flatMap(factsIn);

  it("are all true of the world when read back", () => {
    expect(facts.length).toBeGreaterThan(1000);
    const wrong = facts.filter((fact) => {
      const object = factTable(world, fact.relation).get(fact.subject);
      return object !== fact.object;
    });
    expect(wrong).toEqual([]);
  });
  it("cover every stated relation, and never a derived one", () => {
    const found = new Set(facts.map((fact) => fact.relation));
    expect([...found].sort()).toEqual([...STATED].sort());
  });
  it("agree with plain readings that share no code with the writer", () => {
    const text = texts.join("\n");
    const capitals = [...text.matchAll(/The capital of (\w+) is (\w+)\./g)];
    expect(capitals.length).toBeGreaterThan(5);
    for (const [, country, capital] of capitals) {
      expect(world.countries.find((c) => c.name === country)?.capital.name).toBe(capital);
    }
    const rivers = [...text.matchAll(/The river that flows through (\w+) is the (\w+)\./g)];
    expect(rivers.length).toBeGreaterThan(5);
    for (const [, town, river] of rivers) expect(world.towns.find((t) => t.name === town)?.river.name).toBe(river);
  });
  it("makes items whose answer is right and whose distractors are wrong", () => {
    const items = factItems(world, author.stated, new Random(7, "items"));
    expect(items.filter((item) => item.stated)).toHaveLength(200);
    expect(items.filter((item) => !item.stated)).toHaveLength(50);
    expect(new Set(items.map((item) => item.id)).size).toBe(250);
    for (const item of items) {
      expect(factTable(world, item.relation).get(item.subject)).toBe(item.answer);
      expect(new Set([item.answer, ...item.distractors]).size).toBe(4);
      expect(item.prompt).toBe(item.prompt.trim());
      expect(item.prompt).toContain(item.subject);
      expect(item.stated).toBe(item.statements >= 2);
    }
    // The answer after the prompt and one space is a sentence the texts may contain; a derived one is in none of them.
    const all = texts.join("\n");
    for (const item of items) if (!item.stated) expect(all).not.toContain(`${item.prompt} ${item.answer}`);
  });
});

describe("stories", () => {
  const world = drawWorld(11);
  it("follow plans without contradictions: nothing is given that is not held, lent things come back", () => {
    const random = new Random(11, "plans");
    for (const plot of CASES)
      for (let i = 0; i < 40; i++) {
        const plan = planStory(world, random, plot);
        expect(contradiction(plan)).toBeUndefined();
        for (const need of plan.solution.needs)
          expect(plan.plot.solutions.some((s) => s.needs.includes(need))).toBe(true);
      }
  });
  it("have their contradictions found when a step is missing", () => {
    const random = new Random(12, "plans");
    const giving = new Set(["gift", "lend", "find", "forgive", "swap", "buy", "wages", "meet"]);
    for (let i = 0; i < 200; i++) {
      const plan = planStory(world, random);
      const at = plan.steps.findIndex((step) => giving.has(step.kind));
      plan.steps.splice(at, 1);
      expect(contradiction(plan)).toBeDefined();
    }
  });
});

describe("pronouns", () => {
  const world = drawWorld(13);
  const author = new Author(world, new Random(13, "pronouns"));
  const gender = new Map<string, "f" | "m">();
  for (const g of ["f", "m"] as const) for (const name of GIVEN_NAMES[g]) gender.set(name, g);
  const PRONOUN: Record<string, "f" | "m"> = {
    he: "m",
    him: "m",
    his: "m",
    himself: "m",
    she: "f",
    her: "f",
    hers: "f",
    herself: "f",
  };

  it.each(["stories", "encyclopedia", "letters", "diary"])(
    "of %s refer to somebody of that gender named before in the paragraph",
    (source) => {
      let checked = 0;
      for (let i = 0; i < 400; i++) {
        for (const paragraph of GENRES[source]!.write(author).split("\n\n")) {
          const narration = paragraph.replace(/"[^"]*"/g, (quote) =>
            quote.replace(/\b(s?he|hi[ms]|hers?|(him|her)self)\b/gi, "_"),
          );
          const named = new Set<"f" | "m">();
          for (const [word] of narration.matchAll(/\p{L}+/gu)) {
            const of = gender.get(word);
            if (of) named.add(of);
            const pronoun = PRONOUN[word.toLowerCase()];
            if (pronoun === undefined) continue;
            checked++;
            if (!named.has(pronoun)) throw new Error(`"${word}" refers to nobody in: ${paragraph}`);
          }
        }
      }
      expect(checked).toBeGreaterThan(20);
    },
  );
});

it("no text holds an unfilled slot, a double space, a doubled article or an undefined value", () => {
  const author = new Author(drawWorld(17), new Random(17, "clean"));
  for (const genre of Object.values(GENRES))
    for (let i = 0; i < 120; i++) {
      const text = genre.write(author);
      expect(text).not.toMatch(
        /[{}[\]|]|undefined| {2}|\b(a|an|the) (a|an|the)\b|\ba (?!one\b)[aeio]\w|\.\.|,,| [.,;]/,
      );
      expect(text.length).toBeGreaterThan(100);
    }
});
