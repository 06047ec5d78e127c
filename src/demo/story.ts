import { chance } from "./draw.ts";
import { numberWord } from "./grammar.ts";
import { EVENINGS, GLIMPSES, MORNINGS, WEATHER } from "./scenery.ts";
import { tellAbout } from "./statements.ts";
import { CASES } from "./story_cases.ts";
import { OBSTACLES } from "./story_parts.ts";
import { planStory, type Step, type StoryPlan } from "./story_plan.ts";
import { type Author, type Slots, Writer } from "./writer.ts";

const OPENINGS = [
  "In {town}, not far from {at}, lived a {trait} [young |old |]{trade} named {h.name}; {shows}.",
  "There was once a {trade} in {town} whose name was {h.name}. {^h.he} was {trait}: {shows}.",
  "Everybody in {town} knew {h.name}, the {trade}. {^h.he} was {trait}, and {shows}.",
  "{h.name} lived in {town} and worked as a {trade}. People called {h.him} {trait}, since {shows}.",
  "This is the story of {h.name}, a {trait} {trade} from {town}. It should be known that {shows}.",
  'If you ask for the {trade} in {town}, they will send you to {h.name}. "{^trait}," they will say, and it is true: {shows}.',
  '{h.name} had been a {trade} in {town} for {years} years. "Too {trait}," said the neighbours, for {shows}.',
];
const NEED_FIRST = [
  "{idea}. So first of all {h} needed a {item}.",
  "{h} thought it over. {idea}. That meant a {item}, and there was none in the house.",
  "{idea}, {h.he} said to {h.himself}. But where does one find a {item} in a hurry?",
  "For an hour {h} walked up and down. {idea}. The first thing to find was a {item}.",
  "{idea}. {h} looked in every cupboard for a {item} and found only dust.",
];
const NEED_NEXT = [
  "Now only a {item} was missing.",
  "That was one half. The other half was a {item}.",
  "But the work could not begin without a {item}.",
  '"And now for the {item}," {h.he} said.',
  "There remained the matter of the {item}.",
];
const TELL: Record<Exclude<Step["kind"], "obstacle">, readonly string[]> = {
  need: NEED_FIRST,
  hear: [
    "A neighbour said that {o.name}, the {otrade}, had a {item}, {look}.",
    "Then {h.he} remembered having seen a {item}, {look}, at {oat}.",
    '"Ask {o.name} at {oat}," said the woman at the pump. "There is a {item} there, {look}."',
    "Word had it that a {item} could be had from {o.name}, who was the {otrade}.",
    "The postman knew, for postmen know everything: {o.name}, the {otrade}, owned a {item}.",
    "Only one person came to mind who might own such a thing, and that was {o.name}, the {otrade}.",
  ],
  go: [
    "{h.name} set out for {at}, where {sight}.",
    "{h.name} went to {at}. [It was busy there: |]{sight}.",
    "The way to {at} was not long. {glimpse} When {h.name} arrived, {sight}.",
    "{h.name} put on {h.his} coat and walked to {at}. {glimpse}",
    "{h.name} found the door of {at} open. [Behind it |Inside |]{sight}.",
    "{h.name} took the path to {at}. {glimpse} Inside, {sight}.",
  ],
  meet: [
    "{o.name} was sitting in the doorway and looked up.",
    '"Come in, and mind the step," called {o.name}, the {otrade}.',
    "{o.name}, who was the {otrade}, nodded without putting down the work.",
    "It took a while until {o.name} appeared, wiping {o.his} hands on an apron.",
    "The {otrade}, {o.name} by name, was a person of few words and large hands.",
    "{o.name}, the {otrade}, was humming and did not hear the first knock.",
    '"You come at a bad time," said {o.name}, "but then all times are bad."',
    "{o.name} the {otrade} was drinking tea and poured a second cup.",
  ],
  ask: [
    "{h.name} explained everything and asked for a {item}.",
    '"I am looking for a {item}," {h.name} said, "and I would not ask if it were not urgent."',
    '"Could you spare a {item}?" asked {h.name}.',
    "{h.name} told the whole story, from the beginning, and came to the {item} at the end.",
    '"It is about a {item}," {h.name} began, and had to begin twice.',
  ],
  trouble: [
    '"I would give you {thereward}," said {o.name}, "but look at me. {complaint}."',
    '{o.name} sighed. "{complaint}. Help me, and you shall have {thereward}."',
    '"First things first," said {o.name}. "{complaint}." {^h.name} understood that {thereward} would come afterwards.',
    '"{complaint}," {o.name} answered. "Whoever sets that right shall have {thereward} from me."',
  ],
  chore: [
    "{deed}.",
    "There was nothing for it but to begin. {deed}.",
    "That was no small matter. {deed}.",
    "It looked worse than it was. {deed}.",
    "{o.name} watched with folded hands. {deed}.",
  ],
  gift: [
    '"Well done," said {o.name}, and laid the {item} in {h.his} hands.',
    "{o.name} kept the promise and brought the {item}, {look}.",
    '"Take it, and keep it," said {o.name}. So {h.name} had the {item}.',
    "{o.name} laughed with relief and fetched the {item} at once.",
  ],
  lend: [
    '"I can lend it to you," said {o.name}, "if it comes back." {^h.name} gave {h.his} word.',
    '{o.name} thought for a moment. "Until the work is done," said the {otrade}, and handed over the {item}.',
    '"Borrowed, not given," said {o.name}. {^h.name} promised to bring the {item} back and took it carefully under one arm.',
    '{o.name} wrote in a little book: one {item}, lent. "I never forget a page," the {otrade} said.',
  ],
  demand: [
    '"You may have it," said {o.name}, "for a {wants}. I have wanted one for years."',
    '{o.name} did not want money. "Bring me a {wants}, and we shall exchange."',
    '"One thing for another," said {o.name}. "What I am short of is a {wants}."',
    '"Nothing is free, but nothing is dear either," said {o.name}. "Find me a {wants}."',
  ],
  swap: [
    "{o.name} turned the {wants} over, nodded, and handed {h.name} the {item}.",
    '"Just what I wanted!" cried {o.name}. The {wants} went one way over the table, and the {item} went the other.',
    "They exchanged: {o.name} kept the {wants}, and {h.name} left with the {item}.",
    "When {o.name} saw the {wants}, {o.his} face lit up, and the {item} changed hands on the spot.",
  ],
  price: [
    '"It costs {coins} coins," said {o.name}. {^h.name} turned out both pockets and found a button.',
    "{o.name} asked {coins} coins for it, not one less. {^h.name} had none at all.",
    '"For {coins} coins it is yours," said {o.name}. But {h.name} had not seen {coins} coins in one place since the spring.',
  ],
  wages: [
    "{o.name} counted {coins} coins onto the table.",
    '"Honest work," said {o.name}, and paid {coins} coins.',
    "For this {o.name} gave {h.him} {coins} coins, still warm from the pocket.",
  ],
  buy: [
    "{h.name} laid down the {coins} coins, and {o.name} handed over the {item}.",
    "{o.name} bit the last of the {coins} coins, to be sure, and then the {item} belonged to {h.name}.",
    '"{^coins}," counted {o.name}, and wrapped up the {item} in an old newspaper.',
  ],
  recall: [
    '"I have none," said {o.name}, "but I have seen one. There is a {item} {lies}, and nobody has claimed it."',
    '{o.name} shook {o.his} head. "Mine was stolen. But have you looked {lies}? I left a {item} there as a child."',
    '"Sold, long ago," said {o.name}. Then, after a pause: "You might look {lies}. People forget things there."',
  ],
  find: [
    "{h.name} went and searched {lies}. There it was: a {item}, {look}.",
    "It took a while. But {lies}, just as {h.he} had been told, lay a {item}, {look}.",
    "{h.name} felt about {lies} until {h.his} fingers met something. It was the {item}.",
  ],
  grudge: [
    '"You laughed at me at the last harvest feast," said {o.name}, "and now you come for a {item}?"',
    '{o.name} folded {o.his} arms. "Two years ago you rode over my beans. I have not forgotten the beans."',
    '"We are not on speaking terms," said {o.name}, "as you would know if you ever spoke to me."',
  ],
  forgive: [
    '{h.name} went red. "You are right, and I am sorry," {h.he} said, and meant it. {o.name} looked out of the window for a while. "It was a small thing," said the {otrade} at last, and fetched the {item}.',
    'There were many excuses, and {h.name} used none of them. "It was wrong of me." Slowly {o.name} unfolded {o.his} arms. "Then take the {item}, before I remember something else."',
    '{h.name} did not argue, but picked up a broom and swept the whole floor. When the last corner was clean, {o.name} put the {item} on the table. "That is that, then."',
  ],
  home: [
    "{h.name} hurried back to {f.name} with everything in {h.his} arms.",
    "At last {h.name} was back, tired and dusty, and {f.name} could hardly believe it.",
    "Then there was nothing left to look for. {h.name} ran the last part of the way, and {f.name} came to meet {h.him}.",
    '{f.name} had been waiting at the corner. "Do you have it?" And {h.name} had it.',
  ],
  return: [
    "The next day {h.name} brought the {item} back to {o.name}, as promised, [polished|with a loaf of bread|with many thanks].",
    "And because a promise is a promise, {o.name} had the {item} back before the week was over.",
    "Before anything else {h.name} returned the {item}. {o.name} crossed out a line in the little book.",
  ],
};
const OBSTACLE_INTRO = [
  "But the way had its own ideas.",
  "It was not going to be that easy.",
  "Then came a surprise.",
  "Something else came first.",
];
const CLOSINGS = [
  "And what became of {h.name}? {^after}.",
  "{^after}.",
  "People in {town} still tell it, and they tell it nearly right. {^after}.",
];

