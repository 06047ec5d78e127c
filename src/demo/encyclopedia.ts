import { creature } from "./creatures.ts";
import { sample, shuffled } from "./draw.ts";
import { count, list, numberWord, plural } from "./grammar.ts";
import type { RelationName } from "./relations.ts";
import { state, tellAbout } from "./statements.ts";
import {
  type Country,
  daysBetween,
  direction,
  type Mountain,
  type Notable,
  nearTowns,
  type River,
  type Town,
} from "./world.ts";
import { type Author, Writer } from "./writer.ts";

/** An entry of the world's encyclopaedia: towns most often, then people, countries, rivers, mountains, things. */
export function encyclopedia(author: Author): string {
  const { world, random, decks } = author;
  const draw = random.uniform();
  if (draw < 0.44) return town(author, decks.deal(world.towns));
  if (draw < 0.58) return notable(author, decks.deal(world.notables));
  if (draw < 0.7) return creature(author);
  if (draw < 0.84) return country(author, decks.deal(world.countries));
  if (draw < 0.92) return river(author, decks.deal(world.rivers));
  return mountain(author, decks.deal(world.mountains));
}

const TOWN_FACTS: readonly RelationName[] = [
  "town.river",
  "town.product",
  "town.landmark",
  "town.inn",
  "town.festival",
  "town.month",
  "town.founder",
  "town.founded",
  "town.mayor",
  "town.nearest",
];

function town(author: Author, subject: Town): string {
  const { random, world } = author;
  const w = new Writer(author, {
    town: subject.name,
    setting: subject.setting,
    people: numberWord(subject.people),
    stone: subject.river.source.stone,
  });
  w.line(["{town}", "{town} (town)", "The Town of {town}", "{town}, a Short Description"]);
  state(w, author, "town.country", subject.name);
  w.say(["It {setting}.", "The town {setting}.", "Seen from afar, it {setting}."]);
  w.maybe(0.6, [
    "About {people} people live there.",
    "At the last count it had {people} inhabitants.",
    "Its {people} citizens call themselves the people of {town}.",
  ]);
  for (const [i, relation] of sample(random, TOWN_FACTS, 4 + random.below(4)).entries()) {
    if (i === 2 || i === 5) w.paragraph();
    state(w, author, relation, subject.name);
    w.maybe(0.45, ELABORATE[relation] ?? TOWN_LIFE);
  }
  w.paragraph().say(TOWN_LIFE);
  const other = random.pick(nearTowns(world, subject));
  state(w, author, "town.walk", `${subject.name} to ${other.name}`);
  w.say(
    [
      "The road runs {direction} [and is good in dry weather|past old milestones|through woods and open fields].",
      "One leaves by the gate on the {direction} side [at sunrise|with good shoes|and meets few people on the way].",
    ],
    {
      direction: direction(subject, other),
    },
  );
  return w.text();
}

