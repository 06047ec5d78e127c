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
  provenance: { role: "teacher" | "reference"; model: string; sentence: string; parameters: number }[];
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
    selection: string;
  }[];
}