const GO_UNHURRIED = [
  "{^morning} {h.name} set out for {at}, where {sight}.",
  "{^evening} {h.name} came to {at}. There {sight}.",
  "The next day {h.name} walked to {at}. {glimpse}",
  "{h.name} slept on it, and {morning} {h.he} stood before {at}, where {sight}.",
];
const GO_BACK = [
  "Back {h.name} went to {at}.",
  "Without losing time {h.name} returned to {at}, where {o.name} was waiting.",
  "It did not take long until {h.name} stood before {o.name} again.",
  "So back to {at} it was. {glimpse}",
];
const BREAKS: ReadonlySet<Step["kind"]> = new Set(["need", "go", "home", "return"]);

/** A story with a trouble, a plan that follows from it, and an end. */
export function story(author: Author): string {
  return tell(author, planStory(author.world, author.random, author.decks.deal(CASES)));
}

/** Puts a plan into words. */
export function tell(author: Author, plan: StoryPlan): string {
  const { random } = author;
  const { town, trait, plot } = plan;
  const slots: Slots = {
    h: plan.hero,
    f: plan.friend,
    town: town.name,
    trait: trait.word,
    shows: trait.shows,
    after: trait.after,
    idea: plan.solution.idea,
    trade: plan.heroPlace.trade,
    at: plan.heroPlace.at,
    years: numberWord(3 + random.below(30)),
  };
  const w = new Writer(author, slots, plan.season);
  w.line(plot.title).say(OPENINGS);
  tellAbout(w, author, town, random.below(3));
  w.paragraph().maybe(0.7, WEATHER[plan.season]);
  w.say(plot.trouble).say(plot.stake).paragraph();
  for (const step of plan.steps) {
    if (BREAKS.has(step.kind)) w.paragraph();
    tellStep(w, author, plan, step);
    if (step.kind === "home") w.say(plan.solution.use).paragraph().say(plot.end);
  }
  return w.say(CLOSINGS).text();
}

