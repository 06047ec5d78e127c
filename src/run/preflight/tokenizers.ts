import { access } from "node:fs/promises";
import { join } from "node:path";
import { endTokens } from "../../corpus/pack_options.ts";
import type { CausalDescription } from "../../models/architecture.ts";
import { type Definition, readDefinition } from "../../tokenizers/definition.ts";
import { loadTokenizer } from "../../tokenizers/tokenizer.ts";
import { tokenizerSource } from "../check_models.ts";
import { type Recipe, ROLES } from "../recipe_schema.ts";
import type { Role } from "../stages/run_inputs.ts";
import { type Finding, fine, orFailure, warning } from "./finding.ts";
import { type Difference, tokenizerDifferences } from "./tokenizer_difference.ts";

/** What the tokenizers of teacher, reference, students and data have in common, and what follows where they differ. */
export async function tokenizerFindings(
  recipe: Recipe,
  models: ReadonlyMap<string, CausalDescription>,
): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const name of [undefined, ...usedNames(recipe)])
    findings.push(...(await orFailure("tokenizers", () => usable(recipe, name))));
  for (const role of ROLES) {
    findings.push(...(await orFailure("tokenizers", () => broughtAlong(recipe, role, models.has(role)))));
    findings.push(...(await orFailure("tokenizers", () => across(recipe, role))));
  }
  for (const student of recipe.students)
    findings.push(...(await orFailure("tokenizers", () => reencoded(recipe, student))));
  for (const [name, model] of models)
    findings.push(...(await orFailure("tokenizers", () => padding(recipe, name, model))));
  return findings;
}

/** What a tokenizer is called in messages. */
const called = (name: string | undefined) => (name === undefined ? "the recipe's tokenizer" : `tokenizer ${name}`);
const keyOf = (name: string | undefined) => (name === undefined ? "tokenizer" : `tokenizers.${name}`);
/** A student or one of the two roles, as a sentence names it. */
const whoIs = (name: string) => (ROLES.some((role) => role === name) ? `the ${name}` : `student ${name}`);

function usedNames({ teacher, reference, students }: Recipe): Set<string> {
  const names = [teacher, reference, ...students].map(({ tokenizer }) => tokenizer);
  return new Set(names.filter((name) => name !== undefined));
}

/** Larger files have been refused by then: each tokenizer is opened before it is compared. */
const MOST_BYTES = 2 ** 31;

function define(path: string): Promise<Definition> {
  return readDefinition(path, MOST_BYTES);
}

/** A given tokenizer must be able to end a document. */
async function usable(recipe: Recipe, name: string | undefined): Promise<Finding[]> {
  const source = tokenizerSource(recipe, name);
  if ("train" in source)
    return [
      fine("tokenizers", `${called(name)} is trained here, ${source.train.vocabSize} ids`, { where: keyOf(name) }),
    ];
  const tokenizer = await loadTokenizer(source.path);
  endTokens(tokenizer, recipe.pack.bos ?? "auto");
  return [fine("tokenizers", `${called(name)} has ${tokenizer.vocabSize} ids`, { where: source.path })];
}

/** A model folder's own tokenizer against the one that makes what the model reads. @param usable - the model has no fault */
async function broughtAlong(recipe: Recipe, role: Role, usable: boolean): Promise<Finding[]> {
  const source = recipe[role];
  if (!("path" in source)) return [];
  const read = tokenizerSource(recipe, source.tokenizer);
  // A folder that is not there has been told.
  if (!(await isThere(source.path))) return [];
  if (!(await isThere(join(source.path, "tokenizer.json"))))
    return [
      warning("tokenizers", "HC4311", {
        what: `the ${role} brings no tokenizer: that its ids are those of ${called(source.tokenizer)} is taken on trust`,
        where: source.path,
        fix: "put the tokenizer.json of the model into its folder, and it is compared",
      }),
    ];
  if ("train" in read)
    return [
      warning("tokenizers", "HC4312", {
        what: `the ${role} was made elsewhere, and the tokenizer of what it reads is only trained here`,
        where: source.path,
        expected: "the tokenizer that the model was made for",
        why: "the run stops at scoring, unless the training gives that very tokenizer again",
        fix: `set ${keyOf(source.tokenizer)}: { path: ${source.path} }`,
      }),
    ];
  await loadTokenizer(source.path);
  const names = [`the ${role}`, called(source.tokenizer)] as const;
  const [one, other] = [await define(source.path), await define(read.path)];
  const judgement = judged(recipe, role, source.path, tokenizerDifferences({ one, other, names }));
  // That ids are missing has been told of the model: what the others are like is no consolation.
  return usable || one.tokens.length >= other.tokens.length || judgement.level === "error" ? [judgement] : [];
}

function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

