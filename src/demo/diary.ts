import { between, sample } from "./draw.ts";
import { count, numberWord } from "./grammar.ts";
import { seasonOf, WEATHER } from "./scenery.ts";
import { tellAbout } from "./statements.ts";
import { ITEMS } from "./story_parts.ts";
import type { Person } from "./world.ts";
import { MONTHS } from "./world_words.ts";
import { type Author, Writer } from "./writer.ts";

/** A few days from somebody's diary: one thread goes on from entry to entry, and the weather has its say. */
export function diary(author: Author): string {
  const { world, random, decks } = author;
  const thread = decks.deal(THREADS);
  const month = thread.months === undefined ? random.below(12) : random.pick(thread.months);
  const season = seasonOf(month);
  const town = random.pick(world.towns);
  const friend: Person =
    random.below(2) === 0
      ? { name: random.pick(world.free.f), fullName: "", gender: "f" }
      : { name: random.pick(world.free.m), fullName: "", gender: "m" };
  const w = new Writer(
    author,
    {
      f: friend,
      town: town.name,
      item: sample(random, ITEMS, 1)[0]!.name,
      n: numberWord(between(random, 3, 20)),
      d: count(between(random, 2, 6), "day"),
      inn: town.inn,
      landmark: town.landmark,
      river: town.river.name,
    },
    season,
  );
  let day = between(random, 1, 6);
  thread.entries.forEach((entry, i) => {
    w.line(`{month} ${day}`, { month: MONTHS[month]! });
    const order = random.below(3);
    if (order === 0) w.say(WEATHER[season]);
    w.say(entry);
    if (order === 1) w.say(TRIFLES);
    if (i === 1) tellAbout(w, author, town, 1);
    if (order === 2) w.say(EVENING_THOUGHTS);
    w.paragraph();
    day += between(random, 1, 4);
  });
  return w.text();
}

const TRIFLES = [
  "Found a {item} in the attic and could not remember whose it was.",
  "{f.name} came by and stayed for {n} cups of tea.",
  "Cut my thumb on a tin. Swore quietly.",
  "Soup again, but with dumplings.",
  "The cat has had kittens in my hat.",
  "Read until midnight and am paying for it.",
  "Met {f.name} by the {landmark}; we talked about nothing and were late for everything.",
  "Lent my good umbrella. I know what that means.",
  "Mended two shirts and spoiled one.",
  "Somebody is learning the trumpet next door.",
  "Paid the rent and bought a cake with what was left.",
  "Dreamed that I could fly, but only indoors.",
];
const EVENING_THOUGHTS = [
  "I think that I am happy, but I shall check tomorrow.",
  "It is strange how loud a quiet house can be.",
  "I must learn to say no, or at least to say it sooner.",
  "Went to bed early and lay there listening to the {river}.",
  "If I live to be a hundred I shall not understand geese.",
  "Tomorrow I will begin to be orderly.",
  "One should write down the good days, since the bad ones are remembered anyway.",
  "The lamp is smoking, so I shall stop here.",
];

interface Thread {
  /** Months it can begin in, 0 … 11; any where left out. */
  months?: readonly number[];
  entries: readonly string[];
}

