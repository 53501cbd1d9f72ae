/**
 * @file The report page of a training run: curves, measures by class, pictures and the configuration. It is a function
 * of what the run reported so far, so it can be written again after every epoch; while a run goes on, the page reads
 * itself anew.
 */

import { type EventOf, type TrainEvent, partsOf } from "../events.ts";
import { type Series, curves } from "../../report/html/curves.ts";
import { type Markup, markup } from "../../report/html/markup.ts";
import { pageText, pictureLegend, section, sideBySide } from "../../report/html/page.ts";
import { labelVariable } from "../../report/html/palette.ts";
import { type Picture, picture } from "../../report/html/pictures.ts";
import { type Point, quantile, smoothed, tenths } from "../../report/html/points.ts";
import { figure, settingsTable, table } from "../../report/html/table.ts";

/** What a page tells of a run. */
export interface TrainingReport {
  readonly title: string;
  /** All events so far, as `fit` gives them and the log keeps them. */
  readonly events: readonly TrainEvent[];
  /** What the run was told, as JSON can hold it. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** Names of the classes in the order of their labels, for the colours of curves and pictures. */
  readonly classes?: readonly string[];
  /** Scans with truth and prediction: see `comparison`. */
  readonly overlays?: readonly Picture[];
  /** Scans whose classes stand in their titles. */
  readonly scans?: readonly Picture[];
}

type StepEvent = EventOf<"step">;
type EpochEvent = EventOf<"epoch">;

/** Seconds after which the page of a run that goes on reads itself again. */
const REFRESH = 30;

/**
 * One HTML file that needs nothing else.
 *
 * @example
 * await writeFiles([{ path: "run/report.html", chunks: [encoder.encode(trainingReport({ title, events }))] }]);
 */
export function trainingReport({
  title,
  events,
  config,
  classes = [],
  overlays = [],
  scans = [],
}: TrainingReport): string {
  const steps = events.filter((event) => event.type === "step");
  const epochs = events.filter((event) => event.type === "epoch");
  const measures = measuresOf(epochs);
  const legend = classes.length === 0 ? undefined : pictureLegend(classes.slice(1));
  return pageText({
    title,
    facts: facts(events, steps, epochs),
    ...(isRunning(events) && { refresh: REFRESH }),
    sections: [
      section("Training", sideBySide([lossChart(steps, measures), ...stepCharts(steps)])),
      ...(measures.length > 0
        ? [
            section(
              "Validation",
              sideBySide(metricCharts(measures, classes)),
              markup`<h3>Last and best values</h3>`,
              measureTable(measures.filter(({ metric }) => metric !== CONFUSION)),
              confusionTable(
                measures.filter(({ metric }) => metric === CONFUSION),
                classes,
              ),
            ),
          ]
        : []),
      ...(overlays.length > 0 ? [section("Cases", legend, sideBySide(overlays.map(picture)))] : []),
      ...(scans.length > 0 ? [section("Scans", sideBySide(scans.map(picture)))] : []),
      ...(config ? [section("Configuration", settingsTable(config))] : []),
    ],
  });
}

// ── Where the run stands ────────────────────────────────────────────────────

const isRunning = (events: readonly TrainEvent[]): boolean =>
  !events.some(
    (event, i) => event.type === "end" || (event.type === "interrupted" && i === events.length - 1),
  );

function facts(
  events: readonly TrainEvent[],
  steps: readonly StepEvent[],
  epochs: readonly EpochEvent[],
): string[] {
  const start = events.findLast((event) => event.type === "start");
  const last = steps.at(-1);
  if (!last) return ["no step yet"];
  const best = epochs.findLast((epoch) => epoch.best);
  const seconds = steps.reduce((sum, step) => sum + step.seconds, 0);
  const total = start && start.epochs * start.stepsPerEpoch;
  const left = total !== undefined && last.stepsPerSecond > 0 ? (total - last.step) / last.stepsPerSecond : 0;
  const ofAll = (count: number | undefined): string => (count === undefined ? "" : ` of ${figure(count)}`);
  return [
    stateOf(events),
    `epoch ${figure(last.epoch)}${ofAll(start?.epochs)}`,
    `step ${figure(last.step)}${ofAll(total)}`,
    `${duration(seconds)} of training, ${figure(seconds / steps.length)} s per step`,
    ...(isRunning(events) && left > 0 ? [`about ${duration(left)} left`] : []),
    `loss ${figure(last.loss)}`,
    ...(best ? [`best epoch ${best.epoch}`] : []),
  ];
}

function stateOf(events: readonly TrainEvent[]): string {
  if (events.at(-1)?.type === "interrupted") return "interrupted";
  const stop = events.findLast((event) => event.type === "stop");
  if (isRunning(events)) return "running";
  return stop ? `stopped early, after ${stop.patience} epochs without a better value` : "finished";
}

