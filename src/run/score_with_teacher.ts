import type { StageContext } from "../progress.ts";
import type { DeviceChoice } from "../runtime/device.ts";
import type { ScoreSummary } from "../score/files.ts";
import { type ScoreInput, scoreModel } from "../score/score.ts";
import { openTeacher } from "../teachers/open.ts";
import type { Teacher } from "../teachers/record.ts";
import type { TeacherSpecInput } from "../teachers/spec.ts";
import { loadTokenizer, type Tokenizer } from "../tokenizers/tokenizer.ts";
import { requireSameVocabulary } from "./vocabulary.ts";

/** A teacher and the tokenizer that made what it is to read. */
export interface TeacherWithTokenizer {
  /** Folder, GGUF file, server or exported graph. */
  teacher: TeacherSpecInput;
  /** What records call it, where that is not the place it lies at. */
  name?: string | undefined;
  /** Folder of the tokenizer that made the instances. */
  tokenizer: string;
  device: DeviceChoice;
  batchTokens?: number | undefined;
}

/**
 * Opens a teacher for work in one tokenizer's ids, and closes it afterwards.
 * @throws HeartcutError HC4105 for a model of another tokenizer; as openTeacher
 */
export async function withTeacher<T>(
  { teacher: spec, name, tokenizer: folder, device, batchTokens }: TeacherWithTokenizer,
  context: StageContext,
  use: (teacher: Teacher, tokenizer: Tokenizer) => Promise<T>,
): Promise<T> {
  const tokenizer = await loadTokenizer(folder);
  if ("path" in spec) await requireSameVocabulary(spec.path, tokenizer, folder);
  const teacher = await openTeacher(spec, { device, batchTokens, tokenizer, stage: context });
  try {
    return await use(name === undefined ? teacher : { ...teacher, name }, tokenizer);
  } finally {
    await teacher.dispose();
  }
}

/** Input of scoreWithTeacher: folders and specs instead of opened things. */
export interface ScoreWithTeacherInput
  extends TeacherWithTokenizer,
    Pick<ScoreInput, "instances" | "folder" | "mask" | "shardInstances" | "perToken" | "documentBarrier"> {}

/** Scores a folder of instances with any teacher. FLOPs are 0 where the size of the model is not known. @throws as withTeacher and scoreModel */
export async function scoreWithTeacher(
  { teacher: spec, name, tokenizer: folder, device, ...settings }: ScoreWithTeacherInput,
  context: StageContext,
): Promise<{ summary: ScoreSummary; flops: number }> {
  const { batchTokens } = settings;
  const opened = { teacher: spec, name, tokenizer: folder, device, batchTokens };
  return withTeacher(opened, context, async (teacher, tokenizer) => {
    const summary = await scoreModel(
      {
        ...settings,
        model: teacher,
        modelFingerprint: teacher.fingerprint,
        vocabSize: teacher.vocabSize,
        ids: { eosId: tokenizer.specials.eos, padId: tokenizer.specials.pad },
      },
      context,
    );
    const perToken = teacher.flopsPerToken?.(Math.round(summary.tokens / summary.instances)) ?? 0;
    return { summary, flops: summary.tokens * perToken };
  });
}
