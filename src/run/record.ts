/** What a finished (or half finished) run says about itself; with the stage records this is all a report reads. */
export interface RunSummary {
  name: string;
  heartcutVersion: string;
  /** The resolved recipe as YAML text. */
  recipe: string;
  seed: number;
  /** Where it ran: Node and engine version, device, processor, threads. No host names. */
  environment: { name: string; value: string }[];
  /** What the teacher and the reference are and what they were trained on, in a sentence each. */
  provenance: {
    role: "teacher" | "reference";
    model: string;
    sentence: string;
    /** Absent for a model that is asked in another process. */
    parameters?: number;
  }[];
  corpus: {
    documents: number;
    bytes: number;
    sources: number;
    tokens: number;
    instances: number;
    heldOutDocuments: number;
  };
  stages: {
    stage: string;
    seconds: number;
    reused: boolean;
    files: { name: string; bytes: number; sha256: string }[];
    flops?: number;
  }[];
  students: {
    /** Display name, e.g. "difference". Students of one name differ by seed only. */
    name: string;
    seed: number;
    folder: string;
    /** Name of the selection, or of the teacher's text, that it is trained on. */
    selection: string;
    /** Absent from runs of versions before 0.2. */
    plan?: StudentPlan;
  }[];
}

/** What a student is, and what it learns from what. */
export interface StudentPlan {
  /** Hugging Face model_type. */
  family: string;
  /** In the field's words: LM, vanilla KD, stored top-64 KD, GKD, MiniLLM, SeqKD, also with "+ token mask". */
  method: string;
  /** What is minimised, in words that fit "trained with …". */
  loss: string;
  /** Where its text comes from: kept of the corpus, or written by the teacher. */
  text: "selection" | "teacher";
  /** Stages whose compute came before its training, once for all students that learn from them. */
  records: string[];
  /** Whether the teacher reads along, which the FLOPs of the training then hold. */
  readsAlong: boolean;
  /** Name under `tokenizers`, where it does not read the recipe's own tokens. */
  tokenizer?: string;
  /** Student that it is compared with. */
  baseline?: string;
  /** Student whose training FLOPs it was given. */
  flopsOf?: string;
}
