import { between, chance, sample } from "./draw.ts";
import { count, numberWord, plural } from "./grammar.ts";
import { factTable, type RelationName } from "./relations.ts";
import { state } from "./statements.ts";
import { CHORES, ITEMS } from "./story_parts.ts";
import { direction, nearTowns, type Person } from "./world.ts";
import { type Author, type Slots, Writer } from "./writer.ts";

/** A conversation, one turn a line, each begun by the speaker's name: at the market, on the road, at school, at home. */
export function dialogue(author: Author): string {
  return author.decks.deal(SCENES)(author);
}

/** Scenes with much chance in them come up more often than those with a fixed text. */
const SCENES = [
  ...[bargain, bargain, bargain, bargain, askTheWay, askTheWay, askTheWay, askTheWay],
  ...[lesson, lesson, lesson, lesson, lesson, lesson, guessing, guessing, quarrel, advice, advice, plans],
];

/** Two speakers; `a("…")` and `b("…")` each write one turn, `talk` several in alternation. */
function speakers(author: Author, slots: Slots) {
  const { random, world } = author;
  const names = sample(
    random,
    [...world.free.f.map((n) => [n, "f"] as const), ...world.free.m.map((n) => [n, "m"] as const)],
    3,
  );
  const [a, b, c] = names.map(([name, gender]): Person => ({ name, fullName: name, gender })) as [
    Person,
    Person,
    Person,
  ];
  const w = new Writer(author, { a, b, c, ...slots });
  const turn =
    (speaker: string) =>
    (line: string | readonly string[], extra: Slots = {}) => {
      w.say(`{${speaker}.name}:`).say(line, extra).paragraph();
    };
  const talk = (lines: readonly string[]) => {
    for (const [i, line] of lines.entries()) turn(i % 2 === 0 ? "a" : "b")(line);
  };
  return { w, a: turn("a"), b: turn("b"), talk };
}

function bargain(author: Author): string {
  const { random } = author;
  const town = random.pick(author.world.towns);
  const start = between(random, 9, 40);
  const offer = Math.ceil(start / 2);
  const middle = Math.round((start + offer) / 2);
  const { w, a, b, talk } = speakers(author, {
    ware: random.pick(ITEMS).name,
    start: count(start, "coin"),
    offer: count(offer, "coin"),
    middle: count(middle, "coin"),
    left: numberWord(start - middle),
    town: town.name,
  });
  w.line(["At the market of {town}", "A bargain in {town}", "Market day in {town}"]);
  a([
    "Good morning. What does this {ware} cost?",
    "How much for the {ware} in the corner?",
    "I see you are selling a {ware}. What do you want for it?",
  ]);
  b(["For you, {start}.", "{^start}, and that is a gift.", "I paid more for it myself, but let us say {start}."]);
  talk(author.decks.deal(HAGGLING));
  talk(author.decks.deal(CLINCHING));
  return w.text("\n");
}

const HAGGLING = [
  ["{^start}! It is scratched, and it smells of fish.", "The scratch is from its last owner, who loved it."],
  ["For {start} I could buy a cow.", "A cow would eat your hat. A {ware} never would."],
  [
    "My grandmother bought a better one for a song, and she could not sing.",
    "Then you should have sent your grandmother.",
  ],
  ["{^start}? Does it also cook and sweep?", "It does what a {ware} does, and it does it without talking."],
  ["I can see daylight through it.", "That is not daylight, that is quality."],
  ["Over there they ask less.", "Over there they also sell less, and what they sell comes back."],
];
const CLINCHING = [
  [
    "I will give you {offer}.",
    "You want my children to go barefoot.",
    "Do you have children?",
    "No. But one must be prepared. {^middle}, then, in the middle between us.",
    "Done. {^middle}.",
    "You have saved {left}. Spend them wisely.",
  ],
  [
    "Let us say {offer}, and I stop complaining.",
    "At that price I would rather keep it and look at it.",
    "Then look at it. Good day.",
    "Wait, wait. {^middle}, since you have an honest nose.",
    "{^middle} it is. You are a hard one.",
    "A pleasure. Until next market day.",
  ],
  [
    "{^offer}, not one more.",
    "I hear thunder when you say such things.",
    "The sky is blue.",
    "Not inside me. Give me {middle}, and the sun comes out.",
    "Here are {middle}. How is the weather?",
    "Already clearing. May it serve you well.",
  ],
  [
    "I have {offer} in my pocket.",
    "And what have you in the other pocket?",
    "A hole, and a few more.",
    "Then {middle}, and you may keep the hole.",
    "Agreed. {^middle}.",
    "It is {left} less than it is worth, but I like you.",
  ],
];

