import { Random } from "../random.ts";
import { capital } from "./grammar.ts";
import { tellAbout } from "./statements.ts";
import type { Country, World } from "./world.ts";
import { type Author, Writer } from "./writer.ts";

const phrases = (text: string) =>
  text
    .trim()
    .split(",")
    .map((phrase) => phrase.trim().replace(/\s+/g, " "));

const LOOKS =
  phrases(`silver, crested, spotted, ringed, velvet, marbled, long-tailed, dwarf, scarlet, dusky, striped, horned,
  speckled, ivory, hooded, bearded, copper, masked, emerald, ashen, tufted, golden-eyed`);
const BEASTS =
  phrases(`thrush, marten, newt, moth, pike, vole, plover, squirrel, toad, dragonfly, weasel, finch, crayfish, polecat,
  lizard, nightjar, shrew, cricket, wagtail, beetle, grouse, hamster, salamander, snipe, mole, warbler`);
const HOMES =
  phrases(`hollow alders, abandoned quarries, flooded meadows, the lofts of old barns, thorn hedges, peat bogs, gravel
  banks, beech woods, the cracks of garden walls, reed beds, juniper heaths, steep vineyards, mossy ravines, orchards`);
const FOODS =
  phrases(`snails, thistle seeds, fallen plums, gnats, the roots of sorrel, hazelnuts, spiders, duckweed, acorns, young
  nettles, water fleas, rosehips, mushrooms, candle ends, earthworms, rowan berries`);
const SOUNDS =
  phrases(`a rusty hinge, somebody whistling for a dog, a wet finger on glass, a distant saw, two pebbles knocked
  together, a purring cat, a cork being pulled, rain on a tin roof, a child's rattle, a sigh, a creaking oar, a kettle`);
const HABITS =
  phrases(`sleeps upside down, lines its nest with wool, buries its food and forgets where, washes before every meal, walks
  backwards when frightened, mates for life, pretends to be dead, builds three nests and uses one, follows ploughs, sheds its tail,
  sunbathes with open wings, rolls into a ball, steals buttons, hums in its sleep, drums on hollow wood, migrates on foot`);
const SIZES = phrases(
  `thumb, walnut, slipper, hen's egg, loaf, teaspoon, cat, matchbox, fist, pine cone, sparrow, pigeon`,
);
const COVERS = phrases(
  "glossy, drab, chestnut, olive, pearly, sooty, cream-coloured, russet, bluish, mottled, amber, slate-grey",
);
const USES = [
  "Farmers welcome it, because it keeps the beans free of pests.",
  "Millers chase it away, and it comes back.",
  "Grandmothers say that it brings visitors.",
  "Its tracks are easily mistaken for those of a small umbrella.",
  "To see it by daylight is considered lucky, mainly because it is difficult.",
  "Poets have rhymed about it, and it has survived.",
  "It is protected by a law which is older than the courthouse.",
  "It is the only animal known to enjoy fog.",
  "In hard winters it comes into the kitchens and sits by the stove as though invited.",
  "Sailors paint it on the bow against headwinds.",
  "Its young are born blind, bald and very loud.",
  "Nobody has succeeded in taming it, though some have been tamed by it.",
];

interface Creature {
  name: string;
  country: Country;
  home: string;
  food: string;
  sound: string;
  habit: string;
  size: string;
  cover: string;
}

const COUNT = 48;
const known = new WeakMap<World, Creature[]>();

/** The animals of a world: drawn once, so that every text agrees on what they eat and where they live. */
export function creatures(world: World): readonly Creature[] {
  const ready = known.get(world);
  if (ready) return ready;
  const random = new Random(world.year, `demo/creatures/${world.towns[0]!.name}`);
  const names = new Set<string>();
  while (names.size < COUNT) names.add(`${random.pick(LOOKS)} ${random.pick(BEASTS)}`);
  const list = [...names].map((name) => ({
    name,
    country: random.pick(world.countries),
    home: random.pick(HOMES),
    food: random.pick(FOODS),
    sound: random.pick(SOUNDS),
    habit: random.pick(HABITS),
    size: random.pick(SIZES),
    cover: random.pick(COVERS),
  }));
  known.set(world, list);
  return list;
}

/** An entry about an animal of the world. */
export function creature(author: Author): string {
  const { decks, random, world } = author;
  const { name, country, ...rest } = decks.deal(creatures(world));
  const w = new Writer(author, { name, country: country.name, ...rest });
  w.line(capital(name));
  w.say([
    "The {name} is found only in {country}.",
    "Of all the animals of {country}, the {name} is the hardest to find.",
    "The {name} lives in {country} and nowhere else.",
  ]);
  w.say([
    "It is no larger than a {size}.",
    "A full-grown one has about the size of a {size}.",
    "Whoever expects more than a {size} will be disappointed.",
  ]);
  w.maybe(0.8, [
    "Its coat is {cover}, and paler underneath.",
    "In spring it is {cover}; later it fades.",
    "The young are dull, the old ones {cover}.",
  ]);
  w.say(["One meets it in {home}.", "Look for it in {home}, and be quiet.", "It makes its home in {home}."]);
  w.paragraph().say(["It feeds on {food}.", "Its food is {food}.", "All day it searches for {food}."]);
  w.say(["It {habit}, which has often been doubted.", "What is more, it {habit}.", "Like its cousins, it {habit}."]);
  w.maybe(0.8, [
    "Its call reminds one of {sound}.",
    "At night it makes a noise like {sound}.",
    "If you hear {sound} and see nothing, it was a {name}.",
  ]);
  w.maybe(0.8, USES);
  tellAbout(w, author, random.pick(country.towns), random.below(3));
  return w.text();
}