const THREADS: readonly Thread[] = [
  {
    months: [3, 4, 5],
    entries: [
      "A young swift lay under the eaves this morning, with one wing hanging. I have put it in a box with wool.",
      "The bird took {n} flies from my fingers. It has eyes like wet pepper.",
      "{f.name} says that I should not give it a name. I have given it a name.",
      "It beats its wings now, both of them, so that feathers fly about the room.",
      "I opened the window and held it up. For a moment it only looked. Then my hand was empty, and I could not tell which of the {n} above the roof was mine.",
    ],
  },
  {
    entries: [
      "I have decided to build a table. It cannot be so hard. A table is a board with four legs.",
      "Three of the legs are of the same length.",
      "Sawed a little off the long one. Now it is the short one.",
      "{f.name} came, looked, and said that it would make a very fine bench. We sawed together until dark.",
      "The bench stands in front of the house, and people sit on it. When they ask, I say that I had meant it to be a bench.",
    ],
  },
  {
    entries: [
      "No letter today either. It is {d} since the last coach from the south.",
      "The coach came without a letter. The driver said that the road was bad, and looked at the horses.",
      "I have cleaned all the windows, for one sees the road better so.",
      "{f.name} sat with me. We played cards, and I won {n} times, which shows how kind {f.he} is.",
      "A letter! It had been in the wrong bag, had travelled to the coast and back, and all is well. I read it four times, once aloud to the stove.",
    ],
  },
  {
    months: [8, 9],
    entries: [
      "First day in the new workshop. I swept the floor and was praised for the corners.",
      "Today I was allowed to hold the {item}. Not to use it, to hold it.",
      "Burned {n} pieces and was shouted at, in two languages.",
      "{f.name} showed me how to stand: the strength comes from the feet. Nobody had told me that it comes from the feet.",
      "Made one piece without a fault. The master turned it over, and said nothing, and put it on the shelf with the others. With the others!",
    ],
  },
  {
    entries: [
      "Bought a fiddle from a pedlar who wanted to be rid of it. Now I know why.",
      "It makes two sounds: a cat, and the same cat from farther away.",
      "Practised in the cellar, out of respect. The neighbour's potatoes have sprouted.",
      "{f.name} tuned it. So that was the matter! I played a whole line of a song, and one could tell which.",
      "Played at the {inn} tonight, one tune, the short one. Somebody tapped a foot. I saw it.",
    ],
  },
  {
    entries: [
      "{f.name} and I have fallen out, over a trifle. I shall not be the first to speak.",
      "Saw {f.him} at the market, buying leeks. We both looked at the same leek.",
      "It is {d} now. I have written a letter, a proud one, and have burned it.",
      'I went over with the {item} I had borrowed. {f.name} said, "I had quite forgotten that." I said, "So had I." We stood there like two posts.',
      "{f.name} came with leeks. We cooked them together and did not mention it, and it has gone away.",
    ],
  },
  {
    months: [9, 10],
    entries: [
      "Something walks about under the roof at night. It has small feet and large plans.",
      "Set a trap with cheese. In the morning the cheese was gone, and the trap was shut, and empty.",
      "Put flour on the boards. There are prints: {n} on the way in, and far more on the way out. It has guests.",
      "{f.name} lent me a cat. The cat slept on my bed, on my feet, and snored.",
      "Climbed up with a lantern and saw it at last: a dormouse, round as a bun, asleep in my winter cap. I have bought another cap.",
    ],
  },
  {
    months: [1, 2, 3],
    entries: [
      "Sowed {n} seeds in pots. The packet says melons. The window is crowded.",
      "Nothing.",
      "Still nothing. {f.name} tells me not to dig them up. I dug up only one.",
      "This morning a green loop stood in the third pot, like a needle's eye. By evening there were four.",
      "They have all come up, and they are not melons. {f.name} thinks they are cucumbers. I am fond of them anyway.",
    ],
  },
  {
    entries: [
      "I am walking to the coast, to see whether it is there. Slept at the {inn}.",
      "Walked for {n} miles. Shared my bread with a dog, or the dog shared it with me; we did not agree about that.",
      "Rain. A woman let me sleep in the barn, between two cows, who kept me warm and talked all night.",
      "From the last hill one can smell it. {f.name}, whom I met on the road, had smelled it too, and we began to run like children.",
      "It is there. It is larger than they say, and it does not stop to let one think. I have put some into a bottle for the people at home.",
    ],
  },
  {
    months: [11, 0, 1],
    entries: [
      "The stove has gone out, and the chimney sweep comes only on Friday. I write this in gloves.",
      "Moved my bed into the kitchen, next to the oven of {f.name}, who lives below and bakes at night.",
      "I have learned more about bread in {d} than in all my life. One must not open the door. I opened the door.",
      "The sweep came and pulled a whole pigeon's nest out of the pipe. The stove is roaring.",
      "It is warm, and I lie awake, and I miss the smell of bread. Tomorrow I shall go down and ask if I may knead.",
    ],
  },
];
