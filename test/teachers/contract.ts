import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Teacher } from "../../src/teachers/record.ts";
import type { Truth } from "./truth.ts";

const TOLERANCE = 1e-3;

/**
 * What every teacher backend must do, whatever stands behind it. Values are compared with Truth.
 * @param open - opens a teacher with the weights of `truth`   @param skipped - why it cannot run here
 */
export function teacherContract(
  name: string,
  open: () => Promise<Teacher>,
  truth: () => Truth,
  { skipped, top = true }: { skipped?: string | undefined; top?: boolean } = {},
): void {
  describe.skipIf(skipped !== undefined)(`${name}: ${skipped ?? "as every teacher"}`, () => {
    let teacher: Teacher;
    let worst = 0;
    beforeAll(async () => {
      teacher = await open();
    });
    afterAll(async () => {
      await teacher?.dispose();
      if (worst > 0) console.info(`${name}: largest difference ${worst.toExponential(1)} nats`);
    });

    const equal = (found: ArrayLike<number>, expected: ArrayLike<number>) => {
      expect(found.length).toBe(expected.length);
      for (let i = 0; i < expected.length; i++) worst = Math.max(worst, Math.abs(found[i]! - expected[i]!));
      expect(worst).toBeLessThan(TOLERANCE);
    };

    it("gives n-1 NLLs of ragged sequences, as our own graphs", async () => {
      const sequences = truth().sequences();
      const nll = await teacher.tokenNll(sequences);
      expect(nll).toHaveLength(sequences.length);
      for (const [i, ids] of sequences.entries()) equal(nll[i]!, await truth().nll(ids));
      expect(await teacher.tokenNll([])).toEqual([]);
    });

    it("agrees with transformers on a real text", async ({ skip }) => {
      const { golden } = truth();
      if (golden === undefined) return skip("skipped: no shared fixtures");
      equal((await teacher.tokenNll([golden.ids]))[0]!, golden.nll);
    });

    it("answers in the order asked, alone or together, one call at a time or several", async () => {
      const sequences = truth().sequences();
      const together = await teacher.tokenNll(sequences);
      const [backwards, half] = await Promise.all([
        teacher.tokenNll([...sequences].reverse()),
        teacher.tokenNll(sequences.slice(3)),
      ]);
      for (const [i, nll] of together.entries()) {
        equal(backwards[sequences.length - 1 - i]!, nll);
        equal((await teacher.tokenNll([sequences[i]!]))[0]!, nll);
      }
      for (const [i, nll] of half.entries()) equal(nll, together[i + 3]!);
    });

    it("keeps packed documents apart", async () => {
      const eosId = 2;
      const [a, , , b, c] = truth()
        .sequences()
        .map((ids) => ids.filter((id) => id !== eosId));
      const documents = [Int32Array.of(...a!, eosId), Int32Array.of(...b!, eosId), c!];
      const packed = Int32Array.of(...documents.flatMap((ids) => [...ids]));
      const expected: number[] = [];
      for (const [d, ids] of documents.entries()) {
        const next = documents[d + 1]?.[0];
        expected.push(...(await truth().nll(next === undefined ? ids : Int32Array.of(...ids, next))));
      }
      const [nll, open] = [await teacher.tokenNll([packed], { eosId }), await teacher.tokenNll([packed])];
      equal(nll[0]!, expected);
      expect(Math.max(...nll[0]!.map((x, t) => Math.abs(x - open[0]![t]!)))).toBeGreaterThan(0.01);
      expect(
        (await teacher.tokenNll([Int32Array.of(5, eosId), Int32Array.of(eosId)], { eosId })).map((x) => x.length),
      ).toEqual([1, 0]);
    });

    it("refuses ids outside its vocabulary and sequences too long", async () => {
      for (const id of [teacher.vocabSize, -1])
        await expect(teacher.tokenNll([Int32Array.of(1, 2), Int32Array.of(1, id)])).rejects.toThrow(
          /^HC3302: .*\n {2}where {5}.*sequence 1, place 1\n/,
        );
      expect(teacher.maxTokens).toBeGreaterThanOrEqual(511);
      const long = new Int32Array(Math.min(teacher.maxTokens, 1e6) + 1).fill(5);
      await expect(teacher.tokenNll([long])).rejects.toThrow(/^HC3303/);
    });

    it.skipIf(!top)("gives the likeliest tokens, sorted, of one mind with the NLLs", async () => {
      const sequences = truth().sequences();
      const k = 5;
      const answers = await teacher.topLogProbs!(sequences, { k });
      const nll = await teacher.tokenNll(sequences);
      for (const [i, ids] of sequences.entries()) {
        const { ids: best, logProbs } = answers[i]!;
        const places = Math.max(0, ids.length - 1);
        expect(best).toHaveLength(places * k);
        const rows = places === 0 ? [] : await truth().logProbs(ids.subarray(0, -1));
        for (const [t, row] of rows.entries()) {
          const mine = Array.from(logProbs.subarray(t * k, (t + 1) * k));
          equal(mine, Float64Array.from(row).sort().reverse().subarray(0, k));
          equal(
            mine,
            Array.from(best.subarray(t * k, (t + 1) * k), (id) => row[id]!),
          );
          expect(mine.every((x, j) => j === 0 || x <= mine[j - 1]!)).toBe(true);
          const at = best.subarray(t * k, (t + 1) * k).indexOf(ids[t + 1]!);
          if (at >= 0) equal([mine[at]!], [-nll[i]![t]!]);
        }
      }
      for (const wrong of [0, 1.5, teacher.vocabSize + 1])
        await expect(teacher.topLogProbs!(sequences, { k: wrong })).rejects.toThrow(/^HC3304/);
    });

    it("has a name and a fingerprint that come out the same each time", async () => {
      const again = await open();
      expect([again.name, again.fingerprint]).toEqual([teacher.name, teacher.fingerprint]);
      expect(again.fingerprint).toMatch(/^[0-9a-f]{64}$/);
      await again.dispose();
      await again.dispose();
    });
  });
}
