import { between, chance, sample } from "./draw.ts";
import { capital, count, list, numberWord, plural } from "./grammar.ts";
import { MONTHS } from "./world_words.ts";
import { type Author, Writer } from "./writer.ts";

/** Instructions in order: sowing, cooking, mending, dyeing, keeping animals, making things. */
export function howto(author: Author): string {
  return author.decks.deal(KINDS)(author);
}

const KINDS = [grow, grow, soup, soup, dye, animal, animal, make, make, make];

/** Writes steps as a numbered list or as prose with "first", "then", "finally"; the same order either way. */
function steps(w: Writer, author: Author, items: readonly string[]): string {
  if (chance(author.random, 0.5)) {
    items.forEach((item, i) => {
      w.line(`${i + 1}. {step}.`, { step: capital(item) });
    });
    return w.text("\n");
  }
  const last = items.length - 1;
  items.forEach((item, i) => {
    const lead = i === 0 ? FIRST : i === last ? LAST : NEXT;
    w.say(`${author.decks.deal(lead)} {step}.`, { step: item });
    if (i === Math.floor(last / 2)) w.paragraph();
  });
  return w.text();
}
const FIRST = ["First", "To begin with,", "Before anything else,"];
const NEXT = ["Then", "After that,", "Next,", "When this is done,", "Now"];
const LAST = ["Finally", "At the very end,", "Last of all,"];

const SEEDS =
  "beans peas carrots radishes onions leeks pumpkins lettuces beets spinach cucumbers sunflowers parsley dill poppies marigolds turnips garlic melons cabbages".split(
    " ",
  );
const PESTS = [
  ["snails", "a ring of ashes"],
  ["mice", "a few cloves of garlic"],
  ["pigeons", "strips of cloth on a string"],
  ["ants", "a cup of strong mint tea"],
  ["caterpillars", "a walk along the rows every evening, with a bucket"],
] as const;

function grow(author: Author): string {
  const { random, decks } = author;
  const sown = between(random, 1, 4);
  const weeks = between(random, 6, 14);
  const [pest, cure] = decks.deal(PESTS);
  const w = new Writer(author, {
    plant: decks.deal(SEEDS),
    sown: MONTHS[sown]!,
    ripe: MONTHS[sown + Math.round(weeks / 4.3)]!,
    weeks: count(weeks, "week"),
    deep: count(between(random, 1, 4), "finger"),
    apart: count(between(random, 1, 3), "hand"),
    pest,
    cure,
  });
  w.line(["How to grow {plant}", "{^plant} from your own garden", "Growing {plant}, step by step"]);
  w.say([
    "Nothing is easier than {plant}, if one begins in time.",
    "Even a small garden has room for {plant}.",
    "People who say that {plant} are difficult have never watered them.",
  ]).paragraph();
  return steps(w, author, [
    "dig the bed [as deep as the spade|in autumn and again in {sown}] and take out every stone",
    "sow the seeds in {sown}, {deep} deep and {apart} apart",
    "water them [in the evening|with a fine spray|gently], so that the soil is moist but never soaked",
    "[thin out the weakest plants|tie the young plants to sticks|pull the weeds while they are small]",
    "protect them from {pest} with {cure}",
    "begin to harvest after {weeks}, in {ripe}; [the smallest taste best|leave a few for seed|do it on a dry morning]",
  ]);
}

const ROOTS = ["carrot", "parsnip", "turnip", "potato", "leek", "onion", "beet", "pumpkin"];
const RICH = [
  "a slice of smoked bacon",
  "a piece of butter",
  "a cup of cream",
  "a handful of grated cheese",
  "two spoonfuls of oil",
];
const HERBS = ["thyme", "parsley", "bay leaves", "dill", "marjoram", "lovage", "chives", "sage"];

function soup(author: Author): string {
  const { random } = author;
  const [a, b, c] = sample(random, ROOTS, 3) as [string, string, string];
  const eaters = between(random, 3, 8);
  const w = new Writer(author, {
    a: plural(a),
    b: plural(b),
    one: a,
    people: numberWord(eaters),
    amount: numberWord(eaters + 1),
    all: list([plural(a), plural(b), plural(c)]),
    rich: random.pick(RICH),
    herb: random.pick(HERBS),
    minutes: count(between(random, 4, 9) * 5, "minute"),
    cups: count(eaters * 2, "cup"),
  });
  w.line(["{^one} soup for {people}", "A soup of {all}", "How to cook {one} soup"]);
  w.say([
    "This soup feeds {people} and costs next to nothing.",
    "On a cold day there is nothing better for {people} hungry people.",
    "The secret of this soup is that nobody hurries it.",
  ]);
  w.say("You need {all}, {rich}, salt and some {herb}.").paragraph();
  return steps(w, author, [
    "peel {amount} {a} and cut them into pieces [the size of a thumb|as small as dice|of equal size]",
    "warm {rich} in a heavy pot and let the {a} [turn gold|soften] in it",
    "add the {b} and whatever else is waiting, and stir [with a wooden spoon|until the kitchen smells good]",
    "pour in {cups} of water and let everything simmer for {minutes}",
    "season with salt and {herb}, [taste, and taste again|but with a light hand]",
    "serve it hot, [with bread|in warm bowls|and keep some for tomorrow, when it is better]",
  ]);
}

