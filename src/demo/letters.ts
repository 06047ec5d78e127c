import { between, chance, sample, shuffled } from "./draw.ts";
import { count, numberWord } from "./grammar.ts";
import { SEASONS, WEATHER } from "./scenery.ts";
import { tellAbout } from "./statements.ts";
import { ITEMS } from "./story_parts.ts";
import { daysBetween, type Person } from "./world.ts";
import { type Author, type Slots, Writer } from "./writer.ts";

/** What a letter is for: its middle, and the line that comes back to it at the end. */
interface Errand {
  body: readonly string[];
  last: string;
}

const KIN = {
  f: ["sister", "cousin", "old friend", "niece", "aunt", "neighbour of long ago", "grateful pupil"],
  m: ["brother", "cousin", "old friend", "nephew", "uncle", "neighbour of long ago", "grateful pupil"],
};

/** A letter between two people in two towns of the world: greeting, news, one errand, farewell. */
export function letter(author: Author): string {
  const { world, random, decks } = author;
  const season = random.pick(SEASONS);
  const [here, there] = sample(random, world.towns, 2) as [(typeof world.towns)[number], (typeof world.towns)[number]];
  const [from, to, third, fourth] = people(author);
  const days = daysBetween(here, there);
  const slots: Slots = {
    from,
    to,
    t: third,
    e: fourth,
    here: here.name,
    there: there.name,
    inn: here.inn,
    days: count(days, "day"),
    weeks: numberWord(between(random, 2, 7)),
    n: numberWord(between(random, 3, 19)),
    item: random.pick(ITEMS).name,
    kin: random.pick(KIN[from.gender]),
    product: here.product,
    month: here.month,
  };
  const errand = decks.deal(ERRANDS);
  const w = new Writer(author, slots, season);
  w.line(["{here}, in the year {year}", "Written at {here}", "{here}, at the kitchen table", "{here}, late at night"], {
    year: String(world.year),
  });
  w.line(["Dear {to.name},", "My dear {to.name},", "Dearest {to.name},", "{to.name}, my dear,"]);
  w.say(THANKS).say(WEATHER[season]).maybe(0.5, NEWS);
  w.paragraph();
  tellAbout(w, author, chance(random, 0.7) ? here : there, 1 + random.below(2));
  w.say(NEWS).paragraph();
  for (const sentence of errand.body) w.say(sentence);
  w.paragraph().maybe(0.7, JOURNEY).say(errand.last).maybe(0.6, REGARDS);
  w.line(["Your {kin}", "With love, your {kin}", "As ever, your {kin}", "Yours, in haste and with ink on my sleeve,"]);
  return w.line("{from.name}").text();
}

function people(author: Author): [Person, Person, Person, Person] {
  const { random, world } = author;
  const women = sample(random, world.free.f, 2).map((name): Person => ({ name, fullName: name, gender: "f" }));
  const men = sample(random, world.free.m, 2).map((name): Person => ({ name, fullName: name, gender: "m" }));
  return shuffled(random, [...women, ...men]) as [Person, Person, Person, Person];
}

const THANKS = [
  "Your letter took {weeks} weeks and arrived with a corner missing, but the important part was still there.",
  "I was so glad of your letter that I read it aloud to the cat.",
  "You ask how I am. I am well, apart from my knees.",
  "Forgive me for not writing sooner; the ink was frozen, and later I was lazy.",
  "It is {weeks} weeks since you left, and your chair still looks empty.",
  "Today the postman brought your parcel, and I thank you for all of it, even for the socks.",
  "I meant to write on Sunday, but on Sunday the chimney caught fire.",
  "I have sharpened my pen three times, so this will be a long letter.",
];
const NEWS = [
  "{t.name} has bought a donkey and already regrets it.",
  "The baker's twins are walking now, each in a different direction.",
  "Our hens lay well, all but the white one, who prefers to think.",
  "The new teacher plays the fiddle, and half the school has caught it like a cold.",
  "Last week the roof of the wash house fell in, luckily on a Thursday, when nobody washes.",
  "{t.name} was ill for {n} days, but {t.he} is up again and complains about the soup, so all is well.",
  "We counted the jars in the cellar: {n} of plums, and one that nobody dares to open.",
  "I have learned to make paper boats from old bills, and it makes the bills much more pleasant.",
  "The old pear tree came down in the storm, and now we see the hills from the kitchen.",
  "A travelling theatre was here and played a comedy so sad that everybody asked for their money back.",
  "{t.name} has painted the gate green; it was meant to be blue.",
  "At the {inn} they have a parrot now which knows only one word, and it is not a polite one.",
  "The judge fined a goose for trespassing, and the goose has appealed.",
  "I am reading to the old ladies on Tuesdays. They correct me when I skip the murders.",
];
const JOURNEY = [
  "It is {days} of walking from here to {there}, I know, but the road is dry.",
  "From {here} to {there} it is only {days} on foot, and less if somebody gives you a ride.",
  "If it were not for the {days} between us, I would be at your door tomorrow.",
];
const REGARDS = [
  "{t.name} sends greetings and says that you still owe {t.him} a game of chess.",
  "Everyone here asks after you, even the dog.",
  "Write soon, and write legibly.",
  "Keep warm, eat properly, and do not lend money to {t.name}.",
  "I must close now, for the candle is nearly gone.",
  "Kiss the children for me, and the old horse too.",
];

