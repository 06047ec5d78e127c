import type { CaseResult } from "./case.ts";

/** Tolerance |a - b| <= atol + rtol · |b|. */
export interface Tolerance {
  readonly atol: number;
  readonly rtol: number;
}

/** Collects the comparisons of one case: its largest absolute error and what broke its tolerance. */
export class Comparison {
  private largest = 0;
  private readonly faults: string[] = [];
  private count = 0;

  constructor(private readonly name: string) {}

  /** Compares arrays of numbers; NaN never passes. */
  close(what: string, got: ArrayLike<number>, want: ArrayLike<number>, { atol, rtol }: Tolerance): void {
    this.count++;
    if (got.length !== want.length) {
      this.faults.push(`${what}: ${got.length} values, expected ${want.length}`);
      return;
    }
    let worst = "";
    for (let i = 0; i < want.length; i++) {
      const error = Math.abs(got[i]! - want[i]!);
      if (error > this.largest || Number.isNaN(error)) this.largest = error;
      if (!(error <= atol + rtol * Math.abs(want[i]!)) && worst === "")
        worst = `${what}[${i}]: ${got[i]}, expected ${want[i]}`;
    }
    if (worst !== "") this.faults.push(worst);
  }

  /** Compares exactly. */
  equal(what: string, got: unknown, want: unknown): void {
    this.count++;
    const [a, b] = [JSON.stringify(got), JSON.stringify(want)];
    if (a !== b) this.faults.push(`${what}: ${a?.slice(0, 80)}, expected ${b?.slice(0, 80)}`);
  }

  result(): CaseResult {
    const passed = this.faults.length === 0 && this.count > 0;
    const note = passed ? `${this.count} comparisons` : this.faults.slice(0, 3).join("; ") || "nothing was compared";
    return { name: this.name, passed, largestError: this.largest, note };
  }
}