const DYES = [
  ["onion skins", "golden yellow"],
  ["walnut shells", "deep brown"],
  ["elderberries", "soft violet"],
  ["madder root", "brick red"],
  ["nettle leaves", "greyish green"],
  ["woad leaves", "clear blue"],
  ["oak bark", "warm grey"],
  ["beet peel", "pale pink"],
] as const;

function dye(author: Author): string {
  const { random, decks } = author;
  const [plant, colour] = decks.deal(DYES);
  const w = new Writer(author, {
    plant,
    colour,
    hours: count(between(random, 1, 5), "hour"),
    cloth: random.pick(["wool", "linen", "cotton", "an old shirt", "silk"]),
  });
  w.line(["Dyeing with {plant}", "How to dye {cloth} a {colour}", "{^colour} from {plant}"]);
  w.say([
    "With {plant} one can dye {cloth} a {colour} that lasts for years.",
    "Throw no {plant} away: they give a {colour}.",
  ]).paragraph();
  return steps(w, author, [
    "wash {cloth} in warm water without rubbing",
    "fill a large pot with {plant}, cover them with water and boil them for {hours}",
    "strain the brew through a cloth, since [bits leave spots|leaves stick to everything]",
    "stir in a spoonful of alum, which makes the colour hold",
    "put {cloth} into the brew and keep it moving [with a stick|for as long as it takes to sing nine songs]",
    "rinse it until the water stays clear, and hang it in the shade; it will be {colour} when it is dry",
  ]);
}

const ANIMALS = [
  ["hen", "grain, greens and crushed shells", "a dry house with a perch", "foxes", "eggs"],
  ["goat", "hay, twigs and anything you value", "a shed on stony ground", "boredom", "milk"],
  ["rabbit", "hay, dandelions and carrot tops", "a hutch raised from the ground", "draughts", "company"],
  ["bee", "whatever blooms within a mile", "a hive that faces the morning sun", "damp", "honey"],
  ["duck", "snails, peas and soaked bread", "a pond and a small door", "martens", "eggs and fewer snails"],
  ["donkey", "straw, thistles and a little oats", "a roof and one friend", "wet feet", "patience and transport"],
  ["pigeon", "peas, barley and grit", "a loft with many doors", "hawks", "letters carried home"],
  ["cat", "mice and whatever you are eating", "a chair by the stove", "closed doors", "a house without mice"],
  ["sheep", "short grass and a lick of salt", "a wall against the wind", "wolves", "wool"],
] as const;

function animal(author: Author): string {
  const [one, food, house, danger, gift] = author.decks.deal(ANIMALS);
  const w = new Writer(author, {
    one,
    many: plural(one),
    food,
    house,
    danger,
    gift,
    n: numberWord(between(author.random, 2, 9)),
  });
  w.line(["How to keep {many}", "Your first {n} {many}", "Advice for keepers of {many}"]);
  w.say([
    "Begin with {n} {many}, not more.",
    "Whoever wants {gift} should think of keeping {many}.",
    "A {one} asks for little, but it asks for it every day.",
  ]).paragraph();
  return steps(w, author, [
    "build or find {house}",
    "[bring the {many} home in the evening|let the {many} look about in peace for a day], so that they learn where they belong",
    "feed them {food}, [always at the same hour|once in the morning and once at night]",
    "give them fresh water and look at each of them closely; [a quiet {one} is often a sick one|eyes should be bright]",
    "protect them from {danger}",
    "be patient, and your reward will be {gift}",
  ]);
}

