import { describe, expect, it } from "vitest";
import { Decks } from "../../src/demo/draw.ts";
import { count, list, numberWord, plural, polish } from "../../src/demo/grammar.ts";
import { fitsSeason } from "../../src/demo/scenery.ts";
import { expand, patternSource } from "../../src/demo/template.ts";
import { drawWorld, type Person } from "../../src/demo/world.ts";
import { Author, Writer } from "../../src/demo/writer.ts";
import { Random } from "../../src/random.ts";

describe("patterns", () => {
  it("fills slots and draws nested branches", () => {
    const random = new Random(1, "t");
    const said = new Set(
      Array.from({ length: 200 }, () => expand("{a} [ran|[walked|crept] home]", random, (name) => `<${name}>`)),
    );
    expect([...said].sort()).toEqual(["<a> crept home", "<a> ran", "<a> walked home"]);
  });
  it("reads back whatever a pattern can say", () => {
    const pattern = "Who [is|was (once)] {x}?";
    const reader = new RegExp(`^${patternSource(pattern, () => "(\\w+)")}$`);
    const random = new Random(2, "t");
    for (let i = 0; i < 20; i++) expect(expand(pattern, random, () => "Ilsa").match(reader)?.[1]).toBe("Ilsa");
  });
  it.each(["open {brace", "open [bracket|"])("refuses %s", (pattern) => {
    expect(() => expand(pattern, new Random(1, "t"), () => "")).toThrow(/internal: pattern/);
  });
});

describe("grammar", () => {
  it.each([
    [0, "zero"],
    [17, "seventeen"],
    [40, "forty"],
    [99, "ninety-nine"],
    [100, "one hundred"],
    [312, "three hundred and twelve"],
    [7100, "7,100"],
  ])("numbers: %i", (n, word) => expect(numberWord(n)).toBe(word));
  it.each([
    ["coin", "coins"],
    ["pasty", "pasties"],
    ["day", "days"],
    ["radish", "radishes"],
    ["honey cake", "honey cakes"],
    ["goose", "geese"],
    ["sheep", "sheep"],
  ])("plural of %s", (one, many) => expect(plural(one)).toBe(many));
  it("counts and lists", () => {
    expect(count(1, "day")).toBe("one day");
    expect(count(3, "day")).toBe("three days");
    expect(list(["a", "b", "c"])).toBe("a, b and c");
  });
  it.each([
    ["a iron hook", "An iron hook"],
    ["it was a useful hour and a honest answer", "It was a useful hour and an honest answer"],
    ["stop. go on", "Stop. Go on"],
    ['"no." she left', '"no." She left'.replace("no", "No")],
    ['"Really?" she asked', '"Really?" she asked'],
  ])("polishes %s", (raw, done) => expect(polish(raw)).toBe(done));
});

describe("decks", () => {
  it("deal every card once before any comes back", () => {
    const decks = new Decks(new Random(3, "t"));
    const cards = ["a", "b", "c", "d"];
    for (let round = 0; round < 5; round++) expect(cards.map(() => decks.deal(cards)).sort()).toEqual(cards);
  });
  it("pass over what is not accepted and keep it for later", () => {
    const decks = new Decks(new Random(4, "t"));
    const cards = [1, 2, 3, 4];
    expect([decks.deal(cards, (n) => n > 2), decks.deal(cards, (n) => n > 2)].sort()).toEqual([3, 4]);
    expect([decks.deal(cards), decks.deal(cards)].sort()).toEqual([1, 2]);
    expect(() => decks.deal(cards, () => false)).toThrow(/internal/);
  });
});

describe("writer", () => {
  const person = (name: string, gender: "f" | "m"): Person => ({ name, fullName: `${name} Test`, gender });
  const author = () => new Author(drawWorld(1), new Random(5, "t"));
  const [ilsa, edda, otto] = [person("Ilsa", "f"), person("Edda", "f"), person("Otto", "m")];

  it("uses a pronoun only for the latest person of its gender", () => {
    const w = new Writer(author(), { a: ilsa, b: edda, c: otto });
    w.say("{a.name} saw {c.name}, and {a.he} greeted {c.him}.");
    w.say("Then {b.name} came, and {a.he} showed {b.him} {a.his} hat; {b.name} praised {b.himself}.");
    expect(w.text()).toBe(
      "Ilsa saw Otto, and she greeted him. Then Edda came, and Ilsa showed Edda Ilsa's hat; Edda praised herself.",
    );
  });
  it("names persons afresh in a new paragraph", () => {
    const w = new Writer(author(), { a: ilsa });
    w.line("{a.name} sang.").say("{^a.his} song was long, and {a.he} knew it.");
    expect(w.text()).toBe("Ilsa sang.\n\nIlsa's song was long, and she knew it.");
  });
  it("keeps patterns out that contradict the season", () => {
    const lines = ["Snow fell.", "Bees hummed.", "A dog barked."];
    for (const season of ["winter", "summer"] as const) {
      const w = new Writer(author(), {}, season);
      for (let i = 0; i < 20; i++) w.say(lines);
      expect(w.text()).not.toContain(season === "winter" ? "Bees" : "Snow");
      expect(w.text()).toContain("A dog barked.");
    }
    expect(fitsSeason("The ice sang.", "summer")).toBe(false);
  });
  it("refuses an unknown slot", () => {
    expect(() => new Writer(author(), {}).say("{nobody} came")).toThrow(/internal: .*nobody/);
  });
});
