import { HeartcutError } from "../errors.ts";
import { RecipeSource, readRecipeText } from "../run/recipe_source.ts";

/** What YAML files describe: the keys that tell each kind, and what is done with it. */
const KINDS = {
  recipe: {
    what: "a whole recipe",
    tells: ["students", "method", "teacher"],
    use: "heartcut run FILE",
  },
  task: {
    what: "a task of one's own",
    tells: ["input", "target"],
    use: "heartcut task FILE --train … --test … --out …",
  },
  training: {
    what: "the settings of a training",
    tells: ["model", "from", "steps", "epochs", "objective", "optimizer", "batch"],
    use: "heartcut finetune FILE --task … --out …",
  },
} as const;
type Kind = keyof typeof KINDS;

/** Keys of a recipe under which the other kinds stand. */
const SECTIONS: Readonly<Record<string, Kind>> = { custom: "task", train: "training" };

/**
 * Makes sure that a YAML file describes what a command reads, where its keys tell. A file with keys of no kind passes: the
 * command says what is wrong with them.
 * @throws HeartcutError HC6043 for a file of another kind; HC4000, HC4001 as readRecipeText and RecipeSource
 */
export async function requireContent(file: string, wanted: Exclude<Kind, "recipe">): Promise<void> {
  const { tree } = new RecipeSource(file, await readRecipeText(file));
  const keys = Object.keys(tree as object);
  if (KINDS[wanted].tells.some((key) => keys.includes(key))) return;
  const [section] = keys.filter((key) => SECTIONS[key] === wanted);
  const found = (Object.keys(KINDS) as Kind[]).find((kind) => KINDS[kind].tells.some((key) => keys.includes(key)));
  if (found === undefined && section === undefined) return;
  throw new HeartcutError("HC6043", {
    what:
      found === undefined
        ? `${KINDS[wanted].what} ${wanted === "task" ? "stands" : "stand"} under a key of its own in this file`
        : `this file holds ${KINDS[found].what}, not ${KINDS[wanted].what}`,
    where: file,
    found: `keys ${keys.join(", ")}`,
    expected: `keys such as ${KINDS[wanted].tells.join(", ")}`,
    fix:
      found === undefined || (found === "recipe" && wanted === "training")
        ? `write what stands under \`${section ?? "train"}\` into a file of its own`
        : KINDS[found].use.replace("FILE", file),
  });
}