function askTheWay(author: Author): string {
  const { random, world } = author;
  const from = random.pick(world.towns);
  const to = random.pick(nearTowns(world, from));
  const { w, a, b } = speakers(author, {
    from: from.name,
    to: to.name,
    way: direction(from, to),
    river: to.river.name,
    inn: to.inn,
    landmark: to.landmark,
  });
  w.line(["On the road near {from}", "At the gate of {from}", "A stranger in {from}"]);
  a([
    "Excuse me, is this the road to {to}?",
    "Can you tell me how to get to {to}?",
    "I am on my way to {to} and have lost the way, or it has lost me.",
  ]);
  b([
    "To {to}? You are walking in exactly the wrong direction.",
    "{to}! My sister lives there.",
    "That depends on whether you like hills.",
  ]);
  a(["How far is it?", "Is it a long way?", "Can I be there by tonight?"]);
  w.say("{b.name}:");
  state(w, author, "town.walk", `${from.name} to ${to.name}`);
  w.say("Keep to the {way}.").paragraph();
  a(["And how shall I know that I have arrived?", "How do I recognise the town?"]);
  b("Every visitor to {to} is shown the {landmark}. You cannot miss it.");
  a(["Is there water on the way?", "Do I have to cross a river?"]);
  b(
    "The river that flows through {to} is the {river}. [There is a bridge, and the toll is one coin.|The ferry goes until dusk.|In this weather you can wade.]",
  );
  a(["Where can I sleep?", "One more thing: where does one get a bed?"]);
  b(
    "Travellers who stop in {to} sleep at the {inn}. [Ask for the room without the mice.|Say that {b.name} sent you, and you will pay double.|Do not touch the fish pie.]",
  );
  a([
    "Thank you. You have been very kind.",
    "Many thanks. I shall remember the advice.",
    "I owe you a drink, if I ever come back.",
  ]);
  b([
    "Mind the dog at the second farm.",
    "Good luck, and keep your feet dry.",
    "Everybody says so, and nobody comes back.",
  ]);
  return w.text("\n");
}

const QUESTIONS: Partial<Record<RelationName, string>> = {
  "country.capital": "What is the capital of {s}?",
  "country.ruler": "Who rules {s}?",
  "country.currency": "What is the coin of {s} called?",
  "country.crop": "What grows in the fields of {s}?",
  "country.emblem": "Which animal stands for {s}?",
  "town.river": "Which river flows through {s}?",
  "town.country": "In which country is {s}?",
  "town.product": "What is {s} known for?",
  "town.founder": "Who founded {s}?",
  "town.founded": "When was {s} founded?",
  "town.mayor": "Who is the mayor of {s}?",
  "town.nearest": "Which town is nearest to {s}?",
  "river.source": "Where does the {s} begin?",
  "river.mouth": "Where does the {s} end?",
  "mountain.country": "In which country do we find {s}?",
  "person.deed": "What did {s} give to the world?",
  "person.home": "Where was {s} born?",
};

function lesson(author: Author): string {
  const { random, world } = author;
  const town = random.pick(world.towns);
  const { w, a, b } = speakers(author, { town: town.name });
  w.line(["A lesson in {town}", "In the schoolhouse of {town}", "Examination day in {town}"]);
  a([
    "Sit up straight, {b.name}. Let us see what you remember.",
    "Now, {b.name}, put away the frog and answer.",
    "Good morning, {b.name}. Are you ready?",
  ]);
  b(["I am ready.", "I learned everything, except what I forgot.", "May I keep the frog in my pocket?"]);
  sample(random, Object.entries(QUESTIONS) as [RelationName, string][], 4 + random.below(3)).forEach(
    ([relation, question], i) => {
      const s = random.pick([...factTable(world, relation).keys()]);
      a(
        i > 0 && chance(random, 0.5)
          ? `[Correct.|Very good.|Quite right.|So it is.|Well remembered.] ${question}`
          : question,
        { s },
      );
      w.say("{b.name}:");
      state(w, author, relation, s);
      w.paragraph();
    },
  );
  a([
    "That will do. You may go and play.",
    "Full marks. Even the frog would have passed.",
    "I see that you have been reading. Keep at it.",
  ]);
  b([
    "Thank you. May I ask you something now?",
    "Hurrah!",
    "It was the map on the wall. I look at it when I am bored.",
  ]);
  return w.text("\n");
}

