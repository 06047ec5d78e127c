import { html, nothing, type Safe } from "../html.ts";
import { fitted, px, seriesClass, svg, textWidth } from "./frame.ts";

/** A box of the diagram: what it is, and a line of figures. */
export interface LineageNode {
  kind: string;
  name: string;
  note: string;
  /** Palette place, for students and their selection. */
  series?: number | undefined;
}

/** The chain of a run. Trained models come from the corpus; others were brought along. */
export interface Lineage {
  corpus: LineageNode;
  models: { node: LineageNode; trainedHere: boolean }[];
  scores: LineageNode;
  /** In order from top to bottom. What students read is chosen by the scores, taken from the corpus alone, or written by the teacher. */
  selections: { node: LineageNode; from: "scores" | "corpus" | "teacher"; students: LineageNode[] }[];
}

interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

const BOX_HEIGHT = 66;
const ROW = 84;
/** Sizes of names: as the style sheet has them, with something for their weight. */
const NAME = 14.2;
const LONG_NAME = 11.4;

/** From corpus to students, left to right in a wide window, top to bottom on a phone. */
export function lineageDiagram(lineage: Lineage, description: string, width: number): Safe {
  return width < 400 ? tall(lineage, description, width) : wide(lineage, description, width);
}

function wide(lineage: Lineage, description: string, width: number): Safe {
  const gap = 44;
  const column = (width - 4 * gap) / 5;
  const at = (place: number, y: number): Box => ({ x: place * (column + gap), y, width: column, height: BOX_HEIGHT });
  const ranked = lineage.selections.filter(({ from }) => from === "scores");
  const rest = lineage.selections.filter(({ from }) => from !== "scores");
  const rows = (part: Lineage["selections"]) =>
    part.reduce((sum, selection) => sum + Math.max(1, selection.students.length), 0);
  const upperRows = Math.max(2, rows(ranked));
  const middle = (upperRows * ROW - (ROW - BOX_HEIGHT)) / 2 - BOX_HEIGHT / 2;

  const corpus = at(0, middle);
  const scores = at(2, middle);
  const models = [at(1, middle - ROW / 2), at(1, middle + ROW / 2)];
  const edges: Safe[] = [];
  const boxes: Safe[] = [box(corpus, lineage.corpus), box(scores, lineage.scores)];
  lineage.models.forEach(({ node, trainedHere }, i) => {
    boxes.push(box(models[i]!, node));
    edges.push(sideways(models[i]!, scores));
    if (trainedHere) edges.push(sideways(corpus, models[i]!));
  });
  edges.push(
    html`<path class="edge" d="M${px(corpus.x + column)} ${px(corpus.y + BOX_HEIGHT / 2)}H${px(scores.x - 6)}"/>`,
  );

  let row = (upperRows - rows(ranked)) / 2;
  for (const selection of [...ranked, ...rest]) {
    if (selection === rest[0]) row = upperRows;
    const height = Math.max(1, selection.students.length);
    const place = at(3, (row + (height - 1) / 2) * ROW);
    boxes.push(box(place, selection.node));
    edges.push(
      selection.from === "scores"
        ? sideways(scores, place)
        : selection.from === "corpus"
          ? fromBelow(corpus, place)
          : besideAndDown(models[0]!, place, gap / 2),
    );
    selection.students.forEach((student, i) => {
      const end = at(4, (row + i) * ROW);
      boxes.push(box(end, student));
      edges.push(sideways(place, end));
    });
    row += height;
  }
  const height = Math.max(row, upperRows) * ROW - (ROW - BOX_HEIGHT) + 2;
  return svg({ width, height }, "Lineage of the run", description, html`${edges}${boxes}`);
}

