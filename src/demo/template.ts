import { InternalError } from "../errors.ts";
import type { Random } from "../random.ts";

/** A parsed sentence pattern: text, `{slot}`, and `[one|of|these]`, nested at will. */
type Node = string | { slot: string } | { choices: Node[][] };

const parsed = new Map<string, Node[]>();

/** Fills a sentence pattern: draws one branch of every `[a|b]`, asks `slot` for every `{name}`, left to right. */
export function expand(template: string, random: Random, slot: (name: string) => string): string {
  return write(parse(template), random, slot);
}

/**
 * The regular expression of everything a pattern can say, so that statements can be read back.
 * @param slot - regular expression source for each slot
 */
export function patternSource(template: string, slot: (name: string) => string): string {
  const source = (nodes: Node[]): string =>
    nodes
      .map((node) => {
        if (typeof node === "string") return node.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
        if ("slot" in node) return slot(node.slot);
        return `(?:${node.choices.map(source).join("|")})`;
      })
      .join("");
  return source(parse(template));
}

function write(nodes: Node[], random: Random, slot: (name: string) => string): string {
  let text = "";
  for (const node of nodes) {
    if (typeof node === "string") text += node;
    else if ("slot" in node) text += slot(node.slot);
    else text += write(random.pick(node.choices), random, slot);
  }
  return text;
}

function parse(template: string): Node[] {
  const known = parsed.get(template);
  if (known) return known;
  let at = 0;
  const sequence = (inChoice: boolean): Node[] => {
    const nodes: Node[] = [];
    let text = "";
    const flush = () => {
      if (text !== "") nodes.push(text);
      text = "";
    };
    while (at < template.length) {
      const c = template[at]!;
      if (inChoice && (c === "|" || c === "]")) break;
      at++;
      if (c === "{") {
        const end = template.indexOf("}", at);
        if (end < 0) throw new InternalError(`pattern with an open brace: ${template}`);
        flush();
        nodes.push({ slot: template.slice(at, end) });
        at = end + 1;
      } else if (c === "[") {
        flush();
        const choices = [sequence(true)];
        while (template[at] === "|") {
          at++;
          choices.push(sequence(true));
        }
        if (template[at] !== "]") throw new InternalError(`pattern with an open bracket: ${template}`);
        at++;
        nodes.push({ choices });
      } else text += c;
    }
    flush();
    return nodes;
  };
  const nodes = sequence(false);
  parsed.set(template, nodes);
  return nodes;
}
