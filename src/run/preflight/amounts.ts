import type { Recipe } from "../recipe_schema.ts";
import type { Amount, Corpus } from "./corpus.ts";

/**
 * Share of an instance's places that the packer fills, where nothing could be packed on trial: it cuts where a sentence ends.
 * Measured 0.81 (length 128, 512 ids) to 0.99 (length 1,024, 50,000 ids).
 */
const FILL = 0.9;

/** What a recipe's data is likely to hold; undefined where only packing or scoring will tell. */
export class Amounts {
  constructor(
    private readonly recipe: Recipe,
    private readonly corpus: Corpus | undefined,
  ) {}

  /** What is scored and selected from, in the tokens of a tokenizer. */
  pool(tokenizer?: string): Amount | undefined {
    return this.inTokens(this.corpus?.pool, tokenizer);
  }

  /** What teacher or reference is trained on. */
  training(role: "teacher" | "reference"): Amount | undefined {
    return this.inTokens(this.corpus?.training[role] ?? this.whole(role), this.recipe[role].tokenizer);
  }

  /** What students of a selection are trained on: a part of the pool, or text that the teacher writes. */
  selection(name: string, tokenizer?: string): Amount | undefined {
    const { select, generate, pack } = this.recipe;
    const written = generate[name];
    if (written !== undefined) {
      const instances = written.count ?? this.corpus?.pool?.instances;
      const length = pack.length;
      const made = instances && { instances, tokens: instances * (length + 1), positions: instances * length };
      return this.inTokens(made || undefined, tokenizer);
    }
    const settings = select[name]!;
    const pool = this.pool();
    if (settings.method === "all" || pool === undefined) return this.inTokens(pool, tokenizer);
    if (settings.tokens !== undefined) return this.inTokens(part(pool, settings.tokens / pool.tokens), tokenizer);
    return settings.ratio === undefined ? undefined : this.inTokens(part(pool, settings.ratio), tokenizer);
  }

  /** A held-out set of documents, of which `where` may leave less. */
  heldOut(maxTokens: number | undefined): Amount | undefined {
    const pool = this.corpus?.uncut ?? this.pool();
    const { heldOutShare } = this.recipe.corpus;
    if (pool === undefined) return undefined;
    const share = heldOutShare / (1 - heldOutShare);
    return part(pool, Math.min(share, (maxTokens ?? Number.POSITIVE_INFINITY) / pool.tokens));
  }

  /** Bytes of text that a token of the recipe's own tokenizer stands for. */
  bytesPerToken(): number | undefined {
    const rate = this.corpus?.tokensPerByte.get(undefined);
    return rate === undefined || rate === 0 ? undefined : 1 / rate;
  }

  /** Label positions of an instance on average. */
  meanPositions(amount: Amount | undefined): number {
    const { length, mode } = this.recipe.pack;
    if (amount !== undefined && amount.instances > 0) return amount.positions / amount.instances;
    return mode === "document" ? length : (length + 1) * FILL - 1;
  }

  /** The pool, unless the role has a part of its own that is not known. */
  private whole(role: "teacher" | "reference"): Amount | undefined {
    const source = this.recipe[role];
    const cut = "train" in source && (source.train.where !== undefined || source.train.maxTokens !== undefined);
    return cut ? undefined : this.corpus?.pool;
  }

  private inTokens(amount: Amount | undefined, tokenizer: string | undefined): Amount | undefined {
    if (amount === undefined || tokenizer === undefined) return amount;
    const [theirs, own] = [tokenizer, undefined].map((name) => this.corpus?.tokensPerByte.get(name));
    return theirs === undefined || own === undefined ? undefined : part(amount, theirs / own);
  }
}

function part({ instances, tokens, positions }: Amount, share: number): Amount {
  const of = (n: number) => Math.round(n * share);
  return { instances: of(instances), tokens: of(tokens), positions: of(positions) };
}
