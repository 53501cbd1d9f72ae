/**
 * @file Line charts as SVG. Observable Plot draws them, on a document without a
 * browser; colours are the page's variables, so that they follow light and dark.
 *
 * @see https://observablehq.com/plot/
 */

import * as Plot from "@observablehq/plot";
import { parseHTML } from "linkedom";
import { Markup, markup } from "./markup.ts";
import { legend } from "./page.ts";
import { type Point, quantile, thinned } from "./points.ts";
import { figure } from "./table.ts";

/** One line of a chart. */
export interface Series {
  readonly label: string;
  /** A CSS colour. */
  readonly colour: string;
  /** In the order of x. What is not finite is a gap. */
  readonly points: readonly Point[];
  /** `faint`: what lies behind the lines to look at; `strong`: the one to look at. */
  readonly emphasis?: "faint" | "strong";
}

export interface CurveChart {
  readonly title: string;
  /** What x counts: `step`, `epoch`. */
  readonly xLabel: string;
  /** Logarithmic scales take positive values only. */
  readonly scale?: "linear" | "log";
  /** The range of y; values outside are drawn on its edge. By default all that there is. */
  readonly domain?: readonly [low: number, high: number];
  readonly series: readonly Series[];
}

/** Drawn for half a page, so that letters are legible on telephones and on desktops. */
const WIDTH = 460;
const HEIGHT = 235;
/** Lines are thinned to about two points per pixel. */
const BUCKETS = WIDTH / 2;
/** Up to here every point is shown, and says what it is when it is pointed at. */
const DOTS = 60;

/** A titled chart with its legend; a note in its place where there is nothing to draw. */
export function curves(chart: CurveChart): Markup {
  const { title, series } = chart;
  const drawn = series.filter(({ points }) => points.some(({ y }) => Number.isFinite(y)));
  return markup`<div class="card"><h3>${title}</h3>${
    drawn.length === 0
      ? markup`<p class="note">No values yet.</p>`
      : [
          series.length > 1 ? legend(series) : undefined,
          markup`<div role="img" aria-label="${title}">${svg({ ...chart, series: drawn })}</div>`,
        ]
  }</div>`;
}

function svg({ xLabel, scale = "linear", domain, series }: CurveChart): Markup {
  const { document } = parseHTML("<html></html>");
  const ends = series.flatMap(({ points }) => [points[0]!.x, points.at(-1)!.x]);
  const [from, to] = [Math.min(...ends), Math.max(...ends)];
  const extent = domain ?? extentOf(series);
  const plot = Plot.plot({
    document,
    width: WIDTH,
    height: HEIGHT,
    marginLeft: 56,
    marginBottom: 36,
    style: { fontSize: "12px" },
    x: {
      // One point alone still has an axis, and steps and epochs are whole.
      domain: [from, Math.max(to, from + 1)],
      label: xLabel,
      labelArrow: "none",
      ticks: Math.min(6, Math.max(1, to - from)),
      tickFormat: (x: number) => (Number.isInteger(x) ? figure(x) : ""),
    },
    y: {
      type: scale,
      label: null,
      grid: true,
      nice: scale === "linear",
      clamp: true,
      ticks: scale === "log" ? roundValues(...extent) : 5,
      tickFormat: tickText,
      domain: [...extent],
    },
    marks: series.flatMap((each) => marksOf(each)),
  });
  return new Markup(plot.outerHTML);
}

function marksOf({ label, colour, points, emphasis }: Series): Plot.Markish[] {
  const finite = points.map(({ x, y }) => ({ x, y: Number.isFinite(y) ? y : NaN }));
  const isFaint = emphasis === "faint";
  const line = Plot.line(thinned(finite, BUCKETS), {
    x: "x",
    y: "y",
    stroke: colour,
    strokeWidth: isFaint ? 1 : emphasis === "strong" ? 2.5 : 1.5,
    strokeOpacity: isFaint ? 0.35 : 1,
  });
  if (points.length > DOTS || isFaint) return [line];
  const title = ({ x, y }: Point): string => `${label}, ${x}: ${figure(y)}`;
  return [
    line,
    Plot.dot(finite, { x: "x", y: "y", fill: colour, r: emphasis === "strong" ? 3 : 2.5, title }),
  ];
}

/** From the lowest to the highest value; room around it where all are the same. */
function extentOf(series: readonly Series[]): readonly [low: number, high: number] {
  const low = Math.min(...series.map(({ points }) => quantile(points, 0)));
  const high = Math.max(...series.map(({ points }) => quantile(points, 1)));
  return low < high ? [low, high] : [low - Math.abs(low) / 10, high + Math.abs(high) / 10];
}

/** 1, 2 and 5 times powers of ten between two positive values; only the powers where they are many. */
function roundValues(low: number, high: number): number[] {
  const [first, last] = [Math.floor(Math.log10(low)), Math.floor(Math.log10(high))];
  const decades = Array.from({ length: last - first + 1 }, (_, i) => first + i);
  const steps = decades.length > 2 ? [1] : [1, 2, 5];
  // Parsed, because powers of ten are not exact when they are multiplied.
  return decades
    .flatMap((decade) => steps.map((step) => Number(`${step}e${decade}`)))
    .filter((value) => value >= low && value <= high);
}

/** 0.25, 1e-5, 20,000 */
function tickText(value: number): string {
  const rounded = Number(value.toPrecision(6));
  const isSmall = rounded !== 0 && Math.abs(rounded) < 1e-3;
  return isSmall ? rounded.toExponential() : rounded.toLocaleString("en", { maximumFractionDigits: 6 });
}
