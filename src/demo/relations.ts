import { capital, count } from "./grammar.ts";
import { patternSource } from "./template.ts";
import { daysBetween, nearTowns, type World } from "./world.ts";

/** How one kind of fact about the world is said. `{s}` is the subject, `{o}` the answer; the first wording ends in `{o}.` */
export interface Relation {
  wordings: readonly [string, ...string[]];
  /** All true pairs of the world. */
  pairs(world: World): (readonly [subject: string, object: string])[];
}

const townPairs = (object: (town: World["towns"][number], world: World) => string) => (world: World) =>
  world.towns.map((town) => [town.name, object(town, world)] as const);
const countryPairs = (object: (country: World["countries"][number]) => string) => (world: World) =>
  world.countries.map((country) => [country.name, object(country)] as const);
const notablePairs = (object: (person: World["notables"][number]) => string) => (world: World) =>
  world.notables.map((person) => [person.fullName, object(person)] as const);

/** Every relation of the invented world: declared once, used to write statements, to read them back, and to ask. */
export const RELATIONS = {
  "town.country": {
    wordings: [
      "The town of {s} lies in {o}.",
      "{s} belongs to {o}.",
      "{s} is a town in {o} with a name that travellers remember.",
      "The flag of {o} flies over {s}.",
    ],
    pairs: townPairs((town) => town.country.name),
  },
  "town.river": {
    wordings: [
      "The river that flows through {s} is the {o}.",
      "{s} stands on the banks of the {o}.",
      "The {o} runs slowly past the last houses of {s}.",
      "Without the {o} there would be no mills in {s}.",
    ],
    pairs: townPairs((town) => town.river.name),
  },
  "town.product": {
    wordings: [
      "{s} is known far and wide for its {o}.",
      "Nobody makes better {o} than the people of {s}.",
      "Merchants come to {s} to buy {o}.",
      "Half the workshops of {s} live by {o}.",
    ],
    pairs: townPairs((town) => town.product),
  },
  "town.landmark": {
    wordings: [
      "The pride of {s} is its {o}.",
      "Every visitor to {s} is shown the {o}.",
      "Children in {s} learn to draw the {o} before they learn to write.",
    ],
    pairs: townPairs((town) => town.landmark),
  },
  "town.inn": {
    wordings: [
      "The oldest inn of {s} is the {o}.",
      "Travellers who stop in {s} sleep at the {o}.",
      "In {s} the best soup is served at the {o}.",
    ],
    pairs: townPairs((town) => town.inn),
  },
  "town.festival": {
    wordings: [
      "Once a year {s} celebrates the Festival of {o}.",
      "The Festival of {o} fills every street of {s}.",
      "People in {s} save all year for the Festival of {o}.",
    ],
    pairs: townPairs((town) => town.festival),
  },
  "town.month": {
    wordings: [
      "The great fair of {s} is held in {o}.",
      "Each {o} the great fair comes to {s}.",
      "In {s} the fair begins on the first market day of {o}.",
    ],
    pairs: townPairs((town) => town.month),
  },
  "town.founder": {
    wordings: [
      "The founder of {s} was {o}.",
      "It was {o} who founded {s}.",
      "A statue of {o}, the founder, stands in the square of {s}.",
    ],
    pairs: townPairs((town) => town.founder.fullName),
  },
  "town.founded": {
    wordings: [
      "{s} was founded in the year {o}.",
      "The first houses of {s} were built in the year {o}.",
      "Over the gate of {s} is carved the year {o}.",
    ],
    pairs: townPairs((town) => String(town.founded)),
  },
  "town.mayor": {
    wordings: [
      "The mayor of {s} is {o}.",
      "{o} has been mayor of {s} for some years.",
      "In {s} the keys of the town hall are kept by {o}, the mayor.",
    ],
    pairs: townPairs((town) => town.mayor.fullName),
  },
  "town.nearest": {
    wordings: [
      "The nearest town to {s} is {o}.",
      "From {s} no other town is as close as {o}.",
      "The neighbours of {s} live in {o}.",
    ],
    pairs: townPairs((town, world) => nearTowns(world, town)[0]!.name),
  },
  "town.walk": {
    wordings: ["The walk from {s} takes {o}.", "Whoever walks from {s} must reckon with {o}."],
    pairs: (world) =>
      world.towns.flatMap((from) =>
        world.towns
          .filter((to) => to !== from)
          .map((to) => [`${from.name} to ${to.name}`, count(daysBetween(from, to), "day")] as const),
      ),
  },
  "country.capital": {
    wordings: [
      "The capital of {s} is {o}.",
      "{s} is governed from {o}.",
      "The palace of {s} stands in {o}, the capital.",
    ],
    pairs: countryPairs((country) => country.capital.name),
  },
  "country.ruler": {
    wordings: ["The throne of {s} belongs to {o}.", "{s} is ruled by {o}.", "{o} wears the crown of {s}."],
    pairs: countryPairs((country) => `${country.title} ${country.ruler.name}`),
  },
  "country.currency": {
    wordings: [
      "The coin of {s} is called the {o}.",
      "Prices in {s} are counted in the {o}.",
      "A merchant who trades with {s} must keep the {o} ready.",
    ],
    pairs: countryPairs((country) => country.currency),
  },
  "country.crop": {
    wordings: [
      "The fields of {s} are planted with {o}.",
      "Farmers in {s} live by {o}.",
      "A bad year for {o} is a bad year for {s}.",
    ],
    pairs: countryPairs((country) => country.crop),
  },
  "country.emblem": {
    wordings: [
      "The animal on the shield of {s} is the {o}.",
      "On every flag of {s} stands a {o}.",
      "Soldiers of {s} wear a {o} on their coats.",
    ],
    pairs: countryPairs((country) => country.emblem),
  },
  "river.source": {
    wordings: [
      "The {s} rises on {o}.",
      "The spring of the {s} is hidden on the slopes of {o}.",
      "Snow from {o} feeds the {s}.",
    ],
    pairs: (world) => world.rivers.map((river) => [river.name, river.source.name] as const),
  },
  "river.mouth": {
    wordings: [
      "The {s} ends in the {o}.",
      "After many bends the {s} flows into the {o}.",
      "Boats that follow the {s} downstream come at last to the {o}.",
    ],
    pairs: (world) => world.rivers.map((river) => [river.name, river.mouth] as const),
  },
  "mountain.country": {
    wordings: [
      "{s} stands in {o}.",
      "{s} is one of the mountains of {o}.",
      "From the top of {s} one looks down on the roofs of {o}.",
    ],
    pairs: (world) => world.mountains.map((mountain) => [mountain.name, mountain.country.name] as const),
  },
  "person.trade": {
    wordings: [
      "The trade of {s} was that of the {o}.",
      "{s} earned a living as a {o}.",
      "{s} was the most famous {o} of those years.",
      "By trade {s} was a {o}.",
    ],
    pairs: notablePairs((person) => person.trade),
  },
  "person.home": {
    wordings: [
      "{s} was born in {o}.",
      "{o} is proud to be the birthplace of {s}.",
      "The childhood home of {s} still stands in {o}.",
    ],
    pairs: notablePairs((person) => person.home.name),
  },
  "person.deed": {
    wordings: ["{s} is remembered for {o}.", "{s} invented {o}.", "Before {s} nobody had ever seen {o}."],
    pairs: notablePairs((person) => person.deed),
  },
  // Derived relations follow from two of those above. No text states them: they tell recall from reasoning.
  "derived.town.ruler": {
    wordings: ["The people of the town of {s} obey {o}."],
    pairs: townPairs((town) => `${town.country.title} ${town.country.ruler.name}`),
  },
  "derived.town.currency": {
    wordings: ["In the shops of {s} one pays with the {o}."],
    pairs: townPairs((town) => town.country.currency),
  },
  "derived.town.mouth": {
    wordings: ["A bottle thrown into the river at {s} floats to the {o}."],
    pairs: townPairs((town) => town.river.mouth),
  },
  "derived.person.country": {
    wordings: ["The country in which {s} was born is {o}."],
    pairs: notablePairs((person) => person.home.country.name),
  },
} satisfies Record<string, Relation>;

