/** @file How long a run is going to take, before it begins. */

import type { TrainPlan } from "./plan.ts";

/** Steps that are timed, after a first one that also prepares. */
const TIMED_STEPS = 2;

/**
 * The seconds that a step takes: trains a few, and keeps nothing of them.
 *
 * @param plan - of {@link planTraining}, whose trainer writes nothing
 */
export async function measureSpeed({ trainer }: TrainPlan, signal: AbortSignal): Promise<number> {
  const enough = new AbortController();
  const seconds: number[] = [];
  await trainer.fit({
    signal: AbortSignal.any([signal, enough.signal]),
    onEvent(event) {
      if (event.type !== "step") return;
      seconds.push(event.seconds);
      if (seconds.length > TIMED_STEPS) enough.abort();
    },
  });
  // A run of one step has none but the first.
  const timed = seconds.length > 1 ? seconds.slice(1) : seconds;
  return timed.reduce((sum, time) => sum + time, 0) / timed.length;
}