function judged(recipe: Recipe, role: Role, folder: string, differences: readonly Difference[]): Finding {
  const reader = called(recipe[role].tokenizer);
  const found = listed(differences);
  if (differences.some(({ matters }) => matters === "ids")) {
    const learners = recipe.students.filter(({ distill }) => role === "teacher" && distill !== undefined);
    return {
      level: "error",
      subject: "tokenizers",
      code: "HC4105",
      what: `the ${role} was made for another tokenizer`,
      where: folder,
      found,
      expected: `the ids of ${reader}`,
      why: `the same ids stand for other text: its scores would mean nothing${learners.length === 0 ? "" : `, and ${learners.map(({ name }) => name).join(", ")} cannot learn its distributions`}`,
      fix: [
        `for models of one family: set tokenizer: { path: ${folder} }`,
        `to compare in bits per byte: tokenizers: { own: { path: ${folder} } } and ${role}: { path: ${folder}, tokenizer: own }`,
        ...(learners.length === 0 ? [] : ["then leave out distill: a selection teaches students of any tokenizer"]),
      ].join("\n"),
    };
  }
  if (differences.some(({ matters }) => matters === "split"))
    return warning("tokenizers", "HC4313", {
      what: `the ${role} has the same ids as ${reader}, and cuts or frames text otherwise`,
      where: folder,
      found,
      why: "it is asked about sequences unlike those it has learned: its scores are valid, and worse than it could do",
      fix: `set ${keyOf(recipe[role].tokenizer)}: { path: ${folder} }, unless the difference is meant`,
    });
  const same = `the ${role} reads ${reader}`;
  return differences.length === 0
    ? fine("tokenizers", `${same}: equal`, { where: folder })
    : fine("tokenizers", `${same}: equal but for ids that the data does not hold`, { where: folder, found });
}

/** A teacher or reference of a tokenizer of its own: what the scores can still say. */
async function across(recipe: Recipe, role: Role): Promise<Finding[]> {
  const { tokenizer: name } = recipe[role];
  if (name === undefined) return [];
  const differences = await differencesFrom(recipe, name);
  if (differences?.length === 0) return [needless(role, name)];
  return [
    warning("tokenizers", "HC4314", {
      what: `the ${role} reads tokens of its own: the two scores are compared in bits per byte of each instance only`,
      where: `${role}.tokenizer`,
      found: differences === undefined ? "a tokenizer that is trained here" : listed(differences),
      why: "scores of single tokens, token masks and distillation need the same tokens",
      fix: "nothing, if that is meant; a teacher and reference of one tokenizer are compared token by token",
    }),
  ];
}

/** A student of another tokenizer: its selection is encoded again. */
async function reencoded(recipe: Recipe, { name, tokenizer }: Recipe["students"][number]): Promise<Finding[]> {
  if (tokenizer === undefined) return [];
  const differences = await differencesFrom(recipe, tokenizer);
  if (differences?.length === 0) return [needless(`students (${name})`, tokenizer)];
  return [
    fine(
      "tokenizers",
      `${whoIs(name)} reads tokenizer ${tokenizer}: its selection is encoded again, it is compared in bits per byte`,
      {
        where: `students (${name}): tokenizer`,
        ...(differences !== undefined && { found: listed(differences) }),
      },
    ),
  ];
}

function needless(where: string, name: string) {
  return warning("tokenizers", "HC4315", {
    what: `tokenizer ${name} is the recipe's own`,
    where: `${where}.tokenizer`,
    why: "text is encoded again for nothing, and scores are compared by bytes where they could be by tokens",
    fix: "leave tokenizer out here",
  });
}

/** Between the recipe's tokenizer and a further one; undefined where either is still to be trained. */
async function differencesFrom(recipe: Recipe, name: string): Promise<Difference[] | undefined> {
  const [one, other] = [recipe.tokenizer, recipe.tokenizers[name]!];
  if (!("path" in one && "path" in other)) return undefined;
  const names = [called(undefined), called(name)] as const;
  return tokenizerDifferences({ one: await define(one.path), other: await define(other.path), names });
}

/** Rows of an embedding behind the tokenizer's last id. */
async function padding(recipe: Recipe, name: string, { config }: CausalDescription): Promise<Finding[]> {
  const tokenizer = (
    name === "teacher" || name === "reference" ? recipe[name] : recipe.students.find((each) => each.name === name)!
  ).tokenizer;
  const source = tokenizerSource(recipe, tokenizer);
  const ids = "train" in source ? source.train.vocabSize : (await loadTokenizer(source.path)).vocabSize;
  const rows = config.vocabSize - ids;
  if (rows <= 0) return [];
  return [
    fine(
      "tokenizers",
      `${whoIs(name)} has ${config.vocabSize} embeddings for ${ids} ids: ${rows} padding rows, trimmed wherever distributions are compared`,
    ),
  ];
}

function listed(differences: readonly Difference[]): string {
  return differences.map(({ part, text }) => `${part}: ${text}`).join("\n");
}
