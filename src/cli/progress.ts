/**
 * @file Progress of long work on stderr: a bar with rate and time left on a
 * terminal; elsewhere (a log, CI) a plain line at every tenth, or every 10 s.
 */

import { printable } from "../base/printable.ts";

const BAR_WIDTH = 24;
/** A terminal is drawn anew, and a log gets a line, no more often than this. */
export const REDRAW_MS = 100;
export const LINE_MS = 10_000;

export interface Progress {
  /** `done` of `total`, since the start. */
  update(done: number, total: number): void;
  /** Ends the line; call it also when the work failed. */
  stop(): void;
}

/**
 * @param title - what is being done, such as `scan.nii.gz`
 * @param unit - what is counted, such as `windows`
 */
export function startProgress(title: string, unit: string, quiet: boolean): Progress {
  const label = printable(title);
  const stream = process.stderr;
  const start = performance.now();
  let drawnAt = -Infinity;
  let drawn = 0;
  let done = 0;
  let total = 0;

  /** `12/48 patches · 3.1 patches/s · 12 s left` */
  const status = (): string => {
    const seconds = (performance.now() - start) / 1000;
    const rate = seconds > 0 ? done / seconds : 0;
    const counted = `${done}/${total} ${unit}`;
    if (done === 0 || rate === 0) return counted;
    if (done >= total) return `${counted} · ${formatDuration(seconds)}`;
    return `${counted} · ${formatRate(rate, unit)} · ${formatDuration((total - done) / rate)} left`;
  };

  const drawBar = (): void => {
    const line = `${label}  ${formatBar(done, total)}  ${status()}`;
    // Back to the line's start, and clear what a longer line left behind.
    stream.write(`\r${line.slice(0, (stream.columns || 80) - 1)}\u001B[K`);
  };
  const drawLine = (): void => {
    stream.write(`${label}: ${Math.floor((100 * done) / Math.max(1, total))}% · ${status()}\n`);
  };

  const draw = (): void => {
    const now = performance.now();
    const isComplete = done >= total;
    const isDue = stream.isTTY
      ? now - drawnAt >= REDRAW_MS
      : now - Math.max(drawnAt, start) >= LINE_MS || done - drawn >= total / 10;
    if (!isDue && !isComplete) return;
    if (stream.isTTY) drawBar();
    else drawLine();
    drawnAt = now;
    drawn = done;
  };

  return {
    update(nowDone, ofTotal) {
      done = nowDone;
      total = ofTotal;
      if (!quiet) draw();
    },
    stop() {
      if (!quiet && stream.isTTY && drawnAt > -Infinity) {
        drawBar();
        stream.write("\n");
      }
    },
  };
}

/** `████████░░░░░░░░░░░░░░░░` */
export function formatBar(done: number, total: number): string {
  const filled = Math.round((BAR_WIDTH * done) / Math.max(1, total));
  return "█".repeat(filled) + "░".repeat(BAR_WIDTH - filled);
}

/** `3.1 patches/s`, or `12.0 s each` */
export const formatRate = (perSecond: number, unit: string): string =>
  perSecond >= 1 ? `${perSecond.toFixed(1)} ${unit}/s` : `${(1 / perSecond).toFixed(1)} s each`;

/** `0.8 s`, `42 s`, `3 min 05 s`, `2 h 10 min` */
export function formatDuration(seconds: number): string {
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const pad = (n: number): string => String(n).padStart(2, "0");
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${pad(whole % 60)} s`;
  const minutes = Math.round(seconds / 60);
  return `${Math.floor(minutes / 60)} h ${pad(minutes % 60)} min`;
}