const ERRANDS: readonly Errand[] = [
  {
    body: [
      "Now I have something to ask.",
      "[Could you|Would you be so good as to] send me a {item}? There is none to be had in all of {here}, and {e.name} has been asking every day.",
      "I will pay whatever it costs, and the carrier too.",
    ],
    last: "So please do not forget the {item}.",
  },
  {
    body: [
      "I must tell you that I was wrong.",
      "When we quarrelled about the {item} I said that you had lost it. Yesterday {e.name} moved the cupboard, and there it lay, behind it, grey with dust.",
      "You never said a word in your own defence, and that makes me more ashamed.",
    ],
    last: "Can you forgive me, and come and fetch it yourself?",
  },
  {
    body: [
      "You are invited!",
      "In {month}, when the fair is on, {e.name} is going to be married in our garden, and it would not be a wedding without you.",
      "There will be {n} guests, one fiddler and two kinds of cake. You can sleep in the room above the stable.",
    ],
    last: "Tell me by the end of the month if you can come, so that I know how many plums to stone.",
  },
  {
    body: [
      "I need your advice, because you were always the cleverer one.",
      "A merchant has offered to buy my share of the workshop. With the money I could travel for a year; without it I could go on making {product} until I am ninety.",
      "{e.name} says sell, my heart says stay, and my feet say nothing at all.",
    ],
    last: "What would you do in my place?",
  },
  {
    body: [
      "Now to the sad part.",
      "Old {e.name}, who taught us both to swim, died on Monday. It was quick, and the window was open, as {e.he} wanted.",
      "There was a {item} on the table with your name on it. I am keeping it for you.",
    ],
    last: "Think of {e.him} when you next jump into cold water.",
  },
  {
    body: [
      "I have a new post!",
      'From next month I shall be keeping the books of the harbour office. {e.name} spoke for me, although I still spell "receipt" in {n} different ways.',
      "The pay is small, but there is a stove, and a window with ships in it.",
    ],
    last: "When you come, I shall show you every single stamp.",
  },
  {
    body: [
      "You ask about the journey.",
      "On the first day I walked with a tinker who knew {n} songs, all about the same dog. On the second I lost my hat. On the third I reached {here}, and {e.name} was standing at the gate with a lantern, just as promised.",
      "My shoes are finished, but I am not.",
    ],
    last: "Next time you must come along, and I shall bring a spare hat.",
  },
  {
    body: [
      "The {item} which you lent me has done its work, and I am sending it back with the carrier.",
      "Look at it closely: {e.name} has mended the crack so well that you will have to search for it.",
      "In the same box you will find a cheese. That is the interest.",
    ],
    last: "Tell me when the {item} arrives, and whether the cheese does.",
  },
  {
    body: [
      "I have been thinking about what you wrote, that nothing ever happens to you.",
      "Yesterday {e.name} and I sat by the water for a whole afternoon, and nothing happened either: a fish jumped, a boat passed, the shadows grew long. I would not exchange it for a war or a coronation.",
      "Perhaps nothing is what we should write about more often.",
    ],
    last: "So write to me about your nothing, and leave nothing out.",
  },
  {
    body: [
      "We have had thieves, or so we believed.",
      "First a spoon was missing, then a buckle, then the {item}. {e.name} sat up for {n} nights with a broom.",
      "At last we saw a magpie come down the chimney, as bold as a landlord. In its nest was everything, and a ring which belongs to none of us.",
    ],
    last: "You have not lost a ring, by any chance?",
  },
];
