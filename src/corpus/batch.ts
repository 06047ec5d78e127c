/** A padded batch of instances, row-major [B, T]. */
export interface PaddedBatch {
  batch: number;
  length: number;
  input_ids: Int32Array;
  label: Int32Array;
  /** 1 on real input positions. */
  attention_mask: Uint8Array;
  /** 1 where the prediction counts. */
  loss_mask: Uint8Array;
}

/**
 * Instances as a training batch: input = tokens without the last, label = tokens without the first, both padded on the right.
 * A position counts unless its input token is EOS or padding: EOS is predicted, the token after it is not.
 * @param length - T; default the longest instance less one. Longer instances are cut.
 * @returns int32[B,T] and uint8[B,T]   Source: MiniPLM's collate
 */
export function padBatch(
  instances: readonly ArrayLike<number>[],
  { pad, eos, length: wanted }: { pad: number; eos: number; length?: number },
): PaddedBatch {
  const batch = instances.length;
  const length = wanted ?? Math.max(0, ...instances.map((tokens) => tokens.length - 1));
  const input_ids = new Int32Array(batch * length).fill(pad);
  const label = new Int32Array(batch * length).fill(pad);
  const attention_mask = new Uint8Array(batch * length);
  const loss_mask = new Uint8Array(batch * length);
  instances.forEach((tokens, row) => {
    const real = Math.min(length, tokens.length - 1);
    for (let i = 0; i < real; i++) {
      const at = row * length + i;
      input_ids[at] = tokens[i]!;
      label[at] = tokens[i + 1]!;
      attention_mask[at] = 1;
      loss_mask[at] = isScored(tokens[i]!, { pad, eos }) ? 1 : 0;
    }
  });
  return { batch, length, input_ids, label, attention_mask, loss_mask };
}

/** Whether the prediction made from this input token counts. */
export function isScored(input: number, { pad, eos }: { pad: number; eos: number }): boolean {
  return input !== eos && input !== pad;
}