function tall(lineage: Lineage, description: string, width: number): Safe {
  const gap = 18;
  const half = (width - gap) / 2;
  const step = BOX_HEIGHT + 30;
  const corpus: Box = { x: 0, y: 0, width, height: BOX_HEIGHT };
  const scores: Box = { x: 0, y: 2 * step, width, height: BOX_HEIGHT };
  const edges: Safe[] = [];
  const boxes: Safe[] = [box(corpus, lineage.corpus), box(scores, lineage.scores)];
  lineage.models.forEach(({ node, trainedHere }, i) => {
    const place: Box = { x: i * (half + gap), y: step, width: half, height: BOX_HEIGHT };
    boxes.push(box(place, node));
    edges.push(downwards(place, scores, place.x + half / 2));
    if (trainedHere) edges.push(downwards(corpus, place, place.x + half / 2));
  });
  edges.push(downwards(corpus, scores, width / 2));
  let y = 3 * step;
  edges.push(downwards(scores, { ...scores, y }, half / 2));
  for (const selection of lineage.selections) {
    const rows = Math.max(1, selection.students.length);
    const place: Box = { x: 0, y: y + ((rows - 1) * ROW) / 2, width: half, height: BOX_HEIGHT };
    boxes.push(box(place, selection.node));
    selection.students.forEach((student, i) => {
      const end: Box = { x: half + gap, y: y + i * ROW, width: half, height: BOX_HEIGHT };
      boxes.push(box(end, student));
      edges.push(sideways(place, end));
    });
    y += rows * ROW;
  }
  return svg({ width, height: y - (ROW - BOX_HEIGHT) + 2 }, "Lineage of the run", description, html`${edges}${boxes}`);
}

function box(place: Box, node: LineageNode): Safe {
  const { x, y, width, height } = place;
  const room = width - 24;
  const name = textWidth(node.name, NAME) > room ? "node-name long" : "node-name";
  const stripe =
    node.series === undefined
      ? nothing
      : html`<rect class="stripe ${seriesClass(node.series)}" x="${px(x)}" y="${px(y + 1)}" width="4" height="${height}"/>`;
  return html`<g class="node"><title>${`${node.kind}: ${node.name}, ${node.note}`}</title><rect x="${px(x + 0.5)}" y="${px(y + 1)}" width="${px(width - 1)}" height="${height}" rx="3"/>${stripe}<text class="node-kind" x="${px(x + 14)}" y="${px(y + 19)}">${node.kind}</text><text class="${name}" x="${px(x + 14)}" y="${px(y + 38)}">${fitted(node.name, 60, room, name === "node-name" ? NAME : LONG_NAME)}</text><text class="node-note" x="${px(x + 14)}" y="${px(y + 56)}">${fitted(node.note, 60, room, 11.5)}</text></g>`;
}

function sideways(from: Box, to: Box): Safe {
  const [x0, y0] = [from.x + from.width, from.y + from.height / 2 + 1];
  const [x1, y1] = [to.x - 6, to.y + to.height / 2 + 1];
  const bend = (x1 - x0) / 2;
  return html`<path class="edge" d="M${px(x0)} ${px(y0)}C${px(x0 + bend)} ${px(y0)} ${px(x1 - bend)} ${px(y1)} ${px(x1)} ${px(y1)}"/><path class="edge-head" d="M${px(x1 + 6)} ${px(y1)}l-7 -3.5v7z"/>`;
}

function downwards(from: Box, to: Box, x: number): Safe {
  const end = to.y + 1;
  return html`<path class="edge" d="M${px(x)} ${px(from.y + from.height + 1)}V${px(end - 6)}"/><path class="edge-head" d="M${px(x)} ${px(end)}l-3.5 -7h7z"/>`;
}

/** From the right of a box, down through the gap behind it, to the left of a box further down. */
function besideAndDown(from: Box, to: Box, reach: number): Safe {
  const [x0, y0] = [from.x + from.width, from.y + from.height / 2 + 1];
  const y = to.y + to.height / 2 + 1;
  return html`<path class="edge" d="M${px(x0)} ${px(y0)}h${px(reach - 10)}q10 0 10 10V${px(y - 12)}q0 12 12 12H${px(to.x - 6)}"/><path class="edge-head" d="M${px(to.x)} ${px(y)}l-7 -3.5v7z"/>`;
}

/** From the bottom of the corpus box, below everything else, to the left of a box further down. */
function fromBelow(from: Box, to: Box): Safe {
  const x = from.x + from.width / 2;
  const y = to.y + to.height / 2 + 1;
  return html`<path class="edge" d="M${px(x)} ${px(from.y + from.height + 1)}V${px(y - 12)}q0 12 12 12H${px(to.x - 6)}"/><path class="edge-head" d="M${px(to.x)} ${px(y)}l-7 -3.5v7z"/>`;
}
