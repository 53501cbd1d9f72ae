/** @file Whether a training step fits into memory, told before the run instead of by the process's end. */

import { inputError } from "../../base/errors.ts";
import { builtin } from "../../base/files.ts";
import { targetOf } from "../../compile/targets/index.ts";
import { bytes } from "../../report/figures.ts";
import type { RunConfig } from "./config-fields.ts";

/**
 * @param peakBytes - of the process, as estimated
 * @param onWarning - told if it fits, but not beside what else is running
 */
export function checkMemory(
  peakBytes: number,
  { device }: RunConfig,
  onWarning: (sentence: string) => void = () => undefined,
): void {
  if (!targetOf(device).memory) return;
  const step = `A training step takes about ${bytes(peakBytes)}`;
  const remedy = "trade time for memory, such as by --memory 4GB, or choose a smaller batch or size";
  // Without a limit it is 0, or more than any machine has.
  const limit = process.constrainedMemory() || Infinity;
  const total = Math.min(limit, builtin("node:os").totalmem());
  if (peakBytes > total) throw inputError(`${step}, and there are ${bytes(total)} in all: ${remedy}.`);
  const available = process.availableMemory();
  if (peakBytes > available)
    onWarning(`${step}, and only ${bytes(available)} are free now: end other programs, or ${remedy}.`);
}