const ELABORATE: Partial<Record<RelationName, readonly string[]>> = {
  "town.river": [
    "In spring it brings timber from the hills, and in autumn it brings mud.",
    "Its water is brown after rain and so clear in winter that one can count the stones.",
    "Washing, fishing and shouting from the bridge are allowed on all days but Sunday.",
  ],
  "town.product": [
    "The craft is handed down from aunt to niece, and the best pieces never leave the town.",
    "An apprentice learns for seven years and spends the first of them sweeping the floor.",
    "Each workshop has a mark of its own, and forgers are made to eat their forgeries where that is possible.",
    "The secret is said to lie in patience; others say it lies in the water.",
  ],
  "town.landmark": [
    "It took thirty-one years to finish and was paid for by a tax on hats.",
    "It has burned down twice and was built again by the same family of carpenters.",
    "Lovers meet there at noon, and pickpockets a little earlier.",
    "Nobody knows who built it, which has not kept anyone from writing books about it.",
  ],
  "town.festival": [
    "On that day the mayor must dance, whether the mayor can or not.",
    "Work is forbidden from sunrise, and those who are caught working are thrown into the fountain.",
    "The oldest and the youngest citizen walk in front, hand in hand, and usually at the same speed.",
    "It remembers a hungry winter which ended on that very day.",
  ],
  "town.founder": [
    "The story goes that a mule lay down on this spot and refused to go on.",
    "Little is certain about those first years, except that they were wet.",
    "The first winter was spent under upturned boats, and the first law forbade snoring.",
  ],
  "town.inn": [
    "Its guest book is older than the roof.",
    "The beds are short, but the breakfasts are long.",
    "Kings and tinkers have slept under the same patched quilt there, though not at the same time.",
  ],
  "town.month": [
    "Horses, onions, news and bad teeth change hands there for a whole week.",
    "During those days every attic is let, and sleep is dear.",
    "Farmers mark their calves' birthdays by it.",
  ],
};
const TOWN_LIFE = [
  "The houses are built of {stone}, with narrow windows and wide doors.",
  "In the evening people carry their chairs out into the street and discuss the weather as if it could be changed.",
  "The school is free for all children, and so is the soup on Fridays.",
  "Visitors are advised to bring strong shoes and an appetite.",
  "The cats of the town belong to nobody and are fed by everyone.",
  "Quarrels between neighbours are settled by a jury of seven grandmothers.",
  "Every house has a blue door, because a merchant once ordered too much paint.",
  "The night watch still calls the hours, although there have been clocks for a long time.",
  "On clear days one can see the mountains, and on the others one can buy pictures of them.",
  "A library of four thousand volumes is open until midnight, provided that one brings a candle.",
  "Ships, carts and rumours arrive on Tuesdays.",
  "The local soup is made of leeks, smoked fish and a spoonful of vinegar.",
  "It is considered polite to praise the bread before asking the way.",
  "There are two choirs, which sing on different days in order to keep the peace.",
];

function country(author: Author, subject: Country): string {
  const { random } = author;
  const towns = subject.towns.map((t) => t.name);
  const w = new Writer(author, { name: subject.name, towns: list(shuffled(random, towns)), crop: subject.crop });
  w.line(["{name}", "{name} (country)", "The Country of {name}", "{name} and its Towns"]);
  w.say([
    "{name} is one of the five countries of the known world.",
    "Of the five countries, {name} is the one that mapmakers draw last.",
    "Travellers call {name} a country of short roads and long stories.",
  ]);
  const relations: RelationName[] = [
    "country.capital",
    "country.ruler",
    "country.currency",
    "country.crop",
    "country.emblem",
  ];
  for (const relation of shuffled(random, relations)) {
    state(w, author, relation, subject.name);
    w.maybe(0.35, COUNTRY_LIFE);
  }
  w.paragraph().say([
    "Its towns are {towns}.",
    "Four towns send a voice to the great council: {towns}.",
    "There are four towns of note, namely {towns}.",
  ]);
  for (const place of sample(random, subject.towns, 2)) tellAbout(w, author, place, 1);
  return w.maybe(0.7, COUNTRY_LIFE).text();
}

const COUNTRY_LIFE = [
  "The border is marked by white stones, which boys like to move.",
  "Its laws fill eleven books, ten of which concern fences.",
  "Every citizen may speak to the throne once in a lifetime, for as long as a candle burns.",
  "The army has four hundred soldiers and six hundred trumpets.",
  "Children go to school from six to fourteen and learn to swim before they learn to spell.",
  "A guest may stay for three days without being asked a single question.",
  'In the old tongue the name means something like "the place we stopped".',
  "The people are said to be slow to promise and quick to keep their word.",
  "Taxes may be paid in grain, in coin, or in songs about the treasury.",
  "It has not been at war for ninety years, and the cannons are used for planting flowers.",
];

function river(author: Author, subject: River): string {
  const { random } = author;
  const towns = subject.towns.map((t) => t.name);
  const w = new Writer(author, {
    name: subject.name,
    towns: list(towns),
    fish: random.pick(["trout", "pike", "eels", "carp", "perch"]),
  });
  w.line(["The {name}", "{name} (river)", "The River {name}"]);
  state(w, author, "river.source", subject.name);
  w.say(RIVER_LIFE);
  state(w, author, "river.mouth", subject.name);
  w.paragraph()
    .say([
      "On its way it passes {towns}.",
      "The towns on its banks are {towns}.",
      "Its water turns the mills of {towns}.",
    ])
    .say(RIVER_LIFE);
  for (const place of sample(random, subject.towns, 2)) {
    state(w, author, "town.river", place.name);
    tellAbout(w, author, place, 1);
  }
  return w.text();
}

