import type { Example } from "../../src/score/record.ts";

const STORY = `The ferry to Harrow Point ran twice a day in winter, and Ilsa knew both crossings by heart. On the morning the river froze she walked out along the jetty anyway, with the letter for her brother folded into her glove, and asked old Tamsin what the ice would bear.

"A fox," said Tamsin. "Perhaps a thin fox."

So she waited. By noon the sun had opened a dark seam down the middle of the water, and by three the ferry came nosing through it, slowly, the way a cow comes through a gate. Ilsa paid her two coppers and sat down beside the stove. Nobody spoke until the far bank.`;

const ENTRY = `Velmora is the smallest of the five river provinces. Its capital, Aster, lies where the Sorrel meets the Tarn, some forty leagues above the delta. The province exports barley, blue glass and river clay; its miners have not found tin since the year 312. Since the Treaty of Low Bridge it has been governed by a council of nine, three of whom are elected by the ferrymen.`;

const HOWTO = `How to mend a net\n\n1. Lay the net flat and pull the torn part tight between two pegs.\n2. Cut away the ragged ends until every hole is bordered by whole knots.\n3. Begin at the upper left with a sheet bend.\n\tKeep the gauge at two fingers; three is too wide for perch.\n4. Work down, row by row, and close with a double hitch.`;

const CODE = `export function clamp(value: number, low: number, high: number): number {\n\treturn Math.min(high, Math.max(low, value));\n}\n\nfor (const row of rows) {\n\tif (row.kept === 0) continue;\n\ttotal += row.kept;\n}`;

/** Short texts for the fixture, written for it. */
export const DOCUMENTS: Record<Example["stratum"], string[]> = {
  top: [`${STORY}\n\n${ENTRY}\n\n${HOWTO}`, ENTRY, HOWTO, STORY],
  borderline: [
    CODE,
    "Dear Maren,\n\nthe roof held. We lost two slates and the henhouse door, nothing that Otto cannot mend before the feast. Write when the pass is open.\n\nYour sister",
    ENTRY,
    CODE,
  ],
  bottom: [
    "Home | About | Shop | Basket (0) | Sign in\nWe use cookies. Accept all · Reject · Settings\nShare this: mail print copy\n\u00a9 All rights reserved. Back to top\nHome | About | Shop | Basket (0) | Sign in",
    "cheap boots cheap boots best cheap boots buy cheap boots online cheap boots sale boots cheap winter boots cheap cheap boots \u0007\u001b[31m cheap boots \u202etoob\u202c",
    "river the nosing By it had, seam coppers a gate down fox the sat stove Ilsa through three dark",
    "Tne fenry to Harr0w P0int rau tw1ce a d4y in wiuter, aud IIsa kuew b0th cr0ssings by heart.",
  ],
};
