import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { listSupportedBackends } from "onnxruntime-node";
import { HeartcutError } from "../errors.ts";

export type DeviceName = "cpu" | "cuda" | "webgpu";
export type DeviceChoice = DeviceName | "auto";
export const DEVICE_CHOICES: readonly DeviceChoice[] = ["auto", "cpu", "cuda", "webgpu"];

/**
 * The engine lists CUDA on every Linux and Windows, but loads it from a library that its install script fetches and
 * that needs a driver: both are looked for.
 */
function cudaIsThere(): boolean {
  const entry = createRequire(import.meta.url).resolve("onnxruntime-node");
  const folder = join(dirname(entry), "..", "bin", "napi-v6", process.platform, process.arch);
  const library = process.platform === "win32" ? "onnxruntime_providers_cuda.dll" : "libonnxruntime_providers_cuda.so";
  return existsSync(join(folder, library)) && (process.platform !== "linux" || existsSync("/dev/nvidiactl"));
}

/** What the installed engine can run on. */
export function availableDevices(): DeviceName[] {
  const names = new Set(listSupportedBackends().map((backend) => backend.name));
  return (["cpu", "cuda", "webgpu"] as const).filter((name) => names.has(name) && (name !== "cuda" || cudaIsThere()));
}

const MEND: Record<DeviceName, string> = {
  cpu: "reinstall onnxruntime-node: its CPU library is missing",
  cuda: "on Linux x64 with an NVIDIA driver and CUDA 12: remove onnxruntime-node-install=skip from .npmrc, then npm rebuild onnxruntime-node; or use --device cpu",
  webgpu: "install a Vulkan (Linux), Metal (macOS) or D3D12 (Windows) driver; or use --device cpu",
};

/** The error for a device that is named but not there; it says how to get it. */
export function deviceUnavailable(device: DeviceName, cause?: unknown): HeartcutError {
  const reason = cause instanceof Error ? cause.message.split("\n")[0] : undefined;
  return new HeartcutError(
    "HC1201",
    {
      what: `device ${device} is not available`,
      found: reason ?? `devices of this installation: ${availableDevices().join(", ")}`,
      fix: MEND[device],
    },
    { cause },
  );
}

/** `auto` is CUDA where the engine has it, else the CPU: WebGPU is taken only when asked for. */
export function resolveDevice(choice: DeviceChoice): DeviceName {
  const devices = availableDevices();
  if (choice === "auto") return devices.includes("cuda") ? "cuda" : "cpu";
  if (!devices.includes(choice)) throw deviceUnavailable(choice);
  return choice;
}
