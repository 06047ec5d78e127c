import { closest } from "../../did_you_mean.ts";
import { HeartcutError, printable } from "../../errors.ts";
import { arcChallenge } from "./arc_challenge.ts";
import { arcEasy } from "./arc_easy.ts";
import { hellaswag } from "./hellaswag.ts";
import { lambadaOpenai } from "./lambada_openai.ts";
import { openbookqa } from "./openbookqa.ts";
import { piqa } from "./piqa.ts";
import { socialIqa } from "./social_iqa.ts";
import { storycloze2018 } from "./storycloze_2018.ts";
import type { LikelihoodTask } from "./task.ts";
import { winogrande } from "./winogrande.ts";

/** The zero-shot tasks of the MiniPLM paper, in its order, as lm-evaluation-harness 0.4.13 asks them. */
export const TASKS: readonly LikelihoodTask[] = [
  hellaswag,
  lambadaOpenai,
  winogrande,
  openbookqa,
  arcEasy,
  arcChallenge,
  piqa,
  socialIqa,
  storycloze2018,
];

/** The task of a name. @throws HeartcutError HC3501 for an unknown one, with the nearest that is known */
export function taskNamed(name: string): LikelihoodTask {
  const task = TASKS.find((candidate) => candidate.name === name);
  if (task !== undefined) return task;
  const names = TASKS.map((known) => known.name);
  const guess = closest(name, names);
  throw new HeartcutError("HC3501", {
    what: `unknown task "${printable(name)}"`,
    expected: `one of ${names.join(", ")}`,
    fix:
      guess === undefined
        ? "name one of these, or describe a task of your own in a YAML file"
        : `did you mean "${guess}"?`,
  });
}
