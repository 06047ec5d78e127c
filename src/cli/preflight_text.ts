import { printable } from "../errors.ts";
import type { Finding } from "../run/preflight/finding.ts";
import type { Preflight } from "../run/preflight/preflight.ts";
import { formatBytes, formatCount } from "./terminal.ts";

/** What a check found, for people: findings worded as errors are, then the figures as tables. */
export function preflightText(result: Preflight): string {
  const { recipe, findings } = result;
  const parts = [
    findings.map(findingText).join("\n"),
    computeText(result),
    memoryText(result),
    diskText(result),
    conclusion(recipe, findings),
  ];
  return printable(parts.filter((part) => part !== "").join("\n\n"));
}

const MARKS: Readonly<Record<Finding["level"], string>> = { ok: "ok   ", warning: "warn ", error: "ERROR" };

/** A finding, worded as errors are. */
export function findingText({ level, subject, code, what, ...details }: Finding): string {
  const indent = " ".repeat(18);
  const lines = (["where", "found", "expected", "why", "fix"] as const).flatMap((key) => {
    const text = details[key];
    return text === undefined
      ? []
      : [`${indent}${key.padEnd(9)} ${text.replaceAll("\n", `\n${indent}${" ".repeat(10)}`)}`];
  });
  return [`${MARKS[level]} ${subject.padEnd(11)} ${code === undefined ? "" : `${code}: `}${what}`, ...lines].join("\n");
}

const unknown = "not yet known";
const flops = (n: number | null) => (n === null ? unknown : n.toExponential(2).replace("e+", "e"));
const count = (n: number | null) => (n === null ? unknown : formatCount(n));

function computeText({ compute }: Preflight): string {
  if (compute === null) return "";
  const shared = compute.shared.map((work) => [work.stage, flops(work.flops), work.students.join(", ") || "nobody"]);
  const students = compute.students.map((student) => [
    student.trainings === 1 ? student.name : `${student.name} (${student.trainings} seeds)`,
    formatCount(student.parameters),
    student.flopsPerPosition.toExponential(2).replace("e+", "e"),
    count(student.steps),
    count(student.positions),
    flops(student.flops),
    `${Math.round(100 * student.besideShare)} %`,
    flops(student.sharedFlops),
    count(student.equalSteps),
    count(student.equalStepsWithShared),
  ]);
  const heads = [
    ["student", "parameters", "FLOPs/position", "steps", "positions", "FLOPs", "teacher beside", "its part of above"],
    [`steps equal to ${compute.baseline}`, "with both parts"],
  ].flat();
  return [
    table(["done once", "FLOPs", "needed by"], shared),
    ...(students.length === 0 ? [] : [table(heads, students)]),
  ].join("\n\n");
}

/** Memory of stages at their peak. */
export function memoryText({ memory }: Pick<Preflight, "memory">): string {
  if (memory === null || memory.stages.length === 0) return "";
  const rows = memory.stages.map(({ stage, bytes, weights, optimizer, activations }) => [
    stage,
    ...[bytes, weights, optimizer, activations].map(formatBytes),
  ]);
  return table(["memory at its peak", "all", "weights", "optimizer", "activations"], rows);
}

/** Files by kind. */
export function diskText({ disk }: Pick<Preflight, "disk">): string {
  if (disk === null || disk.uses.length === 0) return "";
  return table(
    ["disk", "bytes"],
    disk.uses.map(({ kind, bytes }) => [kind, bytes === null ? unknown : formatBytes(bytes)]),
  );
}

function conclusion(recipe: string, findings: readonly Finding[]): string {
  const number = (level: Finding["level"]) => findings.filter((finding) => finding.level === level).length;
  const [errors, warnings] = [number("error"), number("warning")];
  const counted = `${errors} ${errors === 1 ? "error" : "errors"}, ${warnings} ${warnings === 1 ? "warning" : "warnings"}`;
  return errors > 0 ? `${recipe}: ${counted}; the run would fail` : `${recipe}: ${counted}; ready to run`;
}

/** Columns as wide as their longest cell; numbers stand on the right. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]!.length)));
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) =>
        /^[\d.,]+( |e|$)/.test(cell) && column > 0 ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!),
      )
      .join("  ")
      .trimEnd();
  return [head, ...rows].map(line).join("\n");
}
