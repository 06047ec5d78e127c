import type { Season } from "./scenery.ts";

/**
 * What stories are about: a trouble, ways out of it, and how it ends.
 * Slots: {h} the hero, {f} the person the hero does it for, {one} and {two} the things needed.
 */
export interface StoryCase {
  title: string;
  /** Where the trouble belongs to one. */
  season?: Season;
  /** No night may pass before it is over. */
  urgent?: true;
  trouble: string;
  /** Why the hero must act, said by the friend or thought by the hero. */
  stake: string;
  solutions: readonly { needs: readonly string[]; idea: string; use: string }[];
  end: string;
}

export const CASES: readonly StoryCase[] = [
  {
    title: "The Silent Bell",
    trouble:
      "One evening the great bell of the chapel did not ring. The old rope had snapped, and its end dangled far above every hand. {f}, who rang the bell, sat on the steps with an empty face.",
    stake: '"Without the bell," said {f.name}, "the fishing boats will not find the harbour when the fog comes."',
    solutions: [
      {
        needs: ["coil of rope", "ladder"],
        idea: "It would take a new rope, and something to climb on",
        use: "{h} leaned the ladder against the beam, climbed up with the rope between {h.his} teeth, and tied it with the knot that sailors use. Then {f.name} pulled, gently at first.",
      },
      {
        needs: ["length of sailcloth"],
        idea: "There was no rope to be had, but cloth that holds a ship can hold a bell",
        use: "{h} cut the sailcloth into strips, plaited them into a cord, and threw it over the clapper with a stone tied to the end. Then {f.name} pulled, gently at first.",
      },
    ],
    end: "The bell spoke, and out on the water three lanterns turned towards home.",
  },
  {
    title: "A Cake for the Hundredth Day",
    trouble:
      "{f} had been ill for ninety-nine days and was going to get up on the hundredth. {h} had promised a cake with seven layers, and now the mice had found the pantry.",
    stake: '"A promise is a promise," {h.name} thought, "even when mice have eaten half of it."',
    solutions: [
      {
        needs: ["bag of flour", "jar of honey"],
        idea: "Flour was needed, and something sweet",
        use: "All night {h} stirred, baked and stacked. The flour went into the layers, and the honey ran between them like slow gold.",
      },
      {
        needs: ["cake tin", "bag of flour"],
        idea: "The mice had even gnawed through the old tin",
        use: "{h} baked the layers one after the other in the same tin, seven times, and built them up with jam between them.",
      },
    ],
    end: "{f} came down the stairs on thin legs, ate two slices, and asked whether there were any plans for the two-hundredth day.",
  },
  {
    title: "The Lamb in the Ravine",
    season: "spring",
    urgent: true,
    trouble:
      "A lamb had slipped into the ravine behind the pasture, and its crying could be heard all over the hill. {f}, whose lamb it was, had tried to climb down and had only loosened stones.",
    stake: '"It will not last the night," {f.name} said. "The foxes have heard it too."',
    solutions: [
      {
        needs: ["coil of rope", "woollen blanket"],
        idea: "Somebody had to go down on a rope, and the lamb must be wrapped up so that it could not kick",
        use: "They tied the rope around an oak. {h} slid down, rolled the lamb in the blanket until only its nose looked out, and {f.name} pulled them both up.",
      },
      {
        needs: ["bunch of dried mint", "ladder"],
        idea: "A frightened lamb runs from people, but it will walk towards a smell it likes",
        use: "{h} let the ladder down, sat on the lowest rung and rubbed the mint between {h.his} hands. The lamb came closer, sneezed, and let itself be carried up.",
      },
      {
        needs: ["bell"],
        idea: "There had to be another way out of the ravine, and the lamb would follow a sound it knew",
        use: "{h} rang the bell softly and walked along the edge, and below the lamb trotted after the sound, all the way to the place where the ravine opens into the meadow.",
      },
    ],
    end: "The lamb drank until its sides were round, and then it fell asleep standing up.",
  },
  {
    title: "The Mill That Stood Still",
    season: "summer",
    trouble:
      "The wheel of the mill had stopped in the middle of the harvest. A drifting trunk had broken two of its paddles, and {f}, the miller's heir, had no one to ask.",
    stake: '"If we cannot grind," {f.name} said, "nobody will have bread by Sunday."',
    solutions: [
      {
        needs: ["sharp saw", "box of nails"],
        idea: "New paddles must be cut and fastened",
        use: "{h} sawed two boards from the trunk that had done the damage and nailed them where the old ones had been. The wheel turned a little, stopped as if to think, and turned on.",
      },
      {
        needs: ["pot of glue", "iron hook"],
        idea: "The broken paddles lay in the pool, and broken things can be joined",
        use: "With the hook {h} fished the pieces out of the pool. They were glued, pressed under stones for a night, and fitted again before sunrise.",
      },
    ],
    end: "Soon the flour fell into the sack like warm snow, and the bakers stood in line.",
  },
  {
    title: "The Lost Child at the Fair",
    season: "autumn",
    urgent: true,
    trouble:
      "On the second day of the fair the little sister of {f} let go of a hand and was gone. {f} had looked under every table, and the light was going.",
    stake: '"She is only four," said {f.name}, "and she talks to every horse."',
    solutions: [
      {
        needs: ["brass lantern", "bottle of lamp oil"],
        idea: "Soon it would be dark, and the stables had no light",
        use: "{h} filled the lantern, lit it and went from stall to stall. Behind the last horse, in the straw, lay the child, fast asleep, one fist in the mane.",
      },
      {
        needs: ["wooden flute"],
        idea: "The child loved one song above all others",
        use: "{h} walked along the stalls playing the song about the three ducks. At the third verse a small voice in the hay joined in.",
      },
    ],
    end: "{f} said nothing for a long time and only held on. Then all three of them bought sugared nuts, because the fair was still going on.",
  },
  {
    title: "The Wedding Coat",
    urgent: true,
    trouble:
      "On the eve of the wedding a spark from the stove burned a hole into the coat {f} was to be married in. The hole was as big as a plum and sat right over the heart.",
    stake: '"I cannot stand there with a hole in my chest," {f.name} said, half laughing and half not.',
    solutions: [
      {
        needs: ["spool of red thread", "silver needle"],
        idea: "What cannot be hidden can be made beautiful",
        use: "{h} did not hide the hole. {^h.he} stitched a small red bird around it, feather by feather, so that the hole became its open beak.",
      },
      {
        needs: ["hand mirror", "spool of red thread"],
        idea: "A patch would be needed, and a way to see it as the guests would see it",
        use: "{h} cut a patch from the hem, sewed it on with red thread in the shape of a leaf, and kept checking in the mirror until even {f.name} could not say where the hole had been.",
      },
    ],
    end: "At the feast so many guests asked for such a coat that the tailor took down three orders before the soup.",
  },
  {
    title: "Water for the Upper Street",
    season: "summer",
    trouble:
      "After the dry weeks the well in the upper street gave nothing but a cough of dust. {f} carried every bucket from the river, up two hundred steps, for six old neighbours and one old mule.",
    stake: '"The mule I can persuade," said {f.name}, "but the steps are killing me."',
    solutions: [
      {
        needs: ["iron hook", "coil of rope"],
        idea: "Perhaps the well was not dry at all, but blocked",
        use: "They lowered the hook on the rope and felt about in the dark. It caught in something, they both pulled, and up came a door, a real door, which somebody had thrown in long ago. Below it the water began to murmur.",
      },
      {
        needs: ["wheelbarrow"],
        idea: "If the water could not be brought closer, the carrying could be made lighter",
        use: "{h} mended the wheelbarrow, laid planks over the edge of the steps, and zigzagged up with four buckets at a time. On the second day neighbours came out and laid more planks.",
      },
    ],
    end: "The mule was given the first bucket, since it had complained the least.",
  },
  {
    title: "The Broken Boat Race",
    season: "summer",
    trouble:
      "Three days before the boat race {h.name} ran onto a rock, and the boat that {f} had lent {h.him} filled with water. It was a small, green boat, and {f} had built it with {f.his} own hands.",
    stake:
      '"I must tell the truth and mend it," {h.name} thought, "and I would rather mend it first." But {h.he} told {f.name} that very evening, and {f.name} only said, "Then mend it well."',
    solutions: [
      {
        needs: ["pot of glue", "box of nails"],
        idea: "Two planks had come apart",
        use: "{h} nailed the planks together and filled the seam with glue, then sat inside the boat on the meadow while {f.name} poured water over it from outside. Not a drop came in.",
      },
      {
        needs: ["ball of wax", "length of sailcloth"],
        idea: "The hole was wide but not deep",
        use: "{h} rubbed the sailcloth with wax until no water could pass, and stretched it over the hole like the skin of a drum.",
      },
    ],
    end: "They did not win the race. They came in fourth, singing, and were asked to sing again at the prize-giving.",
  },
  {
    title: "The Clock of the Town Hall",
    trouble:
      "The clock of the town hall went slower every day, until noon came in the afternoon. People missed the ferry, soup boiled over, and {f}, the keeper of the clock, was blamed for all of it.",
    stake: '"They want to replace me," {f.name} said, "and I do not even know what ails it."',
    solutions: [
      {
        needs: ["magnifying glass", "set of small brass wheels"],
        idea: "Something inside must be worn, something too small to see",
        use: "Through the glass {h} saw that one tooth of one tiny wheel was missing. They found a brass wheel of the same size, set it in, and held their breath.",
      },
      {
        needs: ["bottle of lamp oil"],
        idea: "Old hinges groan and slow down, and so perhaps do old clocks",
        use: "{h} put one drop of oil on every axle, forty-one drops in all. At the last drop the pendulum gave a little jump.",
      },
    ],
    end: "At noon it struck twelve, and the cook of the inn was so surprised that the soup boiled over once more.",
  },
  {
    title: "A Quarrel over Nothing",
    season: "spring",
    trouble:
      "{h} and {f} had been friends since they could walk. Now they had not spoken for a month, because {f} had said that {h.name} sang like a gate, and {h.name} had said something worse.",
    stake:
      '"I could wait until {f.name} comes to me," {h.name} thought. "But then we may both wait until our beards are white, and one of us has no beard."',
    solutions: [
      {
        needs: ["bottle of lamp oil"],
        idea: "If one must sing like a gate, one can at least be an oiled gate",
        use: '{h} knocked at the door, put the bottle on the table, and said, "For the gate in my throat." For a moment {f.name} looked stern. Then they both laughed until the neighbours knocked on the wall.',
      },
      {
        needs: ["wooden flute"],
        idea: "What could not be said might be played",
        use: "{h} stood under the window and played the tune they had made up when they were seven. It was full of wrong notes. After the second verse the window opened, and {f.name} whistled the third.",
      },
      {
        needs: ["jar of honey"],
        idea: "Bitter words need something sweet to follow them",
        use: '{h} set the honey on the doorstep with a note: "I am sorry. This is for the singing throat of the gate." Within an hour there were steps on the path, and bread, and two spoons.',
      },
    ],
    end: "Nobody remembered afterwards what the worse thing had been, or they were wise enough to say so.",
  },
  {
    title: "The Fever House",
    trouble:
      "In the house at the end of the lane three people lay in bed with fever. {f} nursed them day and night and had begun to shiver too.",
    stake:
      '"What they need is warmth and something to drink," {f.name} whispered, "and I cannot leave them to fetch it."',
    solutions: [
      {
        needs: ["bunch of dried mint", "copper kettle"],
        idea: "Hot mint drives out a fever, as every grandmother knows",
        use: "{h} boiled the mint in the kettle until the windows ran with steam, and went from bed to bed with a cup. First they sweated, then they slept.",
      },
      {
        needs: ["woollen blanket", "jar of honey"],
        idea: "Cold feet and sore throats came first",
        use: "{h} warmed the blanket by the stove and spread it over all three, then gave each of them a spoonful of honey in hot milk, and one to {f.name}.",
      },
    ],
    end: "On the fourth morning somebody in the end house asked for eggs, and that was how the lane knew that the fever was over.",
  },
  {
    title: "The Winter Without Wood",
    season: "winter",
    trouble:
      "Snow came early, and the firewood of {f} was still standing in the forest with its leaves on. The stove was cold, and the cat had moved into the bread oven.",
    stake: '"I am too old to fell trees," said {f.name}, "and too young to freeze."',
    solutions: [
      {
        needs: ["sharp saw", "whetstone"],
        idea: "There were fallen branches enough, if only they could be cut",
        use: "{h} drew the blade over the stone until it would split a hair, and then sawed for two days. The pile grew as high as the window.",
      },
      {
        needs: ["wheelbarrow", "pair of fur boots"],
        idea: "The charcoal burners left good wood behind in the clearing, but the snow was deep",
        use: "In the fur boots {h} went out to the clearing and back, eleven times with the wheelbarrow full of wood, until the path was as firm as a street.",
      },
    ],
    end: "That evening the stove ticked and glowed, and the cat came out of the oven as if it had planned everything.",
  },
  {
    title: "The School Roof",
    season: "autumn",
    trouble:
      "The storm had lifted a corner of the school roof, and rain dripped on the map, the stove and {f}, who taught forty children under an umbrella.",
    stake: '"We are learning about rivers," {f.name} said, "but I did not mean it like this."',
    solutions: [
      {
        needs: ["ladder", "box of nails"],
        idea: "The boards lay in the yard and only had to go back where they came from",
        use: "The children handed up the boards, {h} nailed them down, and everybody counted the strokes aloud, as far as three hundred and twelve.",
      },
      {
        needs: ["length of sailcloth", "coil of rope"],
        idea: "Until a carpenter could come, the roof would need a sail",
        use: "{h} pulled the sailcloth over the hole and lashed it to the chimney. When the wind blew, the school hummed like a ship.",
      },
    ],
    end: "For weeks afterwards the children steered the school, in the breaks, to all the seas on the map.",
  },
  {
    title: "The Stranger's Trunk",
    urgent: true,
    trouble:
      "A traveller named {f} came to the inn with a trunk and without its key. The letter that would prove {f.his} right to the house by the river was inside, and the judge was leaving at noon the next day.",
    stake: '"All I own is in there," said {f.name}, "and I cannot break it open, for it was my mother\'s."',
    solutions: [
      {
        needs: ["pair of pliers", "silver needle"],
        idea: "A lock is only a door for something thin",
        use: "{h} bent the tip of the needle with the pliers and felt for the tongue of the lock, with both eyes shut. It gave way with a click as polite as a cough.",
      },
      {
        needs: ["ball of wax", "whetstone"],
        idea: "A key can be made if one knows the shape of the lock",
        use: "{h} pressed warm wax into the keyhole, looked at the print, and ground an old key on the stone until it fitted the wax like a foot its shoe.",
      },
    ],
    end: "The judge read the letter twice, put on a pair of spectacles, read it a third time, and shook {f.his} hand.",
  },
  {
    title: "The Night of the Flood",
    season: "autumn",
    urgent: true,
    trouble:
      "The river rose all day, and nobody knew what the night would bring. {f}, who lived on the lowest meadow, slept soundly and was hard of hearing, and the path to the house was already under water by noon.",
    stake: '"If nobody warns {f.him}," thought {h.name}, "the river will."',
    solutions: [
      {
        needs: ["brass lantern", "hand mirror"],
        idea: "A voice would not carry, but light might",
        use: "From the hill {h} held the mirror behind the lantern and threw the beam straight at the kitchen window, on and off, on and off. At last a candle answered, and a small figure climbed up the bank.",
      },
      {
        needs: ["coil of rope", "fishing net"],
        idea: "A net between two trees would catch whoever was swept away, and a rope would lead across",
        use: "{h} tied the net between two willows, knotted the rope around {h.his} waist and waded in. With the rope to hold on to, both of them came back.",
      },
    ],
    end: "In the morning only the chimney of the house stood above the water, and on the chimney sat the hens, very much offended.",
  },
  {
    title: "The Puppet Theatre",
    urgent: true,
    trouble:
      "{f} owned a puppet theatre with a king, a cook and a crocodile. On the morning of the show the crocodile was found without a jaw, and the curtain without a left half.",
    stake: '"A crocodile that cannot bite is only a long green pillow," sighed {f.name}.',
    solutions: [
      {
        needs: ["pot of blue paint", "pot of glue"],
        idea: "The play would have to be about a different beast",
        use: "{h} glued two wings to the crocodile and painted it blue all over. It became a dragon who had toothache, and the cook pulled the tooth with a rope.",
      },
      {
        needs: ["pair of pliers", "spool of red thread"],
        idea: "A jaw needs a hinge, and a curtain needs a seam",
        use: "{h} bent a hinge from wire with the pliers and sewed the curtain together from two aprons. The crocodile snapped so well that the king forgot what to say.",
      },
    ],
    end: "The children shouted for the show to begin again, and so it did, three times.",
  },
  {
    title: "The Map in the Attic",
    season: "autumn",
    trouble:
      'Under the roof {h} found half a map. It showed a hill, three trees, and the words "for my dear grandchild", and it was signed with the name of the grandmother of {f}.',
    stake:
      '"She always said she had left me something," {f.name} said slowly, "and I thought she meant the soup ladle."',
    solutions: [
      {
        needs: ["map of the hills", "magnifying glass"],
        idea: "To find the hill they needed a whole map, and good eyes",
        use: "They laid the half map over the whole one and followed the lines with the glass. The three trees stood behind the chapel. Between the roots lay a tin, and in the tin a recipe book, with all the pages that had been missing from the kitchen.",
      },
      {
        needs: ["wheelbarrow", "brass lantern"],
        idea: "They knew the hill, but not what they would have to carry, and it would be dark by then",
        use: "By lantern light they dug under the third tree. It was a stone, round and flat, and they rolled it home in the wheelbarrow. Only when they washed it did they see the names of four generations, and a space left for one more.",
      },
    ],
    end: "{f} laughed, then cried a little, and then put the kettle on.",
  },
  {
    title: "The Boy Who Would Not Eat",
    season: "summer",
    trouble:
      "The small son of {f} had stopped eating. Not soup, not pancakes, not even plums; the boy only looked out of the window, for the tame crow had flown away.",
    stake: '"He will eat when the crow comes back," said {f.name}, "and crows do as they please."',
    solutions: [
      {
        needs: ["hand mirror"],
        idea: "A crow will do much for something that glitters",
        use: "{h} climbed the garden wall and let the mirror flash in the sun. By noon every crow of the parish sat in the pear tree, and one of them, with a white feather, hopped onto the sill.",
      },
      {
        needs: ["cake tin", "ball of wax"],
        idea: "The crow had a perch of its own once, before it blew down, and it was fond of shiny things",
        use: "{h} fixed the tin to the window with wax and let it shine like a second moon. In the morning something black sat in it and demanded breakfast.",
      },
    ],
    end: "The boy ate two bowls of soup, and the crow ate the third.",
  },
  {
    title: "The Bridge of Willow",
    season: "autumn",
    trouble:
      "The footbridge to the island had rotted through, and {f} lived on the island with twelve hens and no boat. Every day the eggs went bad on the wrong side of the water.",
    stake: '"I can shout across," said {f.name}, "but one cannot shout an egg."',
    solutions: [
      {
        needs: ["bundle of willow rods", "coil of rope"],
        idea: "What holds apples can hold a person, if it is woven thickly enough",
        use: "{h} wove a long mat from the willow rods and hung it from the rope, from bank to bank. It swayed like a hammock and carried everyone who was not too proud to crawl.",
      },
      {
        needs: ["iron hook", "coil of rope"],
        idea: "Perhaps nobody had to cross, so long as the eggs did",
        use: "{h} stretched the rope over the water and hung a basket from the hook. With one pull the eggs came over, and with another the flour and the newspaper went back.",
      },
    ],
    end: "In spring the willow took root, and now there are leaves on the landing.",
  },
  {
    title: "The Apprentice's Third Try",
    trouble:
      "{h} had always wanted to make pots and had gone to learn from {f}, the best potter for miles. But every bowl {h.he} made cracked in the fire. Two masterpieces had burst already, and there would be only one more try.",
    stake: '"Your hands are good," {f.name} told {h.him}. "It is your hurry that cracks the clay."',
    solutions: [
      {
        needs: ["woollen blanket"],
        idea: "If the bowl cooled too fast, it had to be kept warm",
        use: "{h} wrapped the hot kiln in the blanket, stayed beside it for two nights, and did not open it once, though {h.he} wanted to every minute.",
      },
      {
        needs: ["sack of salt", "whetstone"],
        idea: "Old potters put salt in the fire and smoothed the rim before it dried, and {h.he} had always skipped both",
        use: "{h} smoothed the rim with the stone, slowly, turn after turn, and threw the salt into the fire at midnight. Then {h.he} sat down and waited, which was the hardest part.",
      },
    ],
    end: "When the kiln was opened, the bowl rang like a bell. {f} turned it over and, without a word, pressed the master's mark next to the new one.",
  },
];