/** 12 s, 41 min, 3 h 20 min */
function duration(seconds: number): string {
  const minutes = Math.round(seconds / 60);
  if (seconds < 90) return `${Math.round(seconds)} s`;
  return minutes < 90 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

// ── By step ─────────────────────────────────────────────────────────────────

/** How many steps are averaged at least; of long runs it is a fiftieth. */
const SHORTEST_WINDOW = 5;
/** Between the highest and the lowest loss of a curve that is drawn on a logarithmic scale. */
const WIDE_RANGE = 50;

function lossChart(steps: readonly StepEvent[], measures: readonly Measure[]): Markup {
  const raw = steps.map(({ step, loss }): Point => ({ x: step, y: loss }));
  const smooth = smoothed(raw, Math.max(SHORTEST_WINDOW, raw.length / 50));
  const validation = measures.find((measure) => measure.name === "loss")?.bySteps ?? [];
  // Single outliers would leave no height for the curve.
  const lines = [...smooth, ...validation];
  const high = Math.max(quantile(raw, 0.99), quantile(lines, 1));
  const low = Math.min(quantile(raw, 0), quantile(lines, 0));
  const isWide = low > 0 && high > WIDE_RANGE * low;
  return curves({
    title: "Loss",
    xLabel: "step",
    scale: isWide ? "log" : "linear",
    ...(high > low && { domain: [isWide ? low : Math.min(0, low), high] }),
    series: [
      { label: "each step", colour: "var(--muted)", points: raw, emphasis: "faint" },
      { label: "smoothed", colour: labelVariable(2), points: smooth },
      ...(validation.length > 0
        ? [{ label: "validation", colour: labelVariable(5), points: validation, emphasis: "strong" as const }]
        : []),
    ],
  });
}

function stepCharts(steps: readonly StepEvent[]): Markup[] {
  const chart = (title: string, field: "learningRate" | "gradientNorm"): Markup[] => {
    const points = steps.flatMap(({ step: x, [field]: y }): Point[] => (y === undefined ? [] : [{ x, y }]));
    if (points.length === 0) return [];
    const [low, high] = [quantile(points, 0), quantile(points, 1)];
    const isWide = low > 0 && high >= 20 * low;
    return [
      curves({
        title,
        xLabel: "step",
        scale: isWide ? "log" : "linear",
        ...(!isWide && high > 0 && { domain: [Math.min(0, low), high] }),
        series: [{ label: title, colour: labelVariable(2), points }],
      }),
    ];
  };
  return [...chart("Learning rate", "learningRate"), ...chart("Gradient norm", "gradientNorm")];
}

// ── By epoch ────────────────────────────────────────────────────────────────

/** One value of the validation data over the epochs. */
interface Measure {
  readonly name: string;
  /** `dice` of `dice.liver`. */
  readonly metric: string;
  /** `liver` of `dice.liver`; undefined for the metric's own value, its mean. */
  readonly part: string | undefined;
  readonly byEpochs: readonly Point[];
  readonly bySteps: readonly Point[];
}

function measuresOf(epochs: readonly EpochEvent[]): Measure[] {
  const names = [...new Set(epochs.flatMap(({ metrics }) => Object.keys(metrics)))];
  return names.map((name) => {
    const known = epochs.filter(({ metrics }) => Number.isFinite(metrics[name]));
    return {
      name,
      ...partsOf(name),
      byEpochs: known.map(({ epoch, metrics }) => ({ x: epoch, y: metrics[name]! })),
      bySteps: known.map(({ step, metrics }) => ({ x: step, y: metrics[name]! })),
    };
  });
}

/** A chart of each metric that has a mean (counts have none), and its classes. */
function metricCharts(measures: readonly Measure[], classes: readonly string[]): Markup[] {
  const means = measures.filter(({ name, part }) => part === undefined && name !== "loss");
  return means.map(({ metric, byEpochs }) => {
    const parts = measures.filter((measure) => measure.metric === metric && measure.part !== undefined);
    const series = parts.map(({ part, byEpochs: points }, i): Series => {
      const label = classes.indexOf(part!);
      return { label: part!, colour: labelVariable(label < 0 ? i + 1 : label), points };
    });
    const mean: Series = {
      label: series.length > 0 ? "mean" : metric,
      colour: "var(--ink)",
      points: byEpochs,
      emphasis: "strong",
    };
    // Of one class the mean is that class.
    const shown = series.length === 1 ? [mean] : [mean, ...series];
    const domain = tenths(shown.flatMap(({ points }) => points));
    return curves({ title: metric, xLabel: "epoch", ...(domain && { domain }), series: shown });
  });
}

function measureTable(measures: readonly Measure[]): Markup {
  return table(
    [
      { title: "metric" },
      { title: "class" },
      { title: "last", isNumber: true },
      { title: "best", isNumber: true },
      { title: "at epoch", isNumber: true },
    ],
    measures.map(({ metric, part, byEpochs }) => {
      const isBetter = metric === "loss" ? (a: number, b: number) => a < b : (a: number, b: number) => a > b;
      const best = byEpochs.reduce<Point | undefined>(
        (sofar, point) => (sofar && !isBetter(point.y, sofar.y) ? sofar : point),
        undefined,
      );
      return [metric, part ?? "", figure(byEpochs.at(-1)?.y), figure(best?.y), figure(best?.x)];
    }),
  );
}

/** The name under which `confusionMatrix` gives its counts: `confusion.liver as tumour`. */
const CONFUSION = "confusion";

/** The counts of the last epoch, and which part of their true class they are. */
function confusionTable(measures: readonly Measure[], classes: readonly string[]): Markup | undefined {
  if (measures.length === 0) return undefined;
  const numbers = Array.from({ length: Math.round(Math.sqrt(measures.length)) }, (_, i) => String(i));
  const names = classes.length > 0 ? classes : numbers;
  const counts = new Map(measures.map(({ part, byEpochs }) => [part, byEpochs.at(-1)?.y ?? 0]));
  const rows = names.map((truth) => {
    const row = names.map((predicted) => counts.get(`${truth} as ${predicted}`) ?? 0);
    const total = row.reduce((sum, count) => sum + count, 0);
    return [
      truth,
      ...row.map((count) => `${figure(count)} · ${total > 0 ? Math.round((100 * count) / total) : 0}%`),
    ];
  });
  return markup`<h3>Predicted as (columns), of what truly is (rows)</h3>${table(
    [{ title: "" }, ...names.map((title) => ({ title, isNumber: true }))],
    rows,
  )}`;
}
