import { InternalError } from "../errors.ts";
import { sample } from "./draw.ts";
import { factTable, RELATIONS, type RelationName, STATED } from "./relations.ts";
import type { Town } from "./world.ts";
import type { Author, Writer } from "./writer.ts";

const ABOUT_TOWN = STATED.filter((name) => name.startsWith("town.") && name !== "town.walk");
const ABOUT_COUNTRY = STATED.filter((name) => name.startsWith("country."));

/** States one fact of the world in one of its wordings. */
export function state(w: Writer, author: Author, relation: RelationName, subject: string): void {
  const object = factTable(author.world, relation).get(subject);
  if (object === undefined) throw new InternalError(`the world knows no ${relation} of ${subject}`);
  author.noteFact(relation, subject);
  w.say(RELATIONS[relation].wordings, { s: subject, o: object });
}

/** States n facts about a town or, now and then, about its country. */
export function tellAbout(w: Writer, author: Author, town: Town, n: number): void {
  for (const relation of sample(author.random, [...ABOUT_TOWN, ...ABOUT_TOWN, ...ABOUT_COUNTRY], n)) {
    state(w, author, relation, relation.startsWith("town.") ? town.name : town.country.name);
  }
}
