#!/usr/bin/env node
import { Command, CommanderError, Option } from "commander";
import { define as defineAnalyze } from "./commands/analyze.ts";
import { define as defineAnswer } from "./commands/answer.ts";
import { define as defineAttribute } from "./commands/attribute.ts";
import { define as defineCapture } from "./commands/capture.ts";
import { define as defineCheck } from "./commands/check.ts";
import { define as defineConvert } from "./commands/convert.ts";
import { define as defineDemo } from "./commands/demo.ts";
import { define as defineDoctor } from "./commands/doctor.ts";
import { define as defineDownload } from "./commands/download.ts";
import { define as defineEstimate } from "./commands/estimate.ts";
import { define as defineEvaluate } from "./commands/evaluate.ts";
import { define as defineExport } from "./commands/export.ts";
import { define as defineFinetune } from "./commands/finetune.ts";
import { define as defineGenerate } from "./commands/generate.ts";
import { define as defineInspect } from "./commands/inspect.ts";
import { define as definePack } from "./commands/pack.ts";
import { define as definePush } from "./commands/push.ts";
import { define as defineRationales } from "./commands/rationales.ts";
import { define as defineReport } from "./commands/report.ts";
import { define as defineRun } from "./commands/run.ts";
import { define as defineScaling } from "./commands/scaling.ts";
import { define as defineSchema } from "./commands/schema.ts";
import { define as defineScore } from "./commands/score.ts";
import { define as defineSelect } from "./commands/select.ts";
import { define as defineSequences } from "./commands/sequences.ts";
import { define as defineTask } from "./commands/task.ts";
import { define as defineTokenizer } from "./commands/tokenizer.ts";
import { define as defineTrain } from "./commands/train.ts";
import { packageVersion } from "./package_root.ts";
import { EXIT, FORMATS, type Format } from "./terminal.ts";

const program = new Command("heartcut")
  .description(
    "Distill large language models into small ones: a teacher runs once, any number of students learn from its records.",
  )
  .version(packageVersion(), "-V, --version", "print the version")
  .addOption(
    new Option("--format <format>", "auto: text, live progress on a terminal; human: text, plain progress; json; quiet")
      .choices(FORMATS)
      .default("auto"),
  )
  .option("-q, --quiet", "same as --format quiet")
  .option("--offline", "take from the Hugging Face hub only what its cache holds; as HF_HUB_OFFLINE=1")
  .option("--debug", "show stacks of errors")
  .configureHelp({ showGlobalOptions: true })
  .showHelpAfterError("(add --help for what there is)")
  .exitOverride();

const start = async (job: string, options: unknown): Promise<void> => {
  const { format, quiet, offline, debug } = program.opts<{
    format: Format;
    quiet?: boolean;
    offline?: boolean;
    debug?: boolean;
  }>();
  // The working thread is born with this thread's environment.
  if (offline === true) process.env.HF_HUB_OFFLINE = "1";
  const resume = ["heartcut", ...process.argv.slice(2).map(shellWord)].join(" ");
  const { runToEnd } = await import("./session.ts");
  process.exitCode = await runToEnd(
    job,
    options,
    { format: quiet === true ? "quiet" : format, debug: debug === true },
    resume,
  );
};

const groups: [string, ((program: Command, run: typeof start) => void)[]][] = [
  ["Whole runs:", [defineDemo, defineCheck, defineEstimate, defineRun, defineReport, defineExport]],
  ["Stages of token rationales:", [defineTask, defineFinetune, defineAttribute, defineRationales, defineAnswer]],
  [
    "Stages of Difference Sampling:",
    [defineTokenizer, definePack, defineScore, defineSelect, defineConvert, defineTrain, defineEvaluate],
  ],
  ["Outputs of a teacher:", [defineCapture, defineSequences]],
  ["Hugging Face hub:", [defineDownload, definePush]],
  ["Science:", [defineScaling, defineAnalyze]],
  ["Looking around:", [defineGenerate, defineInspect, defineDoctor, defineSchema]],
];
for (const [title, defines] of groups) {
  program.commandsGroup(title);
  for (const define of defines) define(program, start);
}
for (const command of program.commands) command.exitOverride();

function shellWord(word: string): string {
  return /^[\w./:=@%+,-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

try {
  await program.parseAsync();
} catch (error) {
  if (!(error instanceof CommanderError)) throw error;
  process.exitCode = error.exitCode === 0 ? EXIT.ok : EXIT.usage;
}
