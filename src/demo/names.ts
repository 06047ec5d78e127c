import type { Random } from "../random.ts";
import { shuffled } from "./draw.ts";

const words = (text: string) => text.trim().split(/\s+/);

/** Given names by gender; a name never changes its bearer's gender from one world to the next. */
export const GIVEN_NAMES = {
  f: words(`Abela Adrith Alsa Amarin Anneke Asta Beatha Berit Brenna Calla Cerise Corrie Dagna Delphie Dessa Edda Eilis
    Elke Elspet Emmeline Enna Fenna Ffion Freya Gerda Ghila Greta Hedda Hesper Hilde Ilsa Imke Inga Isolde Jessamy Joss
    Junia Katrin Kessa Kirsi Lena Liesel Lotte Lunet Maelis Marit Mathilde Merle Mirren Nadine Nessa Nilla Odile Oona
    Orla Perrin Petra Quilla Ragna Rhosyn Rosalind Runa Sabeth Senna Signe Sorcha Tamsin Tessaly Thea Tilda Una Ursel
    Veda Viola Wenna Wilma Ylva Yrsa Zelie Zinnia`),
  m: words(`Aldo Anselm Arvid Bastian Bertram Bram Brindel Caspar Cedric Col Corin Dargo Dieter Dorian Edmer Egon Eldon
    Emrik Erland Evander Fabian Fergus Florian Gareth Gawen Gerrit Gideon Halvar Hanno Hector Henrik Idris Ivo Jarle
    Jasper Joren Kasimir Kester Konrad Lambert Leif Linus Lorcan Ludo Magnus Marek Matthis Milo Nestor Niall Nils
    Oskar Osric Otto Padrig Pascal Piers Quentin Ralf Ranulf Roderick Ruben Severin Silas Simeon Stellan Sverre Tancred
    Tavish Theo Tobias Torsten Ulrik Urban Valentin Vidar Waldo Wystan Yorick Zoltan`),
} as const;

const SURNAMES = combine(
  words(
    "Ash Birch Brook Clay Copper Crane Dusk Elder Fallow Fern Flint Frost Gold Hazel Heath Lark Marsh Moor Oat Reed",
  ),
  words("acre bourne croft dale gate hand lock march more stead stone ward water well wright"),
);
const TOWNS = combine(
  words("Ael Bel Cor Dun Esk Fen Gal Har Ilm Jor Kel Lor Mar Nor Orl Pell Quen Rav Sel Tarn Ulm Var Wes Yar Zel"),
  words(
    "aven berry combe crest dale ford gate haven holm low mere minster mora ness port ridge stead thorpe wick worth",
  ),
);
const COUNTRIES = combine(
  words("Aldar Bren Caran Dov Estar Falk Gorm Hel Isar Kavel Lunar Morv Ost Quar Salv Torv Vand"),
  words("ia onia and eth una mark avia"),
);
const RIVERS = combine(
  words("Ald Bries Cal Dorl Ell Fros Gled Hisp Iv Lith Mell Ner Ord Quill Sorr Thess Und Wav"),
  words("a enne ith ow el ane isk"),
);
const PEAKS = combine(
  words("Arg Bald Crag Drum Eld Grim Hoar Ked Morg Old Rook Skar Thun Wyr"),
  words("a ak horn ul om ask ing"),
);
const WATERS = words("Amber Glass Grey Hollow Lantern Long Pearl Silver Still Violet");

function combine(starts: readonly string[], ends: readonly string[]): string[] {
  // A doubled letter at the seam reads badly (Ulmmora).
  return starts.flatMap((start) => ends.filter((end) => end[0] !== start.at(-1)).map((end) => start + end));
}

/** Hands out every name once, in an order drawn from the seed. */
export class NameBook {
  private readonly given: { f: string[]; m: string[] };
  private readonly surnames: string[];
  private readonly towns: string[];
  private readonly countries: string[];
  private readonly rivers: string[];
  private readonly peaks: string[];
  private readonly waters: string[];

  constructor(random: Random) {
    this.given = { f: shuffled(random, GIVEN_NAMES.f), m: shuffled(random, GIVEN_NAMES.m) };
    this.surnames = shuffled(random, SURNAMES);
    this.towns = spread(shuffled(random, TOWNS));
    this.countries = spread(shuffled(random, COUNTRIES));
    this.rivers = spread(shuffled(random, RIVERS));
    this.peaks = spread(shuffled(random, PEAKS));
    this.waters = shuffled(random, WATERS);
  }

  givenName(gender: "f" | "m"): string {
    return this.given[gender].pop()!;
  }
  surname(): string {
    return this.surnames.pop()!;
  }
  town(): string {
    return this.towns.shift()!;
  }
  country(): string {
    return this.countries.shift()!;
  }
  river(): string {
    return this.rivers.shift()!;
  }
  mountain(): string {
    return `Mount ${this.peaks.shift()!}`;
  }
  water(kind: string): string {
    return `${this.waters.pop()!} ${kind}`;
  }
  /** Given names nobody has been given yet. */
  remaining(): { f: string[]; m: string[] } {
    return this.given;
  }
}

/** Names with different first three letters come first, so that a small world has names easy to tell apart. */
function spread(names: readonly string[]): string[] {
  const seen = new Set<string>();
  const first: string[] = [];
  const later: string[] = [];
  for (const name of names) {
    const start = name.slice(0, 3);
    (seen.has(start) ? later : first).push(name);
    seen.add(start);
  }
  return [...first, ...later];
}