function tellStep(w: Writer, author: Author, plan: StoryPlan, step: Step): void {
  if (step.kind === "obstacle") {
    w.say(OBSTACLE_INTRO).say(OBSTACLES);
    return;
  }
  const who = "from" in step ? step.from : "who" in step ? step.who : "owner" in step ? step.owner : undefined;
  const other = who ?? ("to" in step ? step.to : "teller" in step ? step.teller : undefined);
  if (other) w.set({ o: other, otrade: other.place.trade, oat: other.place.at });
  if ("item" in step) w.set({ item: step.item.name, look: step.item.look, lies: step.item.lies });
  if ("coins" in step) w.set({ coins: numberWord(step.coins) });
  if ("chore" in step) w.set({ complaint: step.chore.complaint, deed: step.chore.deed });
  const extra: Slots = { glimpse: w.deal(GLIMPSES), morning: w.deal(MORNINGS), evening: w.deal(EVENINGS) };
  if (step.kind === "go") Object.assign(extra, { at: step.to.place.at, sight: step.to.place.sight });
  if (step.kind === "trouble") extra.thereward = step.reward === "coins" ? "a few coins" : `the ${step.reward}`;
  if (step.kind === "demand") extra.wants = step.wants.name;
  if (step.kind === "swap") Object.assign(extra, { wants: step.gives.name, item: step.gets.name });
  w.say(wordings(author, plan, step), extra);
}

function wordings(author: Author, plan: StoryPlan, step: Exclude<Step, { kind: "obstacle" }>): readonly string[] {
  if (step.kind === "need" && !step.first) return NEED_NEXT;
  if (step.kind === "go" && step.known) return GO_BACK;
  if (step.kind === "go" && !plan.plot.urgent && chance(author.random, 0.5)) return GO_UNHURRIED;
  return TELL[step.kind];
}
