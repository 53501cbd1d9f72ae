/** @file Long work on stderr: a terminal shows a line that is drawn over and over, a log gets one now and then. */

import type { TrainEvent } from "acsconv/train";

/** A terminal is drawn anew, and a log gets a line, no more often than this. */
const [REDRAW_MS, LINE_MS] = [100, 10_000];

/** What is said of work that goes on. */
export interface Status {
  /** How far it is; most of these are not shown. */
  show(line: string): void;
  /** A line that stays. */
  say(line: string): void;
  /** Leaves the terminal in order; call it also when the work failed. */
  stop(): void;
}

export function startStatus(quiet: boolean): Status {
  const stream = process.stderr;
  let shownAt = performance.now();
  const write = (text: string): void => void (quiet || stream.write(text));
  return {
    show(line) {
      const now = performance.now();
      if (now - shownAt < (stream.isTTY ? REDRAW_MS : LINE_MS)) return;
      shownAt = now;
      write(stream.isTTY ? `\r${line.slice(0, (stream.columns || 80) - 1)}\u001B[K` : `${line}\n`);
    },
    say: (line) => write(stream.isTTY ? `\r\u001B[K${line}\n` : `${line}\n`),
    stop: () => write(stream.isTTY ? "\r\u001B[K" : ""),
  };
}

/** Says of a training how far it is, and what every epoch came to. */
export function trainingStatus(status: Status): (event: TrainEvent) => void {
  let [epochs, stepsPerEpoch] = [0, 0];
  return (event) => {
    if (event.type === "start") {
      ({ epochs, stepsPerEpoch } = event);
      if (event.step > 0) status.say(`going on after step ${event.step}, in epoch ${event.epoch}`);
    } else if (event.type === "step") {
      const { epoch, step, loss, stepsPerSecond } = event;
      const left = (epochs * stepsPerEpoch - step) / stepsPerSecond;
      const place = `epoch ${epoch}/${epochs} · ${step - (epoch - 1) * stepsPerEpoch}/${stepsPerEpoch} steps`;
      status.show(`${place} · loss ${loss.toPrecision(4)} · ${durationText(left)} left`);
    } else if (event.type === "epoch") {
      const { epoch, loss, metrics, seconds } = event;
      const dice = metrics["dice"] === undefined ? "" : ` · dice ${metrics["dice"].toPrecision(4)}`;
      status.say(`epoch ${epoch}/${epochs} · loss ${loss.toPrecision(4)}${dice} · ${durationText(seconds)}`);
    }
  };
}

/** `42 s`, `3 min`, `2.2 h` */
const durationText = (seconds: number): string => {
  if (seconds < 90) return `${seconds.toFixed(seconds < 9.95 ? 1 : 0)} s`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
};