const CRAFTS: readonly (readonly [string, string, readonly string[]])[] = [
  [
    "a kite",
    "paper, two thin sticks, glue and a long string",
    [
      "tie the sticks together in the form of a cross",
      "run a thread around the four ends",
      "lay the frame on the paper, cut it a thumb wider and glue the edge over the thread",
      "fasten the string where the sticks meet",
      "add a tail of knotted rags, as long as you are tall",
      "wait for wind, and let go when you feel it pull",
    ],
  ],
  [
    "a candle",
    "beeswax, a wick and a tall pot",
    [
      "melt the wax in a pot that stands in hot water",
      "cut the wick a hand longer than the candle is to be",
      "dip the wick, pull it straight and let it cool",
      "dip it again, twenty or thirty times, always slowly",
      "roll the candle on a smooth table while it is warm",
      "trim the wick and keep the candle for a week before you light it",
    ],
  ],
  [
    "a loaf of rye bread",
    "flour, water, salt and sour dough",
    [
      "stir the sour dough with warm water and a third of the flour in the evening",
      "cover it and leave it by the stove until morning",
      "add the salt and the rest of the flour and knead until your arms complain",
      "let the dough rise for two hours in a basket",
      "slide it into a hot oven with a cup of water beside it",
      "knock on the bottom after an hour; if it sounds hollow, it is done",
    ],
  ],
  [
    "a willow basket",
    "thirty willow rods and a knife",
    [
      "soak the rods overnight",
      "cross six thick rods and bind them in the middle",
      "spread them like the rays of the sun",
      "weave the thin rods in and out, pressing each round down",
      "bend the rays upward when the bottom is wide enough",
      "finish the edge by tucking every end behind its neighbour",
    ],
  ],
  [
    "a small book",
    "sixteen sheets, thread, glue and two boards",
    [
      "fold the sheets in the middle, four at a time",
      "pierce the folds with a needle in five places",
      "sew the four parts together through the holes",
      "brush the back with glue and press it under stones",
      "glue the first and the last page to the boards",
      "cover the boards with cloth, and write your name inside before someone else does",
    ],
  ],
  [
    "ink",
    "oak apples, rusty nails, vinegar and gum",
    [
      "crush the oak apples in a mortar",
      "cover them with rain water and leave them in the sun for a week",
      "put the nails into the vinegar for as long",
      "strain both and pour them together",
      "stir in a little gum, until a drop no longer runs",
      "write with it at once, though it is pale; it grows black on the page",
    ],
  ],
  [
    "a dry stone wall",
    "stones, a string and time",
    [
      "stretch a string where the wall is to stand",
      "dig away the turf and set the largest stones as a footing",
      "lay every stone across the joint of the two below",
      "fill the middle with small stones, never with earth",
      "let both faces lean in a little as they rise",
      "put the flattest stones on top, and sit down on them",
    ],
  ],
  [
    "soap",
    "ashes, rain water and fat",
    [
      "pour rain water through the ashes, again and again",
      "test the lye with an egg, which should float",
      "warm the fat and stir in the lye little by little",
      "go on stirring until the spoon leaves a track",
      "pour it into a wooden box and cover it with a blanket",
      "cut it after two days and let the pieces dry for six weeks",
    ],
  ],
  [
    "a rain barrel",
    "an old barrel, a tap and four bricks",
    [
      "scrub the barrel with sand",
      "bore a hole a hand above the bottom and screw in the tap",
      "set the barrel on the bricks, so that a can fits below",
      "lead the gutter into it through a piece of cloth",
      "cover it, because of the gnats and the cats",
      "empty it before the first frost",
    ],
  ],
  [
    "a whistle",
    "a finger of willow and a sharp knife",
    [
      "cut a straight piece in spring, when the sap is rising",
      "notch it near one end",
      "tap the bark all around with the handle of the knife",
      "twist the bark off in one piece",
      "shave a flat channel from the tip to the notch",
      "slide the bark back, and blow",
    ],
  ],
  [
    "apple rings",
    "apples, a knife and a string",
    [
      "choose firm apples without bruises",
      "take out the core and leave the apple whole",
      "cut rings as thick as a pencil",
      "dip them in salt water, so that they stay white",
      "thread them on a string, not touching one another",
      "hang them above the stove until they feel like leather",
    ],
  ],
  [
    "a scarecrow",
    "two poles, straw and old clothes",
    [
      "nail the short pole across the long one",
      "stuff a sack with straw for the head",
      "dress the poles in a coat that nobody misses",
      "paint a face, and not too friendly",
      "hang tin lids from the sleeves, to clatter in the wind",
      "move it every few days, for crows can count",
    ],
  ],
];

function make(author: Author): string {
  const [thing, needs, order] = author.decks.deal(CRAFTS);
  const w = new Writer(author, { thing, needs, hours: numberWord(between(author.random, 2, 6)) });
  w.line(["How to make {thing}", "Making {thing}", "{^thing}, made at home"]);
  w.say(["You need {needs}.", "All it takes is {needs}.", "Get ready {needs}."]);
  w.maybe(0.6, [
    "It is the work of {hours} hours, not counting the waiting.",
    "Children can help with everything but the knife.",
    "The first one may turn out crooked; so did everyone's.",
    "Read all the steps before you begin.",
    "Do it outdoors if the weather allows.",
  ]).paragraph();
  return steps(w, author, order);
}
