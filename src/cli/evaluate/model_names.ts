import { HeartcutError } from "../../errors.ts";

/** What models are called: each by the name of its folder or repository. @throws HeartcutError HC4204 where two have one name */
export async function modelNames(models: readonly string[]): Promise<string[]> {
  const { shortName } = await import("../../run/hub_inputs.ts");
  const names = models.map(shortName);
  const twice = names.find((name, i) => names.indexOf(name) < i);
  if (twice === undefined) return names;
  throw new HeartcutError("HC4204", {
    what: "two models have folders of one name",
    found: twice,
    fix: "rename one folder, or give each model once",
  });
}
