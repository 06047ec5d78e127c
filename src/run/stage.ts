import { createHash } from "node:crypto";
import type { StageContext } from "../progress.ts";

/** Plain data as JSON holds it. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json | undefined };

/** A file from outside the run folder that a stage reads: named by what it holds, never by where it lies. */
export interface InputFile {
  name: string;
  bytes: number;
  sha256: string;
}

/** One step of a run: what it depends on, what it leaves behind, and how it is done. */
export interface Stage {
  /** Unique, e.g. "score/teacher". */
  readonly name: string;
  /** Raised whenever the same inputs would give other bytes, so that older results are not taken for new ones. */
  readonly version: number;
  /** Everything of the recipe that has an effect on the result. */
  readonly settings: Json;
  /** Names of the earlier stages whose outputs it reads. */
  readonly reads: readonly string[];
  /** Files from outside that it reads. */
  readonly files?: readonly InputFile[];
  /** Files and folders it writes, relative to the run folder. No other stage writes there. */
  readonly outputs: readonly string[];
  /** Does the work, resuming what an earlier attempt with equal inputs left; publishes each output atomically. */
  run(context: StageContext): Promise<StageResult>;
}

/** What a stage tells about itself beyond its outputs. */
export interface StageResult {
  /** Arithmetic spent on models. */
  flops?: number;
}

/** What makes a stage's outputs what they are; equal inputs give equal bytes. */
export interface StageInputs {
  version: number;
  settings: Json;
  /** Fingerprints of the stages it reads, by name. */
  reads: Record<string, string>;
  files: InputFile[];
}

/** Inputs of every stage, in the order of the plan. @throws TypeError for a stage that reads one which does not come before it */
export function inputsOfStages(stages: readonly Stage[]): Map<string, StageInputs> {
  const all = new Map<string, StageInputs>();
  for (const { name, version, settings, reads, files } of stages) {
    const upstream = reads.map((read) => {
      const inputs = all.get(read);
      if (inputs === undefined) throw new TypeError(`${name} reads ${read}, which does not come before it`);
      return [read, fingerprint(read, inputs)] as const;
    });
    all.set(name, { version, settings, reads: Object.fromEntries(upstream), files: [...(files ?? [])] });
  }
  return all;
}

/** sha256 (hex) of a stage's name and inputs, in canonical JSON. */
export function fingerprint(stage: string, inputs: StageInputs): string {
  return createHash("sha256")
    .update(canonicalJson({ stage, ...inputs } as unknown as Json))
    .digest("hex");
}

/** JSON with sorted keys and nothing undefined: equal data, equal text. */
export function canonicalJson(value: Json): string {
  return JSON.stringify(value, (_key, part: unknown) =>
    typeof part === "object" && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
}
