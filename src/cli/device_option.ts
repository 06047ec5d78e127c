import { HeartcutError } from "../errors.ts";
import { DEVICE_CHOICES, type DeviceChoice } from "../runtime/device.ts";

/** The device named on the command line. @throws HeartcutError HC4202 for any other word */
export function deviceChoice(text: string): DeviceChoice {
  const choice = DEVICE_CHOICES.find((each) => each === text);
  if (choice !== undefined) return choice;
  throw new HeartcutError("HC4202", {
    what: "unknown device",
    where: `--device ${text}`,
    expected: DEVICE_CHOICES.join(", "),
    fix: "--device auto takes the fastest one there is",
  });
}
