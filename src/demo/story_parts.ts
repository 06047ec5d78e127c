/** People, places and things of the stories. Tables are text, one row a line, so that they read like a list of props. */
const rows = <T>(table: string, build: (...cells: string[]) => T): T[] =>
  table
    .trim()
    .split("\n")
    .map((line) => build(...line.split("|").map((cell) => cell.trim())));

/** Where people work: `at` is how one stands there, `sight` what one notices first. */
export interface Place {
  trade: string;
  at: string;
  sight: string;
}

export const PLACES: readonly Place[] = rows(
  `miller | the mill | flour dust floated in the light, and the stones grumbled
  baker | the bakery | rows of loaves were cooling on the boards
  smith | the smithy | sparks jumped from the anvil and died on the floor
  weaver | the weaving shed | the looms clacked like a flock of storks
  potter | the pottery | wet bowls stood on every shelf
  ferryman | the ferry landing | the flat boat knocked gently against its post
  beekeeper | the bee garden | the air hummed between forty straw hives
  fisher | the fish market | silver scales stuck to every table
  carpenter | the carpenter's yard | curls of pine wood covered the ground
  librarian | the library | ladders leaned against walls of books
  gardener | the walled garden | pears were trained along the warm bricks
  tailor | the tailor's shop | coats without sleeves hung from the beams
  clockmaker | the clockmaker's shop | thirty pendulums swung, each at its own pace
  candlemaker | the candle house | white candles hung in rows like icicles
  shepherd | the high pasture | sheep were scattered over the slope like crumbs
  teacher | the schoolhouse | a map of the rivers covered one whole wall
  innkeeper | the inn by the gate | a pot of soup was singing over the fire
  cobbler | the cobbler's bench | boots of every size stood waiting in pairs
  rope-maker | the rope walk | long yellow strands were stretched from end to end
  glassblower | the glass oven | a bubble of red glass was growing on a pipe
  physician | the sickroom by the chapel | bundles of dried leaves hung over the door
  printer | the printing house | fresh pages were drying on strings
  cook | the great kitchen | copper pans shone in order of size
  boatbuilder | the boatyard | the ribs of a new boat stood against the sky
  dyer | the dye works | cloths in seven colours were dripping on the lines
  basket-maker | the willow shed | half-made baskets stood about like nests
  stonecutter | the quarry | white dust lay on every leaf
  bell-ringer | the bell tower | eight ropes hung down through the ceiling
  charcoal burner | the clearing in the wood | a black mound was smoking quietly
  goatherd | the old orchard | goats stood on their hind legs under the trees`,
  (trade, at, sight) => ({ trade: trade!, at: at!, sight: sight! }),
);

/** A trait, how it shows at first, and how the story may leave it. */
export interface Trait {
  word: string;
  shows: string;
  after: string;
}

export const TRAITS: readonly Trait[] = rows(
  `curious | {h.he} took every lock apart to see why it locked | {h.name} stayed curious, but from then on {h.he} asked before {h.he} took things apart
  shy | {h.he} would rather walk round the whole market than ask the way | it was the first time that {h.name} had spoken to so many strangers, and none of them had bitten
  stubborn | once {h.he} had begun a thing, no rain and no uncle could stop it | people still called {h.name} stubborn, but now they said it with respect
  careful | {h.he} tied every knot twice and counted {h.his} change three times | {h.name} still tied every knot twice, and nobody laughed at it any more
  boastful | {h.he} liked to tell how well {h.he} could do what {h.he} had never tried | when friends asked how it had been, {h.name} told them without adding a single lion
  forgetful | {h.he} had once gone to market and left the basket, the list and the money at home | {h.name} tied a thread around one finger, so as not to forget that day
  impatient | {h.he} used to dig up seeds to see whether they had begun to grow | since that day {h.name} has learned to wait, at least until noon
  cheerful | {h.he} whistled even while chopping onions | for a week the whole street whistled along with {h.name}
  timid | {h.he} had never been beyond the last lantern of the street | the last lantern of the street did not seem so far away after that
  thrifty | {h.he} kept every piece of string that was longer than a thumb | for once {h.name} spent a whole coin on cake, and shared it
  proud | {h.he} hated nothing more than to ask for help | asking for help, {h.name} found, was not as heavy as carrying everything alone
  dreamy | {h.he} could watch a cloud until the milk boiled over | the milk still boiled over now and then, but nobody minded
  quick-tempered | {h.he} slammed doors first and thought about it later | that week no door in the house was slammed
  kind | {h.he} could not pass a hungry dog without sharing {h.his} bread | that night there was an extra dog by the stove, and nobody asked why`,
  (word, shows, after) => ({ word: word!, shows: shows!, after: after! }),
);

