import { statfs } from "node:fs/promises";
import { cpus, freemem, totalmem } from "node:os";
import type { Define } from "../command.ts";
import type { JobContext, JobResult } from "../job.ts";
import { packageVersion } from "../package_root.ts";
import { formatBytes } from "../terminal.ts";

/** One thing that is looked at. */
interface Check {
  name: string;
  ok: boolean;
  found: string;
  /** How to mend it, where it is not as it should be. */
  fix?: string;
}

export const define: Define = (program, start) => {
  program
    .command("doctor")
    .description("Check this machine: versions, engine, devices, memory, disk; for issues and first aid")
    .option("--json", "same as --format json")
    .action(({ json }: { json?: boolean }) => {
      if (json === true) program.setOptionValue("format", "json");
      return start("doctor", {});
    });
};

/** Looks at everything heartcut needs of a machine. */
export async function execute(_options: object, _context: JobContext): Promise<JobResult> {
  const checks = [
    { name: "heartcut", ok: true, found: packageVersion() },
    checkNode(),
    { name: "platform", ok: true, found: `${process.platform} ${process.arch}` },
    { name: "processor", ok: true, found: `${cpus()[0]?.model.trim() ?? "unknown"}, ${cpus().length} logical cores` },
    checkMemory(),
    await checkDisk(),
    await checkEngine(),
    await checkTokenizers(),
    await checkDuckdb(),
  ];
  const text = checks.flatMap(({ name, ok, found, fix }) => [
    `${ok ? "ok  " : "BAD "} ${name.padEnd(18)} ${found}`,
    ...(fix === undefined ? [] : [`     ${" ".repeat(18)} ${fix}`]),
  ]);
  return { text: text.join("\n"), data: { ok: checks.every(({ ok }) => ok), checks } };
}

function checkNode(): Check {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  const ok = major > 20 || (major === 20 && minor >= 12);
  return { name: "Node.js", ok, found: process.versions.node, ...(!ok && { fix: "install Node.js 20.12 or later" }) };
}

function checkMemory(): Check {
  const ok = freemem() > 1e9;
  return {
    name: "memory",
    ok,
    found: `${formatBytes(freemem())} free of ${formatBytes(totalmem())}`,
    ...(!ok && { fix: "the quickstart wants 1 GB: close other programs" }),
  };
}

async function checkDisk(): Promise<Check> {
  const { bavail, bsize } = await statfs(process.cwd());
  const ok = bavail * bsize > 1e9;
  return {
    name: "disk here",
    ok,
    found: `${formatBytes(bavail * bsize)} free`,
    ...(!ok && { fix: "free some space, or run in another folder with --out" }),
  };
}

async function checkEngine(): Promise<Check> {
  return tryOut("ONNX Runtime", "npm install; onnxruntime-node needs glibc 2.28 or later on Linux", async () => {
    const { availableDevices } = await import("../../runtime/device.ts");
    const { environment } = await import("../../run/summary.ts");
    const version = environment({ device: "cpu" }).find(({ name }) => name === "ONNX Runtime")?.value;
    return `${version}, devices ${availableDevices().join(", ")}`;
  });
}

async function checkTokenizers(): Promise<Check> {
  return tryOut("tokenizers", "npm install; without it the slower pure JavaScript tokenizer is used", async () => {
    await import("tokenizers");
    return "native library loads";
  });
}

async function checkDuckdb(): Promise<Check> {
  return tryOut("DuckDB", "npm install; without it Parquet corpora cannot be read", async () => {
    const { version } = await import("@duckdb/node-api");
    return version();
  });
}

async function tryOut(name: string, fix: string, look: () => Promise<string>): Promise<Check> {
  try {
    return { name, ok: true, found: await look() };
  } catch (error) {
    return { name, ok: false, found: (error as Error).message.split("\n")[0]!, fix };
  }
}
