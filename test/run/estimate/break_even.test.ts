import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { HeartcutError } from "../../../src/errors.ts";
import { breakEven, breakEvenPoint } from "../../../src/run/estimate/break_even.ts";

const cost = { student: "small", positions: 1000, own: 6, teacher: 4 };

describe("break-even point", () => {
  it("is offline FLOPs over what each training saves, by hand", () => {
    // 8,000 of reference and scoring, 20,000 of the teacher's own training; a teacher beside takes 4 · 1,000.
    const rows = breakEven({ teacherTraining: 20_000, rest: 8000 }, cost, [0.5]);
    expect(
      rows.map(({ against, teacherTraining, students, tokens }) => [against, teacherTraining, students, tokens]),
    ).toEqual([
      ["vanilla KD", false, 2, 2000],
      // Half of 6 · 1,000.
      ["plain training", false, 8000 / 3000, 8000 / 3],
      ["vanilla KD", true, 7, 7000],
      ["plain training", true, 28_000 / 3000, 28_000 / 3],
    ]);
  });

  it("does not tell twice of a teacher that is brought along", () => {
    const rows = breakEven({ teacherTraining: 0, rest: 8000 }, cost, [0.1, 0.5]);
    expect(rows.map(({ teacherTraining }) => teacherTraining)).toEqual([false, false, false]);
  });

  it("holds: at that many trainings both ways cost the same", () => {
    const positive = fc.double({ min: 1e-3, max: 1e30, noNaN: true });
    fc.assert(
      fc.property(
        positive,
        positive,
        positive,
        fc.double({ min: 0.01, max: 0.99, noNaN: true }),
        (rest, own, teacher, saving) => {
          const [beside, plain] = breakEven({ teacherTraining: 0, rest }, { ...cost, own, teacher }, [saving]);
          const n = beside!.students!;
          expect((rest + n * 1000 * own) / (n * 1000 * (own + teacher))).toBeCloseTo(1, 6);
          const m = plain!.students!;
          expect((rest + m * 1000 * own * (1 - saving)) / (m * 1000 * own)).toBeCloseTo(1, 6);
          expect(plain!.tokens! / (m * 1000)).toBeCloseTo(1, 9);
        },
      ),
    );
  });

  it("is not known where amounts are not, and never where nothing is saved", () => {
    expect(breakEvenPoint(null, 5)).toBeNull();
    const rows = breakEven({ teacherTraining: null, rest: 8000 }, { ...cost, positions: null }, [0.5]);
    expect(rows.map(({ students, tokens }) => [students, tokens === null])).toEqual([
      [null, false],
      [null, false],
      [null, true],
      [null, true],
    ]);
    expect(() => breakEvenPoint(10, 0)).toThrow(HeartcutError);
    expect(() => breakEvenPoint(10, -0.1)).toThrow(/HC4356/);
  });
});