const RIVER_LIFE = [
  "In its upper part it is a noisy brook between boulders.",
  "Flat boats carry grain down and salt up.",
  "Fishermen praise its {fish} and never agree on their length.",
  "It freezes one winter in ten, and then a market is held on the ice.",
  "Millers have argued about its water for three hundred years and have enjoyed every one of them.",
  "Where it is widest a ferry is pulled across on a rope by two oxen.",
  "The old people say that it hums before a flood.",
  "Willows hang over both banks, and herons stand under the willows.",
];

function mountain(author: Author, subject: Mountain): string {
  const { world, random } = author;
  const river = world.rivers.find((r) => r.source === subject)!;
  const w = new Writer(author, { name: subject.name, feet: numberWord(subject.feet), stone: subject.stone });
  w.line(["{name}", "{name} (mountain)", "The Climb of {name}"]);
  state(w, author, "mountain.country", subject.name);
  w.say([
    "It is {feet} feet high and made of {stone}.",
    "Surveyors give its height as {feet} feet.",
    "Its summit, {feet} feet above the sea, is a block of {stone}.",
  ]);
  state(w, author, "river.source", river.name);
  w.paragraph();
  for (let i = 0; i < 2 + random.below(2); i++) w.say(MOUNTAIN_LIFE);
  tellAbout(w, author, random.pick(subject.country.towns), 2);
  return w.text();
}

const MOUNTAIN_LIFE = [
  "Shepherds know four paths to the top and keep the best one to themselves.",
  "Snow lies in its hollows until June.",
  "A hut near the summit offers straw, firewood and a visitors' book full of bad verses.",
  "Eagles nest on the northern face, where nobody disturbs them.",
  "Miners once looked for silver there and found a great deal of lead.",
  "On its lower slopes grow blueberries, and where there are blueberries there are bears.",
  "When its cap of cloud comes down, farmers bring in the washing.",
  "The first person to reach the top was looking for a lost goat, which was already there.",
];

function notable(author: Author, subject: Notable): string {
  const { random } = author;
  const w = new Writer(author, {
    p: subject,
    deed: subject.deed,
    trade: subject.trade,
    trades: plural(subject.trade),
    born: String(subject.born),
    town: subject.home.name,
  });
  w.line("{p.full}");
  const relations: RelationName[] = ["person.home", "person.trade", "person.deed"];
  for (const relation of shuffled(random, relations)) {
    state(w, author, relation, subject.fullName);
    if (random.uniform() < 0.5) w.say(LIFE);
  }
  w.paragraph().say([
    "The year of {p.his} birth was {born}.",
    "{p.name} came into the world in the year {born}[, during a thunderstorm|, the youngest of nine children|].",
  ]);
  w.say(LIFE).maybe(0.6, LIFE);
  tellAbout(w, author, subject.home, 1 + random.below(2));
  const near = nearTowns(author.world, subject.home)[0]!;
  w.maybe(0.5, "{p.name} never travelled farther than {near}, {days} away.", {
    near: near.name,
    days: count(daysBetween(subject.home, near), "day"),
  });
  return w.text();
}

const LIFE = [
  "As a child {p.name} was thought slow, because {p.he} always asked one more question.",
  "{p.name} worked at night, when the street was quiet, and slept until the bakers were done.",
  "It is said that {p.name} made the first attempt out of a broken chair and a borrowed kettle.",
  "Seven attempts failed; {p.name} kept them all on a shelf, in order.",
  "{p.name} refused a medal from the throne and asked for a longer workbench instead.",
  "{^p.his} pupils became famous {trades} in their turn.",
  "In a letter {p.name} wrote that the idea had come while peeling potatoes.",
  "{p.name} was fond of pears, chess and long silences.",
  "Rivals claimed to have had the same idea, but none of them had built anything.",
  "{p.name} gave most of what {p.he} earned to the school and kept only the tools.",
  "Until the end {p.name} walked to the market every morning with an empty basket, just to hear the talk.",
];
