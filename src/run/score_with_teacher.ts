import type { StageContext } from "../progress.ts";
import type { DeviceChoice } from "../runtime/device.ts";
import type { ScoreSummary } from "../score/files.ts";
import { type ScoreInput, scoreModel } from "../score/score.ts";
import { openTeacher } from "../teachers/open.ts";
import type { Teacher } from "../teachers/record.ts";
import type { TeacherSpecInput } from "../teachers/spec.ts";
import { loadTokenizer, type Tokenizer } from "../tokenizers/tokenizer.ts";
import { requireSameScores } from "./same_scores.ts";
import { requireInstancesIn, requireSameVocabulary } from "./vocabulary.ts";

/** A teacher and the tokenizer that made what it is to read. */
export interface TeacherWithTokenizer {
  /** Folder, GGUF file, server or exported graph. */
  teacher: TeacherSpecInput;
  /** What records call it, where that is not the place it lies at. */
  name?: string | undefined;
  /** Folder of the tokenizer that made the instances. */
  tokenizer: string;
  /** Folder of what it is to read: held against the tokenizer. */
  instances?: string | undefined;
  device: DeviceChoice;
  batchTokens?: number | undefined;
}

/**
 * Opens a teacher for work in one tokenizer's ids, and closes it afterwards.
 * @throws HeartcutError HC4105 for a model or instances of another tokenizer; as openTeacher
 */
export async function withTeacher<T>(
  { teacher: spec, name, tokenizer: folder, instances, device, batchTokens }: TeacherWithTokenizer,
  context: StageContext,
  use: (teacher: Teacher, tokenizer: Tokenizer) => Promise<T>,
): Promise<T> {
  const tokenizer = await loadTokenizer(folder);
  if (instances !== undefined) await requireInstancesIn(tokenizer, folder, [instances]);
  if ("path" in spec) await requireSameVocabulary(spec.path, tokenizer, folder, context);
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
    Pick<ScoreInput, "folder" | "mask" | "shardInstances" | "perToken" | "documentBarrier"> {
  /** Folder of packed instances. */
  instances: string;
}

/**
 * Scores a folder of instances with any teacher. FLOPs are 0 where the size of the model is not known.
 * @throws HeartcutError HC1053 for a folder of other scores; as withTeacher and scoreModel
 */
export async function scoreWithTeacher(
  { teacher: spec, name, tokenizer: folder, device, ...settings }: ScoreWithTeacherInput,
  context: StageContext,
): Promise<{ summary: ScoreSummary; flops: number }> {
  const { batchTokens, instances } = settings;
  const opened = { teacher: spec, name, tokenizer: folder, instances, device, batchTokens };
  return withTeacher(opened, context, async (teacher, tokenizer) => {
    await requireSameScores({ ...settings, model: teacher.fingerprint }, context);
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
