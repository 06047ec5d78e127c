const TAG = /^<(\/?)([A-Za-z1-6]+)((?: [A-Za-z-]+="[^"<>]*"| open)*)\/?>$/;

/** Elements and attribute names in order. @throws Error if a tag is not one of the forms the templates write, or not closed */
function skeleton(page: string): string[] {
  const open: string[] = [];
  const found: string[] = [];
  const body = page.replace(/<style>[\s\S]*<\/style>/, "").replace("<!doctype html>", "");
  for (const piece of body.split(/(?=<)/).slice(1)) {
    const end = piece.indexOf(">") + 1;
    const tag = TAG.exec(piece.slice(0, end));
    if (tag === null || piece.includes(">", end)) throw new Error(`not written by a template: ${piece}`);
    const [whole, slash, name, attributes] = tag;
    const names = [...attributes!.matchAll(/ ([A-Za-z-]+)(?:="[^"]*")?/g)].map((attribute) =>
      attribute[1]!.toLowerCase(),
    );
    if (slash === "/" && open.pop() !== name) throw new Error(`closes nothing: ${piece}`);
    if (slash !== "/" && name !== "meta" && !whole.endsWith("/>")) open.push(name!);
    found.push(`${slash}${name} ${names.join(" ")}`);
  }
  if (open.length > 0) throw new Error(`not closed: ${open.join(" ")}`);
  return found;
}

const HIDDEN = /<span class="hidden-character">[^<]*<\/span>/g;
const POINTS =
  /(<g class="fit-points">)(?:<(?:circle|rect|path) class="mark"(?: [a-z]+="[-\d.a-zA-Z ]*")+\/>)*(?=<\/g>)/g;

/** The skeleton without what depends on the text: signs for hidden characters, and points whose room the labels' width decides. */
export const structure = (page: string) => skeleton(page.replace(HIDDEN, "").replace(POINTS, "$1"));