/** A thing that can be needed, owned, lent or found. */
export interface Item {
  name: string;
  /** Adjective phrase a finder would notice. */
  look: string;
  /** Where such a thing may lie forgotten. */
  lies: string;
  /** Trade of someone who would have one. */
  trade: string;
}

export const ITEMS: readonly Item[] = rows(
  `coil of rope | new and yellow | under the benches of an old boat | rope-maker
  brass lantern | dented but bright | on a nail behind the stable door | ferryman
  copper kettle | black with soot | in the reeds below the washing place | cook
  sharp saw | with a handle worn smooth | in the fork of a dead tree | carpenter
  jar of honey | dark as amber | on the highest shelf of an empty cellar | beekeeper
  woollen blanket | striped red and brown | in a chest in the attic | weaver
  silver needle | no longer than a thumbnail | between two floorboards | tailor
  bottle of lamp oil | nearly full | behind the altar of the chapel | candlemaker
  bag of flour | tied with blue string | in the loft above the stables | miller
  pot of glue | strong enough to hold a wheel | under a heap of shavings | boatbuilder
  ball of wax | smelling of summer | in a hollow willow | candlemaker
  iron hook | heavy and rusty | at the bottom of a dry well | smith
  bundle of willow rods | cut in the last moon | beside the stream | basket-maker
  ladder | with twelve rungs and one missing | in the grass behind the orchard | gardener
  magnifying glass | set in a ring of horn | between the pages of a dictionary | librarian
  spool of red thread | as thick as a fist | in the lining of an old coat | tailor
  bell | small enough for a lamb | under a thorn bush on the hill | shepherd
  sack of salt | as heavy as a child | in a dry corner of the cave | fisher
  map of the hills | drawn in brown ink | rolled up inside a clay pipe | teacher
  pair of pliers | with red handles | under the seat of a broken cart | smith
  bunch of dried mint | tied with grass | above the door of an empty hut | physician
  fishing net | mended in many places | on the rocks by the weir | fisher
  hand mirror | cracked across one corner | at the bottom of a drawer | glassblower
  cake tin | shaped like a star | behind the oven | baker
  box of nails | not one of them bent | in the roof of the boathouse | carpenter
  length of sailcloth | white as milk | in a barrel on the quay | boatbuilder
  wooden flute | with six holes | among the roots of a beech | goatherd
  set of small brass wheels | no bigger than buttons | in a tea caddy | clockmaker
  pot of blue paint | with a skin on top | in the shed behind the school | dyer
  wheelbarrow | with a squeaking wheel | among the nettles | stonecutter
  pair of fur boots | made for somebody larger | in a trunk under the stairs | cobbler
  whetstone | grey and cool | on the windowsill of the tower | smith`,
  (name, look, lies, trade) => ({ name: name!, look: look!, lies: lies!, trade: trade! }),
);

/** Trouble somebody else is in; whoever helps is thanked with a thing. */
export interface Chore {
  complaint: string;
  deed: string;
}

