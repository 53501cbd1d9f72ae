/**
 * @file The log of a run: a JSON object per line and event. A line is with the
 * operating system when the event is over, so a process that is killed loses none.
 */

import { formatError } from "../base/errors.ts";
import { builtin, fileError } from "../base/files.ts";
import type { TrainEvent } from "./events.ts";

/**
 * A listener that writes every event as a line of JSON to `path`. A run that begins anew empties the file; one that
 * goes on from a checkpoint drops the lines of what it is going to repeat.
 *
 * @throws {@link AcsconvError} `io` if the file cannot be written, `format` if it is no log
 *
 * @example
 * await trainer.fit({ onEvent: trainLog("run/log.jsonl") });
 */
export function trainLog(path: string): (event: TrainEvent) => void {
  const { appendFileSync, existsSync, renameSync, writeFileSync } = builtin("node:fs");
  return (event) => {
    const line = `${JSON.stringify(event)}\n`;
    try {
      if (event.type !== "start") {
        appendFileSync(path, line);
        return;
      }
      const isNew = event.step === 0 || !existsSync(path);
      const kept = isNew ? [] : readLog(path).filter((past) => isBefore(past, event));
      const aside = `${path}.tmp`;
      writeFileSync(aside, kept.map((past) => `${JSON.stringify(past)}\n`).join("") + line, { flush: true });
      renameSync(aside, path);
    } catch (error) {
      throw fileError("write", path, error);
    }
  };
}

/** Whether an event will not come again in a run that goes on from `start`. The end of an epoch is its evaluation. */
const isBefore = (past: TrainEvent, start: TrainEvent): boolean =>
  past.type === "epoch" ? past.epoch < start.epoch : past.step <= start.step;

/**
 * The events of a log. A last line that was cut off is left out.
 *
 * @throws {@link AcsconvError} `io` if it cannot be read, `format` if it is no log
 */
export function readLog(path: string): TrainEvent[] {
  let text: string;
  try {
    text = builtin("node:fs").readFileSync(path, "utf8");
  } catch (error) {
    throw fileError("read", path, error);
  }
  const lines = text.split("\n").slice(0, -1);
  return lines.map((line, i) => {
    const event = parse(line);
    if (event) return event;
    throw formatError(`"${path}" is no log of a training run: remove line ${i + 1}, or the file.`);
  });
}

function parse(line: string): TrainEvent | undefined {
  try {
    // JSON has no NaN, which a metric may be.
    const event = JSON.parse(line, (_, value: unknown) => value ?? Number.NaN) as TrainEvent;
    return typeof event.type === "string" && typeof event.step === "number" ? event : undefined;
  } catch {
    return undefined;
  }
}
