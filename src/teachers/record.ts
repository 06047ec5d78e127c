import type { TopLogProbs } from "../distill/record.ts";
import type { EosIds } from "../models/loss_mask.ts";
import type { StageContext } from "../progress.ts";
import type { DeviceChoice } from "../runtime/device.ts";
import type { Tokenizer } from "../tokenizers/tokenizer.ts";

/**
 * A causal teacher, whatever stands behind it: weights in this process, a GGUF file, a server, an exported graph.
 * Sequences are token ids of the teacher's own tokenizer; answers come in the order asked.
 */
export interface Teacher {
  /** For messages, lineage and reports: a folder, a file, a server and its model. Never a secret. */
  readonly name: string;
  /** Hash of all that decides its values, as far as it can be known; part of every record made with it. */
  readonly fingerprint: string;
  /** Ids from here on are refused. */
  readonly vocabSize: number;
  /** Longest sequence it can answer for, in tokens: its last token is only predicted, never read. Infinity without a limit. */
  readonly maxTokens: number;
  /**
   * -log p(ids[t+1] | ids[0..t]) in nats: n-1 values for each sequence of n ids.
   * @param options.eosId - packed documents do not see each other
   * @throws HeartcutError HC3302 at an id outside the vocabulary, HC3303 at a sequence too long; further HC33xx by backend
   */
  tokenNll(sequences: readonly Int32Array[], options?: { eosId?: EosIds | undefined }): Promise<Float32Array[]>;
  /** The k likeliest ids at each of the n-1 places; undefined where the backend gives none. @throws HeartcutError HC3304 for a k that cannot be had; as tokenNll */
  topLogProbs?(
    sequences: readonly Int32Array[],
    options: { k: number; eosId?: EosIds | undefined },
  ): Promise<TopLogProbs[]>;
  /** FLOPs of a forward pass per token at context length T; undefined where the size of the model is not known. */
  flopsPerToken?(T: number): number;
  dispose(): Promise<void>;
}

/** What surrounds a teacher: all of it optional, so that a spec alone opens one. */
export interface TeacherContext {
  /** Where models of this process run; default auto. */
  readonly device?: DeviceChoice | undefined;
  /** Threads of the engine; default: one per physical core. */
  readonly threads?: number | undefined;
  /** Tokens per engine call, at most; default BATCH_TOKENS. */
  readonly batchTokens?: number | undefined;
  /** The tokenizer that made the sequences: checked against the teacher's own vocabulary where the backend shows it. */
  readonly tokenizer?: Tokenizer | undefined;
  /** Who is told of trouble that was overcome, and whose signal stops waiting requests. */
  readonly stage?: StageContext | undefined;
  /** Where API keys are looked up; default process.env. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
}