export const CHORES: readonly Chore[] = rows(
  `My best goat is on the roof and will not come down | {h} put a plank against the wall, sprinkled it with salt and waited. The goat licked its way down, step by step
  The key has fallen into the well, and my arm is too short | {h} tied a magnet to a string and lowered it into the dark. On the ninth try something clicked, and the key came up dripping
  A swarm of bees has settled on my cart | {h} held an empty hive under the swarm and tapped the wood until the queen dropped in. The others followed like a brown river
  The stove smokes, and I cannot find out why | {h} climbed up to the chimney and lifted out an old nest, twig by twig. Below, the fire drew a deep breath
  I have forty sacks to carry and only one back | {h} laid two poles on the steps and let the sacks slide down. By noon the last one was under the roof
  My spectacles are gone, and I cannot read the label | {h} searched the shelves, the floor and the bread bin, and at last looked up. The spectacles were sitting on the owner's own head
  The cow has eaten something and refuses to stand | {h} walked the cow in slow circles and rubbed its side with straw. After an hour it burped like a trumpet and began to graze
  Somebody has mixed the peas with the lentils | {h} poured everything on a sloping board. The peas rolled away, the lentils stayed, and the work of a week was done in a minute
  There is a hole in my boat as big as a plum | {h} scraped the wood clean and pressed in wool and warm pitch. When they pushed the boat into the water, not a drop came through
  My clock strikes thirteen at noon | {h} opened the case and found a beetle riding on the hammer. {^h.he} carried it to the garden, and the clock counted properly again
  The letter is so smudged that I cannot read my brother's hand | {h} held the page against the window and spelled out the dents of the pen. It took until supper, and the news was good
  The ducklings have fallen through the grating | {h} lay down in the mud, reached through the bars and lifted them out one after another. Their mother counted them with great suspicion
  My gate will not close, so the hens go visiting | {h} took the gate off its hinges, shaved a finger's breadth from the wood and hung it again. It closed with a whisper
  I have burned my hand and the dough is rising | {h} rolled up {h.his} sleeves, shaped thirty loaves and burned only two
  The children will not sleep, and I have run out of stories | {h} sat down on the stairs and told them about a whale who was afraid of water. They were snoring before it reached the sea
  The beam is cracked, and tonight it will snow | {h} wedged a young trunk under the beam and drove it tight with a mallet. The roof groaned once and was quiet
  Rats are at the grain again | {h} raised the bins on smooth stone legs and greased them with soap. That night the rats slid down and gave up
  My donkey walks only backwards | {h} thought for a while and turned the cart round. The donkey, much surprised, pulled it all the way up the hill
  The stream has changed its bed and my wheel stands still | {h} rolled stones into the new channel, one by one, until the water remembered its old way
  I must paint this sign and my hand shakes | {h} drew the letters with charcoal and filled them in, slowly, with the tip of the tongue between {h.his} teeth. The sign could be read from across the square
  My daughter's kite hangs in the tall poplar | {h} shot a thread over the branch with a bow, pulled a cord after it, and shook until the kite sailed down
  The wool is one great knot, and the cat is inside it | {h} freed the cat first, then the wool. The cat was less grateful
  I cannot add up these bills, they come out different each time | {h} read the numbers aloud, and together they found a seven that was really a one
  The well rope is frayed, and I dare not draw water | {h} cut out the bad piece and joined the ends with a long splice. The full bucket came up without a creak`,
  (complaint, deed) => ({ complaint: complaint!, deed: deed! }),
);

/** What gets in the way of a walk, and how it is overcome. Each leaves everything else as it was. */
export const OBSTACLES: readonly string[] = [
  "Halfway there the path was gone: the stream had risen and torn away the planks. {h} took off {h.his} shoes, tested every step with a stick, and came out wet to the belt on the other side.",
  "A fog came down so thick that {h.name} could not see {h.his} own feet. {^h.he} stood still, listened for the bell, and walked towards the sound.",
  "At the bend a large dog lay across the road and showed its teeth. {h} sat down at a distance, broke a piece of bread in two, and threw one half. After the second half the dog wagged its tail and moved over.",
  "The short way led through a field, and in the field stood a bull. {h} decided that the long way had better views.",
  "A tree had fallen across the lane in the night. {h} crawled under the trunk and came out with leaves in {h.his} hair.",
  "Where the road forked, the signpost had been turned by the wind. {h} remembered that moss grows on the shady side of stones, and so {h.he} found the north and chose the left arm.",
  "A flock of geese barred the bridge and hissed. {h} spread {h.his} coat like wings and hissed back, and the geese, who had never met such a bird, gave way.",
  "Suddenly rain came down as if a bucket had been tipped over. {h} waited under a cart until the worst was past, sharing the dry spot with a hedgehog.",
  "On the steep part a stone turned under {h.his} foot. {h.name} bound the ankle with a scarf, cut a stick from a hazel bush and went on more slowly.",
  "Night fell before the woods ended. {h} looked for the star above the hill, kept it in front of {h.his} nose, and did not listen to the owls.",
  "The gate at the end of the alley was locked. {h} was already turning back when an old man leaned out of a window and let down the key on a string.",
  "The wind took {h.his} hat and rolled it down the bank. {h.name} ran after it, and so {h.he} found a shorter path which {h.he} had never noticed before.",
  'A toll keeper stopped {h.him} at the bridge. "One coin or one riddle," said the keeper. {h} had no coin to spare and asked what runs and never tires. The keeper scratched one ear for a long time, looked down at the river, laughed, and lifted the bar.',
  "The mud was so deep that one shoe stayed behind. {h} dug it out with both hands and told it what {h.he} thought of it.",
  "Snow had hidden the path, but a fox had gone that way before, and {h} followed the neat line of its prints.",
  "A cart had lost a wheel in the middle of the narrow lane. {h} helped to lift the axle, for there was no other way to get past, and the driver gave {h.him} a ride for the rest of the way.",
];