const RIDDLES = [
  ["What has teeth and cannot bite?", "A comb.", "It lives near hair"],
  ["What goes up the hill and down the hill and never moves?", "A road.", "You are standing on it"],
  ["The more you take away, the larger it grows. What is it?", "A hole.", "Moles are fond of it"],
  ["I have a neck and no head. What am I?", "A bottle.", "It is best when it is full"],
  ["What gets wetter the more it dries?", "A towel.", "It hangs behind the door"],
  ["Who speaks every language without having learned one?", "An echo.", "It lives between mountains"],
  ["What can you break without touching it?", "A promise.", "You do it every spring"],
  ["Which bird never sings and always points at the wind?", "The weathercock.", "Look up"],
  ["What is full of holes and still holds water?", "A sponge.", "It comes from the sea"],
  ["It follows you all day and leaves you at night. What is it?", "My shadow.", "It is very thin"],
  ["I am light as a feather, yet nobody can hold me for long. What am I?", "Breath.", "You are using it"],
  ["What has a bed but never sleeps?", "The river.", "It also has a mouth"],
] as const;

function guessing(author: Author): string {
  const { w, a, b } = speakers(author, { town: author.random.pick(author.world.towns).name });
  w.line(["Riddles by the stove", "A rainy afternoon in {town}", "Two friends and a long road"]);
  a([
    "Let us play at riddles. Whoever loses washes up.",
    "I know a riddle that you do not know.",
    "Are you asleep? I have a riddle.",
  ]);
  b(["Go on.", "I was not asleep, I was thinking.", "Only if they are short."]);
  for (let i = 0; i < 2 + author.random.below(2); i++) {
    const [question, answer, hint] = author.decks.deal(RIDDLES);
    const [ask, reply] = i % 2 === 0 ? [a, b] : [b, a];
    ask(question);
    if (chance(author.random, 0.6)) {
      reply(["That is hard. Give me a hint.", "A turnip? No. Help me a little.", "I have it on the tip of my tongue."]);
      ask(`${hint}.`);
    }
    reply([`${answer}`, `Let me think. ${answer}`, `I know that one. ${answer}`]);
    ask(["Right. Your turn.", "Yes. Who told you?", "Correct, but you took your time."]);
  }
  b([
    "Enough. I shall wash up of my own free will.",
    "I have no more riddles, but I have an apple.",
    "Let us stop while we are still friends.",
  ]);
  return w.text("\n");
}

function quarrel(author: Author): string {
  const { w, talk } = speakers(author, { item: author.random.pick(ITEMS).name });
  w.line(["The borrowed thing", "A small quarrel", "Over the garden fence", "Whose is it?"]);
  talk(author.decks.deal(QUARRELS));
  return w.text("\n");
}

const QUARRELS = [
  [
    "Have you seen my {item}?",
    "Your {item}? You gave it to me in spring.",
    "I lent it. That is not the same as giving.",
    "You said: take it, {b.name}, I never use it.",
    "I say many things before breakfast.",
    "Then I am sorry. I will bring it back tonight.",
    "Bring it tomorrow, and stay for supper.",
    "What is there for supper?",
    "Dumplings.",
    "Then I shall be early.",
  ],
  [
    "{b.name}, where is my {item}?",
    "It was lying in the rain, so I took it in.",
    "You might have asked.",
    "You were asleep under the pear tree.",
    "I am never asleep. I rest my eyes.",
    "You snored. But you are right, I should have asked.",
    "Well, keep it until Sunday, since you need it.",
    "On Sunday, then, with a pot of jam.",
    "Strawberry jam?",
    "What else!",
  ],
  [
    "Somebody has taken my {item}.",
    "I thought it was mine. They all look alike.",
    "Mine has a scratch on the left side.",
    "So has this one. Hm.",
    "Show me. There! I made that scratch myself.",
    "I believe you. I would not like to lose you over a {item}.",
    "Nor I you. Shall we own it together?",
    "You on even days, I on odd ones.",
    "And on the thirty-first?",
    "On the thirty-first it shall rest, like you under the pear tree.",
  ],
  [
    "You promised to be here at noon.",
    "It is noon.",
    "It is four. I have been sitting on this wall with a {item} on my knees.",
    "Then my clock has stopped. Why did you bring a {item}?",
    "For you. It is your birthday.",
    "Is it? I had quite forgotten.",
    "You forget everything but your supper.",
    "That is unfair. I forgot my supper yesterday.",
    "Then come, and we shall eat twice.",
  ],
  [
    "Somebody has been telling people that I sold a broken {item}.",
    "I told them, and it was broken.",
    "It was whole when I sold it!",
    "I let it fall on the way home. I did not tell them that.",
    "Why not?",
    "I was ashamed of my clumsy hands.",
    "You could have said so to me.",
    "I am saying so now. And I will tell the others tomorrow.",
    "Tell them loudly. And give it here, I will mend it for you.",
  ],
  [
    "I heard you talking about me.",
    "I said that you make the best soup in the street.",
    "And what else?",
    "That you make it too seldom.",
    "Nothing about my singing?",
    "I may have mentioned the singing.",
    "And?",
    "I said that the soup makes up for it.",
    "Come on Thursday. There will be soup, and I shall not sing.",
    "Sing a little. It would not be the same without it.",
  ],
];

