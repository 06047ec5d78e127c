import { listSupportedBackends } from "onnxruntime-node";
import { HeartcutError } from "../errors.ts";

export type DeviceName = "cpu" | "cuda" | "webgpu";
export type DeviceChoice = DeviceName | "auto";
export const DEVICE_CHOICES: readonly DeviceChoice[] = ["auto", "cpu", "cuda", "webgpu"];

/** What the installed engine can run on. */
export function availableDevices(): DeviceName[] {
  const names = new Set(listSupportedBackends().map((backend) => backend.name));
  return (["cpu", "cuda", "webgpu"] as const).filter((name) => names.has(name));
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
