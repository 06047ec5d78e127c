/** What the invented world is drawn from. Every list is longer than the world needs, so that seeds differ. */
const lines = (text: string) =>
  text
    .trim()
    .split("\n")
    .map((line) => line.trim());
const items = (text: string) =>
  text
    .trim()
    .split(",")
    .map((item) => item.trim().replace(/\s+/g, " "));

export const MONTHS = items("January,February,March,April,May,June,July,August,September,October,November,December");

/** What a town makes; read after "known for its" and "the best". */
export const PRODUCTS = items(`blue glass, smoked trout, copper kettles, woollen blankets, beeswax candles, walnut
  cabinets, goat cheese, painted tiles, hemp rope, plum brandy, fiddle strings, paper lanterns, silver thimbles, oak
  barrels, rye bread, clay pipes, felt hats, church bells, saddle leather, garden shears, lace collars, wicker chairs,
  pear cider, sailcloth, iron stoves, salted butter, brass compasses, honey cakes, indigo cloth, willow baskets`);

export const LANDMARKS = items(`leaning clock tower, covered bridge, round library, glass hall, rope market, salt gate,
  water stairs, singing well, whispering gallery, marble fountain, hundred steps, stone lighthouse, old observatory,
  hanging garden, copper dome, wooden theatre, floating market, bell foundry, white wall, twin windmill, corn exchange,
  hollow oak, iron staircase, painted arcade, moon gate, long barn`);

export const INNS = items(`Blue Heron, Golden Ladle, Sleeping Fox, Three Pears, Broken Oar, Merry Tinker, Silver Eel,
  Crooked Chimney, Red Lantern, Old Compass, Laughing Goose, Wool Sack, Green Kettle, Lucky Horseshoe, Patient Mule,
  Copper Pot, White Hare, Barley Mow, Quiet Owl, Windy Corner, Warm Hearth, Honest Scale, Black Swan, Last Candle`);

export const FESTIVALS = items(`Lanterns, Kites, Bells, Boats, First Bread, Masks, Apples, Drums, Ribbons, Candles,
  Snow, Geese, Honey, Stars, Wheels, Ladders, Fiddles, Feathers, Bonfires, Riddles, Baskets, Swings, Umbrellas, Songs`);

export const CROPS = items(
  "barley, rye, oats, flax, lentils, grapes, pears, hops, walnuts, saffron, cabbages, plums, buckwheat, turnips, almonds",
);
export const CURRENCIES = items(
  "dorrin, tallet, quill, merk, pellon, sarrow, vane, linden, korrel, half-star, oxpenny, groten, silverleaf",
);
export const EMBLEMS = items(
  "heron, otter, stag, bear, owl, hare, fox, swan, salmon, badger, kingfisher, lynx, crane, ram",
);
export const STONES = items(
  "grey granite, red sandstone, black slate, white limestone, green marble, dark basalt, chalk",
);

/** Where a town sits; read after "It". */
export const SETTINGS = lines(`is built on seven low hills
  climbs a steep slope above the water
  lies in a wide valley among hedges and orchards
  crowds around a harbour full of small boats
  stands on an island that the river embraces with two arms
  spreads along both banks, joined by nine bridges
  hides behind a thick wall of yellow stone
  begins at the edge of a beech forest
  looks out over salt marshes full of wading birds
  is strung along an old road like beads on a thread
  sits under a cliff where swifts nest in summer
  rises in terraces, each street a step above the last
  lies so low that every house keeps a boat in the yard
  is surrounded by vineyards and dry stone walls`);

/** A trade and what its master gave the world; the deed is read after "who" and "invented". */
export const DEEDS = lines(`clockmaker|the water clock with singing birds
  weaver|the double loom
  baker|the seven-day loaf
  shipwright|the flat-bottomed ferry
  physician|the willow-bark cure for fever
  printer|the folding almanac
  astronomer|the star wheel
  miller|the tide mill
  glassblower|the bottle lens
  gardener|the winter melon
  cook|the sealed soup jar
  teacher|the knotted counting cord
  potter|the black glaze
  mason|the arch without mortar
  musician|the glass organ
  locksmith|the lock with five tongues
  farmer|the double plough
  tailor|the reversible coat
  cartographer|the pocket globe
  engineer|the chain pump
  candlemaker|the smokeless lamp
  shepherd|the three-note whistle
  carpenter|the folding ladder
  dyer|the fast crimson dye`).map((line) => {
  const [trade, deed] = line.split("|") as [string, string];
  return { trade, deed };
});