function advice(author: Author): string {
  const chore = author.decks.deal(CHORES);
  const { w, a, b, talk } = speakers(author, { trouble: chore.complaint, deed: chore.deed });
  const grandfather: Person = { name: "Grandfather", fullName: "Grandfather", gender: "m" };
  w.line(["Good advice", "What Grandfather did", "A trouble shared"]);
  a([
    "I am at my wits' end. {trouble}.",
    "You look cheerful, but I am not. {trouble}.",
    "Do you have a moment? {trouble}.",
  ]);
  b([
    "That happened to us once, word for word.",
    "Sit down. I know what helps.",
    "Oh dear. But it is not the first time in the world.",
  ]);
  a(["And what did you do?", "Really? How did it end?", "I have tried shouting at it."]);
  b("{deed}.", { h: grandfather });
  a(["I should never have thought of that.", "And that worked?", "It sounds too simple."]);
  b([
    "It worked at once, and it cost nothing.",
    "The best ideas are simple. They only hide well.",
    "Try it, and tell me tomorrow.",
  ]);
  talk(author.decks.deal(ADVICE_TAKEN));
  return w.text("\n");
}

const ADVICE_TAKEN = [
  ["I am going home this minute.", "Good luck, and let me know."],
  ["If it fails, I shall come and live with you.", "There is room in the attic."],
  ["Will you help me?", "Of course. Let me get my coat."],
  ["Your grandfather was a wise man.", "He was. He also put salt in his coffee."],
];

function plans(author: Author): string {
  const { random, world } = author;
  const town = random.pick(world.towns);
  const apples = between(random, 4, 12);
  const people = between(random, 3, 6);
  const { w, a, b, talk } = speakers(author, {
    town: town.name,
    festival: town.festival,
    people: numberWord(people),
    each: numberWord(apples),
    all: numberWord(apples * people),
    dish: random.pick(["dumpling", "pancake", "honey cake", "pasty", "meatball", "plum"].map(plural)),
  });
  w.line(["Before the feast", "Plans for the feast in {town}", "What shall we cook?"]);
  a("Once a year {town} celebrates the Festival of {festival}. Have you thought about the food?");
  b(["I think of nothing else. Shall we make {dish}?", "Let us make {dish}, as always.", "Everybody likes {dish}."]);
  a(["How many shall we need?", "Then let us count. How many are coming?"]);
  b("We are {people}. If everyone eats {each}, that makes {all}.");
  a(["{^all} {dish}! That is a whole morning's work.", "{^all}? And {c.name} eats for two."]);
  b([
    "Then {c.name} can help with the chopping.",
    "{c.name} will be happy to wash up. I shall tell {c.him} later.",
    "We begin at six, and we sing while we work.",
  ]);
  talk(author.decks.deal(FEAST_WORRIES));
  a(["I am hungry already.", "It is a good plan. Write it down.", "You think of everything."]);
  return w.text("\n");
}

const FEAST_WORRIES = [
  ["And what if it rains?", "Then we carry the table into the barn, as we did last year."],
  ["And afterwards?", "Afterwards we sit on the steps and count the lanterns."],
  ["What do we drink with it?", "Pear juice, and for the old ones something stronger."],
  ["And who will light the fire?", "You will. You have the patience, and I have the matches."],
];
