/** Weather, seasons and small things seen on the way: sentences every genre may use. */
export type Season = "spring" | "summer" | "autumn" | "winter";

export const SEASONS: readonly Season[] = ["spring", "summer", "autumn", "winter"];

/** The season of a month, given by its number 0 … 11. */
export function seasonOf(month: number): Season {
  return SEASONS[Math.floor(((month + 10) % 12) / 3)]!;
}

const WINTER_ONLY = /\b(snow\w*|frost|ice|frozen|icicles|freeze|sledges?)\b/i;
const NEVER_IN_WINTER =
  /\b(bees?|swarm|hay|hot day|swallows?|swifts?|dew|crickets|peas into|wading|barefoot|ducklings|lamb|nettles|bats|bull|mud)\b/i;

/** Whether a sentence can be true in the season: no snow in summer, no bees in the snow. */
export function fitsSeason(text: string, season: Season): boolean {
  return season === "winter" ? !NEVER_IN_WINTER.test(text) : !WINTER_ONLY.test(text);
}

export const WEATHER: Record<Season, readonly string[]> = {
  spring: [
    "The last snow had melted, and every ditch was talking with water.",
    "A soft rain fell all morning and made the new leaves shine.",
    "The cherry trees had opened overnight, and bees were already busy among the petals.",
    "A cold wind still blew from the hills, but the larks did not mind it.",
    "Mud lay on every path, and people walked on planks from door to door.",
    "The storks had come back and were mending their nest on the chimney.",
    "It was the first evening warm enough to leave the windows open.",
    "Lambs called from the meadow, and the air smelled of wet earth.",
  ],
  summer: [
    "It was so hot that the dogs slept under the carts.",
    "The grass had turned yellow, and crickets sang from noon to midnight.",
    "Thunder rolled far away, yet no drop of rain fell.",
    "The river was low, and children walked across it without wetting their knees.",
    "Dust hung over the road like flour in a bakery.",
    "The evenings were long and golden, and nobody wished to go indoors.",
    "Swallows flew high, which meant that the fine weather would last.",
    "A short, heavy shower had washed the roofs, and steam rose from the stones.",
  ],
  autumn: [
    "Fog lay over the fields until noon, and the trees dripped as if it rained.",
    "The wind chased red leaves across the square and piled them against the doors.",
    "Everywhere people were picking apples, and the lanes smelled of cider.",
    "The first frost had drawn white feathers on the windows.",
    "Wild geese passed overhead in long, noisy lines.",
    "It had rained for a week, and the cellars were full of frogs.",
    "Smoke from the potato fires drifted over the gardens.",
    "The days grew short, and lamps were lit before supper.",
  ],
  winter: [
    "Snow had fallen for three days and lay as high as the windowsills.",
    "The ponds were frozen, and the ice sang when somebody stepped on it.",
    "A pale sun rose late and seemed in a hurry to leave again.",
    "Icicles as long as swords hung from the gutters.",
    "The cold bit every nose, and beards were white with frost.",
    "A storm shook the shutters all night and made the chimney howl.",
    "The stars were so bright that no lantern was needed.",
    "Sledges had taken the place of carts, and their bells could be heard from afar.",
  ],
};

/** Seen or heard on the way, in any season. */
export const GLIMPSES: readonly string[] = [
  "A grey cat watched from a wall and did not blink.",
  "Somewhere a hammer rang, stopped, and rang again.",
  "Two old men were playing draughts on an upturned barrel.",
  "A girl with a basket of eggs walked by, singing softly.",
  "From an open window came the smell of onions frying in butter.",
  "A cart loaded with barrels swayed past like a sleepy elephant.",
  "Pigeons burst from the roof of the granary and settled again.",
  "A boy was teaching a very small dog to jump over a stick.",
  "Washing flapped on a line between two plum trees.",
  "The bell struck the hour, and a moment later another bell disagreed.",
  "A pedlar had spread combs and ribbons on a cloth and was calling out prices.",
  "An old woman was shelling peas into an apron.",
  "A heron stood in the shallows, as patient as a post.",
  "Three ducks crossed the road in single file and made a carriage wait.",
  "Behind a fence a goat was eating somebody's hat.",
  "A fiddler sat tuning in a doorway.",
  "Sparrows quarrelled over a crust beside the pump.",
  "Somebody had drawn a whale on the wall with chalk.",
  "A shutter banged, and a voice laughed behind it.",
  "Barrels were being rolled down a ramp with a noise like thunder.",
];

/** How a day begins, so that something can happen. */
export const MORNINGS: readonly string[] = [
  "early in the morning",
  "before the sun was over the roofs",
  "right after breakfast",
  "as soon as it was light",
  "when the first cart rattled by",
  "at the stroke of seven",
  "while the dew was still on the grass",
  "before anyone else was awake",
];

export const EVENINGS: readonly string[] = [
  "in the evening",
  "when the lamps were lit",
  "after supper",
  "as the light was fading",
  "at dusk",
  "when the bell rang for closing time",
  "just before dark",
  "while the bats were coming out",
];