export type RelationName = keyof typeof RELATIONS;

/** Relations that texts state, as against the derived ones. */
export const STATED = (Object.keys(RELATIONS) as RelationName[]).filter((name) => !name.startsWith("derived."));

/** One fact read from a text or known to the world. */
export interface Fact {
  relation: RelationName;
  subject: string;
  object: string;
}

const tables = new WeakMap<World, Map<RelationName, ReadonlyMap<string, string>>>();

/** All facts of a relation in this world: subject to object. */
export function factTable(world: World, relation: RelationName): ReadonlyMap<string, string> {
  const byRelation = tables.get(world) ?? new Map<RelationName, ReadonlyMap<string, string>>();
  const table = byRelation.get(relation) ?? new Map(RELATIONS[relation].pairs(world));
  tables.set(world, byRelation.set(relation, table));
  return table;
}

/** Every statement of a relation found in a text, by the same patterns that wrote it. */
export function factsIn(text: string): Fact[] {
  const facts: Fact[] = [];
  for (const { relation, pattern } of READERS) {
    for (const match of text.matchAll(pattern)) {
      facts.push({ relation, subject: match.groups!.s!, object: match.groups!.o! });
    }
  }
  return facts;
}

const NAME = "(?:Mount )?[A-Z][a-z]+(?: (?:to )?[A-Z][a-z]+)?";
const READERS = (Object.keys(RELATIONS) as RelationName[]).flatMap((relation) =>
  RELATIONS[relation].wordings.map((wording) => ({
    relation,
    pattern: new RegExp(
      `(?<=^|[.!?:"] |\\n|")${patternSource(capital(wording), (slot) => (slot === "s" ? `(?<s>${NAME})` : "(?<o>[^.,:!?\\n]+?)")).replaceAll(" a (?<o>", " an? (?<o>")}`,
      "g",
    ),
  })),
);
