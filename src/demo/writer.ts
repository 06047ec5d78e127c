import { InternalError } from "../errors.ts";
import type { Random } from "../random.ts";
import { Decks } from "./draw.ts";
import { polish } from "./grammar.ts";
import type { RelationName } from "./relations.ts";
import { fitsSeason, type Season } from "./scenery.ts";
import { expand } from "./template.ts";
import type { Person, World } from "./world.ts";

/** What fills the slots of a pattern: words (a pattern again where they hold slots), or a person. */
export type Slots = Record<string, string | Person>;

/** Who writes all documents of one corpus: one world, one source of chance, one set of decks. */
export class Author {
  readonly decks: Decks;
  readonly world: World;
  readonly random: Random;
  /** How often each fact was stated so far, by factKey. */
  readonly stated = new Map<string, number>();

  constructor(world: World, random: Random) {
    this.world = world;
    this.random = random;
    this.decks = new Decks(random);
  }

  /** Counts a statement of a fact. */
  noteFact(relation: RelationName, subject: string): void {
    const key = factKey(relation, subject);
    this.stated.set(key, (this.stated.get(key) ?? 0) + 1);
  }
}

/** One key for a fact of the world. */
export function factKey(relation: RelationName, subject: string): string {
  return `${relation} ${subject}`;
}

const PRONOUNS = {
  f: { he: "she", him: "her", his: "her", himself: "herself" },
  m: { he: "he", him: "him", his: "his", himself: "himself" },
} as const;

/**
 * Writes one document from sentence patterns and keeps track of who was named last, so that a pronoun is used only
 * where the latest person of that gender in the paragraph is the one meant.
 *
 * Slots of a person: `{p}` subject (name or pronoun), `{p.name}` always the name, `{p.he}` `{p.him}` `{p.his}` pronoun
 * where it is clear and the name otherwise, `{p.himself}`, `{p.full}` with the family name. `{^p}` starts with a capital.
 */
export class Writer {
  private readonly paragraphs: string[] = [];
  private sentences: string[] = [];
  private readonly latest: { f?: Person | undefined; m?: Person | undefined } = {};
  private pronouns = 0;
  private readonly author: Author;
  private readonly slots: Slots;
  private readonly season: Season | undefined;

  /** @param season - where given, patterns that contradict it are passed over */
  constructor(author: Author, slots: Slots = {}, season?: Season) {
    this.author = author;
    this.slots = slots;
    this.season = season;
  }

  /** Adds or changes slots for the sentences to come. */
  set(slots: Slots): this {
    Object.assign(this.slots, slots);
    return this;
  }

  /** Writes one sentence (or a few) from the next pattern of the list, or from the pattern given. */
  say(pattern: string | readonly string[], extra: Slots = {}): this {
    const template = typeof pattern === "string" ? pattern : this.deal(pattern);
    const named = new Set<Person>();
    const text = expand(template, this.author.random, (slot) => this.fill(slot, extra, named));
    this.sentences.push(polish(text));
    return this;
  }

  /** The next phrase of a list, for a slot. */
  deal(list: readonly string[]): string {
    const { season } = this;
    return this.author.decks.deal(list, season && ((text) => fitsSeason(text, season)));
  }

  /** Writes the sentence with probability p. */
  maybe(p: number, pattern: string | readonly string[], extra: Slots = {}): this {
    return this.author.random.uniform() < p ? this.say(pattern, extra) : this;
  }

  /** Ends the paragraph: persons are named afresh after it. */
  paragraph(): this {
    if (this.sentences.length > 0) this.paragraphs.push(this.sentences.join(" "));
    this.sentences = [];
    this.latest.f = undefined;
    this.latest.m = undefined;
    this.pronouns = 0;
    return this;
  }

  /** A line of its own: a heading, a greeting, a turn of a dialogue. */
  line(pattern: string | readonly string[], extra: Slots = {}): this {
    return this.paragraph().say(pattern, extra).paragraph();
  }

  /** The document; paragraphs are parted by an empty line unless told otherwise. */
  text(separator = "\n\n"): string {
    this.paragraph();
    return this.paragraphs.join(separator);
  }

  private fill(slot: string, extra: Slots, named: Set<Person>): string {
    const upper = slot.startsWith("^");
    const [name, form] = (upper ? slot.slice(1) : slot).split(".") as [string, string | undefined];
    const value = extra[name] ?? this.slots[name];
    if (value === undefined) throw new InternalError(`pattern asks for an unknown slot {${slot}}`);
    const nested = (inner: string) => this.fill(inner, extra, named);
    const text =
      typeof value === "string" ? expand(value, this.author.random, nested) : this.mention(value, form, named);
    return upper ? text.charAt(0).toUpperCase() + text.slice(1) : text;
  }

  private mention(person: Person, form: string | undefined, named: Set<Person>): string {
    const words = PRONOUNS[person.gender];
    if (form === "himself") return words.himself;
    const clear = this.latest[person.gender] === person;
    if (form === "full") {
      this.latest[person.gender] = person;
      return person.fullName;
    }
    const wanted =
      form === "he" || form === "him" || form === "his"
        ? clear
        : form === undefined && clear && !named.has(person) && this.pronouns < 3 && this.author.random.uniform() < 0.75;
    if (wanted) {
      this.pronouns++;
      return words[form === "him" || form === "his" ? form : "he"];
    }
    this.latest[person.gender] = person;
    named.add(person);
    this.pronouns = 0;
    return form === "his" ? `${person.name}'s` : person.name;
  }
}
