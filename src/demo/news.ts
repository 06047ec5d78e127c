import { between, chance, sample } from "./draw.ts";
import { count, numberWord } from "./grammar.ts";
import { tellAbout } from "./statements.ts";
import { CHORES, PLACES } from "./story_parts.ts";
import type { Person, Town } from "./world.ts";
import { type Author, type Slots, Writer } from "./writer.ts";

interface Event {
  headline: string;
  lead: string;
  body: readonly string[];
  /** What a witness says. */
  quote: string;
}

/** A note from the newspaper of a town: what, who, how many, a witness, what comes next. */
export function news(author: Author): string {
  const { world, random, decks } = author;
  const [town, other] = sample(random, world.towns, 2) as [Town, Town];
  const before = between(random, 20, 90);
  const change = between(random, 3, 18);
  const [witness, hero] = sample(
    random,
    [...world.free.f.map((n) => [n, "f"] as const), ...world.free.m.map((n) => [n, "m"] as const)],
    2,
  ).map(([name, gender]): Person => ({ name, fullName: name, gender })) as [Person, Person];
  const place = random.pick(PLACES);
  const slots: Slots = {
    town: town.name,
    other: other.name,
    product: town.product,
    landmark: town.landmark,
    inn: town.inn,
    river: town.river.name,
    month: town.month,
    mayor: town.mayor,
    festival: town.festival,
    w: witness,
    p: hero,
    trade: place.trade,
    wtrade: random.pick(PLACES.filter((p) => p !== place)).trade,
    before: numberWord(before),
    after: numberWord(before + change),
    less: numberWord(before - change),
    change: numberWord(change),
    age: numberWord(between(random, 7, 88)),
    day: random.pick(["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]),
    hours: count(between(random, 2, 9), "hour"),
    trouble: decks.deal(CHORES).complaint,
  };
  const event = decks.deal(EVENTS);
  const w = new Writer(author, slots);
  w.line(event.headline);
  w.say(["{^town}, {day}.", "{^town}.", "From our reporter in {town}."]).say(event.lead);
  for (const sentence of event.body) w.say(sentence);
  w.paragraph().say(SPOKE, { quote: event.quote }).maybe(0.4, ASIDE);
  if (chance(random, 0.75)) tellAbout(w, author, town, 1 + random.below(2));
  return w.paragraph().say(NEXT).text();
}

const SPOKE = [
  '"{quote}," said {w.name}, the {wtrade}, who saw it all.',
  '"{quote}," {w.name} told this paper. {w.name} is a {wtrade} and not given to exaggeration.',
  '{w.name}, a {wtrade} of this town, put it like this: "{quote}."',
  'Asked for an opinion, the {wtrade} {w.name} replied, "{quote}."',
];
const ASIDE = [
  "Others remember it differently.",
  "A dog which was also present could not be questioned.",
  "The choir sang, although nobody had asked it to.",
  "There was applause, and then there was soup.",
];
const NEXT = [
  "The mayor, {mayor.full}, will speak about the matter on Sunday.",
  "The council meets again next week at the {inn}.",
  "This paper will report again as soon as more is known.",
  "Donations may be left at the {inn}, in the blue jar.",
  "Until then, citizens are asked to keep calm and to keep their hens indoors.",
  "Whoever knows more is asked to come to the town hall, by the side door.",
  "A song about it is already being sung in {other}.",
  "{mayor.full} has promised a new bench to remember the day by.",
];

const EVENTS: readonly Event[] = [
  {
    headline: "Water in the Lower Streets",
    lead: "After three days of rain the {river} left its bed and entered {before} cellars.",
    body: [
      "Boats took the place of carts, and {change} families spent the night in the school.",
      "Nobody was hurt, but a piano was seen travelling towards {other}.",
    ],
    quote: "It knocked at my door like a guest and then came in like a landlord",
  },
  {
    headline: "Price of Bread Rises",
    lead: "Since {day} a loaf has cost {after} pence in {town}, {change} more than the {before} of last month.",
    body: [
      "The bakers point to the millers, the millers to the farmers, and the farmers to the sky.",
      "In {other} the price has not moved.",
    ],
    quote: "Soon we shall slice it so thin that one can read through it",
  },
  {
    headline: "{^p.name} Wins the Great Race",
    lead: "{p.name}, {age} years old and by trade a {trade}, has won the boat race on the {river}.",
    body: [
      "Of {before} boats that started, {less} arrived, most of them the right way up.",
      "The prize was a ham, which {p.name} shared with the boat that came in last.",
    ],
    quote: "I closed my eyes and thought of the ham",
  },
  {
    headline: "Lost and Found",
    lead: "A box with {before} silver buttons was found on {day} behind the {landmark}.",
    body: [
      "The finder, {p.name}, a {trade}, carried it to the town hall at once.",
      "The owner need only say what is drawn on the {change} buttons that are different.",
    ],
    quote: "I counted them twice, and then I washed my hands of them",
  },
  {
    headline: "New School Opened",
    lead: "On {day} a new school was opened in {town}; it has room for {after} children, while the old one had {before} places.",
    body: [
      "The ribbon was cut by the youngest pupil, with help.",
      "{p.name}, formerly a {trade}, will teach sums and swimming.",
    ],
    quote: "When I was small we had one book, and somebody had eaten the end",
  },
  {
    headline: "The Thief of {town}",
    lead: "The disappearance of {before} spoons from the {inn} has been solved.",
    body: [
      "{p.name}, the {trade}, noticed something glitter in the gutter and fetched a ladder.",
      "All but {change} of the spoons lay in a nest. The magpie was released with a warning.",
    ],
    quote: "I suspected the cook, and I have begged the cook's pardon",
  },
  {
    headline: "Harvest Better Than Feared",
    lead: "The farmers around {town} have brought in {after} carts of grain, against {before} in the year before.",
    body: [
      "That is {change} more, in spite of the hail.",
      "The granary is full to the roof, and the mice are said to be pleased.",
    ],
    quote: "We prayed for rain, and then for no rain, and both prayers were heard, in the wrong order",
  },
  {
    headline: "Bridge Closed",
    lead: "The old bridge over the {river} will be closed from {day} on.",
    body: [
      "{p.name}, the {trade}, had put a foot through the planks, and {change} beams were found to be rotten.",
      "Until it is repaired a ferry will run every {hours}.",
    ],
    quote: "I always said it moved, and they always said it was me",
  },
  {
    headline: "A Wedding of Ninety",
    lead: "{p.name} and {w.name} have been married for {before} years, and the whole of {town} danced.",
    body: [
      "The couple met at the {inn}, where one of them had spilled soup on the other.",
      "{change} grandchildren carried the cake.",
    ],
    quote: "The secret is to fall asleep before the quarrel is finished",
  },
  {
    headline: "Fire in the Market",
    lead: "A fire broke out on {day} in the stall of {p.name}, the {trade}, and was put out in {hours}.",
    body: [
      "A chain of {before} people passed buckets from the {river}.",
      "{change} stalls were damaged, but all the {product} could be saved.",
    ],
    quote: "Never have I been so glad to be wet",
  },
  {
    headline: "Strange Light Above {town}",
    lead: "{before} citizens saw a green light over the {landmark} on {day} night.",
    body: [
      "It stayed for {hours} and went away without a sound.",
      "The teacher speaks of swamp gas; {p.name}, the {trade}, speaks of a lantern and two boys.",
    ],
    quote: "It was beautiful, and I would like to have it every week",
  },
  {
    headline: "Council Settles Dispute",
    lead: "For years two neighbours in {town} had quarrelled over a pear tree; on {day} the council gave its verdict.",
    body: [
      "The tree belongs to {p.name}, the pears belong to both, and the wasps to nobody.",
      "{before} people had come to listen, and {change} of them had brought pears.",
    ],
    quote: "It is a wise verdict, and the pears are not even good",
  },
  {
    headline: "Visitors from {other}",
    lead: "A delegation of {change} weavers, smiths and cooks from {other} has arrived in {town}.",
    body: [
      "They were shown the {landmark} and were given {product} to take home.",
      "In return they taught their hosts a dance with {before} steps.",
    ],
    quote: "They are just like us, only with different hats",
  },
  {
    headline: "Goat on the Town Hall",
    lead: "For {hours} on {day} a goat stood on the roof of the town hall in {town} and looked at the view.",
    body: [
      "{before} people gave advice, and {change} of them shouted it.",
      "In the end {p.name}, the {trade}, sat down beside it with a cabbage, and they came down together.",
    ],
    quote: "It was the best speech ever given from that roof",
  },
  {
    headline: "Readers Ask",
    lead: '"{trouble}," writes a reader from {town}. "What shall I do?"',
    body: [
      "We have put the question to {p.name}, who is a {trade} and has seen worse.",
      "{p.name} thinks that patience and {change} good friends will be needed.",
    ],
    quote: "Such things pass, and then there are others",
  },
];
