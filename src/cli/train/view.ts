/**
 * @file Training as it goes on, on stderr. A terminal shows a line for every finished epoch and below them a block that
 * is drawn over and over; elsewhere (a log, CI) there are plain lines, for every epoch and every 10 s.
 */

import type { EventOf, TrainEvent } from "../../train/events.ts";
import { LINE_MS, REDRAW_MS, formatBar, formatDuration, formatRate } from "../progress.ts";
import { printable } from "../../base/printable.ts";

export interface TrainView {
  onEvent(event: TrainEvent): void;
  /** A line that stays. */
  say(line: string): void;
  /** Leaves the terminal in order; call it also when training failed. */
  stop(): void;
}

/** How much one step's loss moves the loss that is shown: about the mean of the last 20. */
const SMOOTHING = 0.05;

/** @param monitor - the value that finished epochs are shown with; `loss` always is */
export function startTrainView(monitor: string, quiet: boolean): TrainView {
  const stream = process.stderr;
  const state = {
    epochs: 0,
    stepsPerEpoch: 0,
    /** Steps of this process, for the mean of the first ones. */
    steps: 0,
    loss: NaN,
    best: "",
    /** Of the last evaluation, which later epochs will take, too. */
    evaluationSeconds: 0,
    lastStepAt: 0,
  };
  let drawnAt = performance.now();
  let linesDrawn = 0;

  /** Replaces the block by `above`, which stays, and a new block. */
  const draw = (above: readonly string[], block: readonly string[]): void => {
    const width = (stream.columns || 80) - 1;
    const up = linesDrawn > 0 ? `\u001B[${linesDrawn}F` : "";
    const lines = [...above, ...block.map((line) => line.slice(0, width))].map(printable);
    stream.write(`${up}\u001B[J${lines.map((line) => `${line}\n`).join("")}`);
    linesDrawn = block.length;
    drawnAt = performance.now();
  };
  const say = (line: string): void => {
    if (stream.isTTY) draw([line], []);
    else stream.write(`${printable(line)}\n`);
  };

  const stop = (): void => {
    if (!quiet && stream.isTTY && linesDrawn > 0) draw([], []);
  };

  const secondsLeft = (epoch: number, step: number, stepsPerSecond: number): number =>
    (state.epochs * state.stepsPerEpoch - step) / stepsPerSecond +
    (state.epochs - epoch + 1) * state.evaluationSeconds;

  const onStep = (event: EventOf<"step">): void => {
    const { epoch, step, loss, learningRate, stepsPerSecond } = event;
    state.steps++;
    const share = Math.max(1 / state.steps, SMOOTHING);
    state.loss = state.steps === 1 ? loss : state.loss + (loss - state.loss) * share;
    state.lastStepAt = performance.now();
    const inEpoch = step - (epoch - 1) * state.stepsPerEpoch;
    const isLast = inEpoch === state.stepsPerEpoch;
    const waited = performance.now() - drawnAt;
    if (waited < (stream.isTTY ? REDRAW_MS : LINE_MS) && !(stream.isTTY && isLast)) return;

    const name = `epoch ${epoch}/${state.epochs}`;
    const counted = `${inEpoch}/${state.stepsPerEpoch} steps`;
    const rate = formatRate(stepsPerSecond, "steps");
    const left = `${formatDuration(secondsLeft(epoch, step, stepsPerSecond))} left`;
    const facts = [`loss ${figure(state.loss)}`, `learning rate ${Number(learningRate.toPrecision(3))}`];
    if (stream.isTTY) {
      const bar = `${name}  ${formatBar(inEpoch, state.stepsPerEpoch)}  ${counted} · ${rate} · ${left}`;
      draw([], [bar, [...facts, ...(state.best ? [`best ${state.best}`] : [])].join(" · ")]);
    } else {
      say([name, counted, ...facts, rate, left].join(" · "));
      drawnAt = performance.now();
    }
  };

  const onEpoch = ({ epoch, loss, metrics, best, seconds }: EventOf<"epoch">): void => {
    state.evaluationSeconds = (performance.now() - state.lastStepAt) / 1000;
    const value = metrics[monitor];
    const shown = value === undefined ? `loss ${figure(loss)}` : `${monitor} ${figure(value)}`;
    if (best) state.best = `${shown} (epoch ${epoch})`;
    const facts = [
      `epoch ${epoch}/${state.epochs}`,
      `loss ${figure(loss)}`,
      ...(value === undefined ? [] : [shown]),
      formatDuration(seconds),
    ];
    say(`${facts.join(" · ")}${best && value !== undefined ? "  ← best" : ""}`);
  };

  const onEvent = (event: TrainEvent): void => {
    switch (event.type) {
      case "start":
        Object.assign(state, { epochs: event.epochs, stepsPerEpoch: event.stepsPerEpoch });
        if (event.epoch > event.epochs) say(`all ${event.epochs} epochs are done: nothing is left to train`);
        else if (event.step > 0) say(`going on after step ${event.step}, in epoch ${event.epoch}`);
        break;
      case "step":
        onStep(event);
        break;
      case "epoch":
        onEpoch(event);
        break;
      case "stop":
        say(`stopped: no better epoch than ${event.best.epoch} in the last ${event.patience}`);
        break;
      case "interrupted":
      case "end":
        stop();
        break;
      case "checkpoint":
        break;
    }
  };
  return {
    onEvent: quiet ? () => {} : onEvent,
    say: quiet ? () => {} : say,
    stop,
  };
}

/** Four digits: 0.4132, 1.000e-5 */
export const figure = (value: number): string => {
  const size = Math.abs(value);
  if (!Number.isFinite(value) || value === 0) return String(value);
  return size < 1e-3 || size >= 1e5 ? String(Number(value.toPrecision(4))) : value.toPrecision(4);
};
