import type { NamedPath } from "../corpus/read.ts";
import type { SourceUse } from "../hub/bring.ts";
import type { JobContext } from "./job.ts";

/** What an argument is used as, and what was given for it. */
type Argument = readonly [use: SourceUse, given: string | readonly string[] | undefined];

/** The same arguments as paths of this machine. */
type Local<A extends Record<string, Argument>> = {
  [K in keyof A]: A[K][1] extends readonly string[] ? string[] : A[K][1];
};

/**
 * Brings what arguments name by reference (hf://…) onto this machine, with progress; paths stay as they are.
 * @throws HeartcutError HC16xx; Interrupted on the signal
 */
export async function localArguments<A extends Record<string, Argument>>(
  context: JobContext,
  given: A,
): Promise<Local<A>> {
  const { HubInputs } = await import("../run/hub_inputs.ts");
  const inputs = new HubInputs({}, context);
  const here = async (text: string, use: SourceUse) => (await inputs.bring(text, use))?.path ?? text;
  const local: Record<string, string | string[] | undefined> = {};
  for (const [name, [use, value]] of Object.entries(given)) {
    if (value === undefined) local[name] = value;
    else if (typeof value === "string") local[name] = await here(value, use);
    else {
      const paths: string[] = [];
      for (const text of value) paths.push(await here(text, use));
      local[name] = paths;
    }
  }
  return local as Local<A>;
}

/** Paths of a corpus as localArguments gives them; documents go by the reference's name. */
export async function localCorpus(context: JobContext, paths: readonly string[]): Promise<(string | NamedPath)[]> {
  const { HubInputs } = await import("../run/hub_inputs.ts");
  const inputs = new HubInputs({}, context);
  const local: (string | NamedPath)[] = [];
  for (const text of paths) {
    const place = await inputs.bring(text, "files");
    local.push(place === undefined ? text : { path: place.path, name: place.name });
  }
  return local;
}
