import { Random } from "../random.ts";
import { between, sample, shuffled } from "./draw.ts";
import { NameBook } from "./names.ts";
import {
  CROPS,
  CURRENCIES,
  DEEDS,
  EMBLEMS,
  FESTIVALS,
  INNS,
  LANDMARKS,
  MONTHS,
  PRODUCTS,
  SETTINGS,
  STONES,
} from "./world_words.ts";

/** Somebody a text can speak about; the gender decides the pronoun. */
export interface Person {
  name: string;
  fullName: string;
  gender: "f" | "m";
}

/** A person the encyclopaedia knows. */
export interface Notable extends Person {
  trade: string;
  deed: string;
  home: Town;
  born: number;
}

export interface Country {
  name: string;
  capital: Town;
  ruler: Person;
  title: string;
  currency: string;
  crop: string;
  emblem: string;
  towns: Town[];
}

export interface River {
  name: string;
  source: Mountain;
  mouth: string;
  towns: Town[];
}

export interface Mountain {
  name: string;
  country: Country;
  feet: number;
  stone: string;
}

export interface Town {
  name: string;
  country: Country;
  river: River;
  product: string;
  landmark: string;
  inn: string;
  festival: string;
  month: string;
  founder: Person;
  founded: number;
  mayor: Person;
  people: number;
  setting: string;
  /** Position on the map, in days of walking east and north. */
  east: number;
  north: number;
}

/** The invented world all texts of one seed agree on. */
export interface World {
  /** The year in which letters, news and diaries are written. */
  year: number;
  countries: Country[];
  towns: Town[];
  rivers: River[];
  mountains: Mountain[];
  notables: Notable[];
  /** Given names free for the people of stories, by gender. */
  free: { f: string[]; m: string[] };
}

const COUNTRY_COUNT = 5;
const TOWNS_PER_COUNTRY = 4;
const RIVER_COUNT = 7;
const NOTABLE_COUNT = 16;

/** Draws a world from the seed: five countries, twenty towns, their rivers, mountains, rulers and inventions. */
export function drawWorld(seed: number): World {
  const random = new Random(seed, "demo/world");
  const names = new NameBook(random);
  const year = between(random, 640, 760);
  const dealt = <T>(list: readonly T[]) => {
    const pile = shuffled(random, list);
    return () => pile.pop()!;
  };
  const [product, landmark, inn, festival] = [dealt(PRODUCTS), dealt(LANDMARKS), dealt(INNS), dealt(FESTIVALS)];
  const [crop, currency, emblem, deed] = [dealt(CROPS), dealt(CURRENCIES), dealt(EMBLEMS), dealt(DEEDS)];
  const genders = alternating(random);
  const person = (): Person => {
    const gender = genders();
    const name = names.givenName(gender);
    return { name, gender, fullName: `${name} ${names.surname()}` };
  };

  // Capital, ruler and sources are set below, once what they point to exists.
  const countries = Array.from({ length: COUNTRY_COUNT }, () => {
    const ruler = person();
    const title = ruler.gender === "f" ? "Queen" : "King";
    return {
      name: names.country(),
      ruler,
      title,
      currency: currency(),
      crop: crop(),
      emblem: emblem(),
      towns: [] as Town[],
    };
  }) as unknown as Country[];
  const mountains = Array.from({ length: RIVER_COUNT }, (_, i) => ({
    name: names.mountain(),
    country: countries[i % COUNTRY_COUNT]!,
    feet: between(random, 30, 140) * 100,
    stone: random.pick(STONES),
  }));
  const seas = ["Sea", "Sea", "Sea", "Lake", "Lake"].map((kind) => names.water(kind));
  const rivers: River[] = shuffled(random, mountains).map((source, i) => ({
    name: names.river(),
    source,
    mouth: seas[i % seas.length]!,
    towns: [],
  }));

  const places = sample(random, grid(6, 5), COUNTRY_COUNT * TOWNS_PER_COUNTRY).sort((a, b) => a[0] - b[0]);
  const towns = places.map(([x, y], i): Town => {
    const country = countries[Math.floor(i / TOWNS_PER_COUNTRY)]!;
    const river = rivers[i % RIVER_COUNT]!;
    const town: Town = {
      name: names.town(),
      country,
      river,
      product: product(),
      landmark: landmark(),
      inn: inn(),
      festival: festival(),
      month: random.pick(MONTHS),
      founder: person(),
      founded: between(random, 101, year - 120),
      mayor: person(),
      people: between(random, 8, 95) * 100,
      setting: random.pick(SETTINGS),
      east: x * 3 + random.below(3),
      north: y * 3 + random.below(3),
    };
    country.towns.push(town);
    river.towns.push(town);
    return town;
  });
  for (const country of countries) country.capital = random.pick(country.towns);
  const notables = Array.from({ length: NOTABLE_COUNT }, (): Notable => {
    const work = deed();
    return { ...person(), ...work, home: random.pick(towns), born: between(random, year - 190, year - 80) };
  });
  return { year, countries, towns, rivers, mountains, notables, free: names.remaining() };
}

/** Days of walking between two towns, at least one. */
export function daysBetween(a: Town, b: Town): number {
  return Math.max(1, Math.round(Math.hypot(a.east - b.east, a.north - b.north)));
}

/** Where b lies as seen from a: "north", "south-east" … */
export function direction(a: Town, b: Town): string {
  const names = ["east", "north-east", "north", "north-west", "west", "south-west", "south", "south-east"];
  const turn = Math.atan2(b.north - a.north, b.east - a.east) / (2 * Math.PI);
  return names[(Math.round(turn * 8) + 8) % 8]!;
}

/** The four towns closest to this one, the nearest first. */
export function nearTowns(world: World, town: Town): Town[] {
  const distance = (b: Town) => Math.hypot(town.east - b.east, town.north - b.north);
  return world.towns
    .filter((other) => other !== town)
    .sort((a, b) => distance(a) - distance(b))
    .slice(0, 4);
}

function grid(width: number, height: number): [number, number][] {
  return Array.from({ length: width * height }, (_, i) => [i % width, Math.floor(i / width)]);
}

function alternating(random: Random): () => "f" | "m" {
  let pile: ("f" | "m")[] = [];
  return () => {
    if (pile.length === 0) pile = shuffled(random, ["f", "m", "f", "m"]);
    return pile.pop()!;
  };
}
