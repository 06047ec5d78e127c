const ONES = (
  "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen " +
  "seventeen eighteen nineteen"
).split(" ");
const TENS = "zero ten twenty thirty forty fifty sixty seventy eighty ninety".split(" ");
const IRREGULAR: Record<string, string> = {
  goose: "geese",
  sheep: "sheep",
  fish: "fish",
  trout: "trout",
  salmon: "salmon",
  foot: "feet",
  child: "children",
  man: "men",
  woman: "women",
  calf: "calves",
  knife: "knives",
  loaf: "loaves",
  shelf: "shelves",
  leaf: "leaves",
  wolf: "wolves",
  mouse: "mice",
};

/** 0 … 999 in words; larger numbers in digits with commas. */
export function numberWord(n: number): string {
  if (n < 20) return ONES[n]!;
  if (n < 100) return TENS[Math.floor(n / 10)]! + (n % 10 ? `-${ONES[n % 10]!}` : "");
  if (n < 1000) {
    const rest = n % 100;
    return `${ONES[Math.floor(n / 100)]!} hundred${rest ? ` and ${numberWord(rest)}` : ""}`;
  }
  return String(n).replace(/\B(?=(\d{3})+$)/g, ",");
}

/** The plural of a noun or noun phrase that ends in its noun. */
export function plural(noun: string): string {
  const space = Math.max(noun.lastIndexOf(" "), noun.lastIndexOf("-"));
  const head = noun.slice(0, space + 1);
  const last = noun.slice(space + 1);
  const irregular = IRREGULAR[last];
  if (irregular) return head + irregular;
  if (/(?:s|x|z|ch|sh)$/.test(last)) return `${noun}es`;
  if (/[^aeiou]y$/.test(last)) return `${noun.slice(0, -1)}ies`;
  return `${noun}s`;
}

/** "one day", "three days". */
export function count(n: number, noun: string): string {
  return `${numberWord(n)} ${n === 1 ? noun : plural(noun)}`;
}

/** "a, b and c". */
export function list(items: readonly string[]): string {
  if (items.length < 2) return items.join("");
  return `${items.slice(0, -1).join(", ")} and ${items.at(-1)}`;
}

/** First letter in upper case. */
export function capital(text: string): string {
  return text.replace(/^(["'(]*)([a-z])/, (_, open: string, letter: string) => open + letter.toUpperCase());
}

/** "a" before a vowel sound becomes "an", and the letter after a full stop a capital. */
export function polish(text: string): string {
  return capital(
    text
      .replace(/\b([Aa]) (?=(?:[aeio]|u(?!se|ni)|hour|honest|heir)[a-z]*)(?!one\b|once\b)/gi, "$1n ")
      .replace(/((?:[.!?]|\.") "?|\n"?)([a-z])/g, (_, before: string, letter: string) => before + letter.toUpperCase()),
  );
}
