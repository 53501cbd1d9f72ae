/** @file The parts of report pages. */

import fc from "fast-check";
import { parseHTML } from "linkedom";
import { describe, expect, test } from "vitest";
import type { Rgb } from "../image.ts";
import { curves } from "./curves.ts";
import { markup } from "./markup.ts";
import { contrast, visibleOn } from "./palette.ts";
import { quantile, smoothed, thinned } from "./points.ts";
import { figure, table } from "./table.ts";

describe("markup", () => {
  test("any text reads back as the text it was, inside elements and attributes", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme-ascii" }), (text) => {
        const { document } = parseHTML(
          `<html><body>${markup`<p title="${text}">x${text}</p>`.text}</body></html>`,
        );
        const [element, ...others] = document.body.children;
        expect(others).toEqual([]);
        expect(element!.getAttribute("title")).toBe(text);
        expect(element!.textContent).toBe(`x${text}`);
      }),
      { numRuns: 200, seed: 7 },
    );
  });

  test("takes numbers, lists, markup, and nothing", () => {
    expect(markup`<p>${1}${[markup`<b>${"<"}</b>`, "&"]}${undefined}</p>`.text).toBe(
      "<p>1<b>&#60;</b>&#38;</p>",
    );
  });
});

describe("points", () => {
  const pointsOf = (...values: readonly number[]) => values.map((y, x) => ({ x, y }));

  test("smoothing averages from the first point on", () => {
    // α = 1/2: 4, (4/4 + 8/2)/(3/4), (4/8 + 8/4 + 2/2)/(7/8)
    expect(smoothed(pointsOf(4, 8, 2), 3).map(({ y }) => y)).toBeAllClose([4, 20 / 3, 4], {
      rtol: 1e-12,
      atol: 0,
    });
    expect(smoothed(pointsOf(4, NaN, Infinity, 4), 3)).toEqual([
      { x: 0, y: 4 },
      { x: 3, y: 4 },
    ]);
  });

  test("thinning keeps order and extremes, and leaves short curves alone", () => {
    fc.assert(
      fc.property(fc.array(fc.integer(), { minLength: 1, maxLength: 200 }), (values) => {
        const all = pointsOf(...values);
        const some = thinned(all, 10);
        expect(some.length).toBeLessThanOrEqual(20);
        if (all.length <= 20) expect(some).toEqual(all);
        expect(some.every(({ x }, i) => i === 0 || x > some[i - 1]!.x)).toBe(true);
        expect(Math.max(...some.map(({ y }) => y))).toBe(Math.max(...values));
        expect(Math.min(...some.map(({ y }) => y))).toBe(Math.min(...values));
      }),
      { numRuns: 200, seed: 8 },
    );
  });

  test("quantiles leave out what is not finite", () => {
    expect(quantile(pointsOf(3, NaN, 1, 2, Infinity), 0.5)).toBe(2);
    expect(quantile([], 0.5)).toBeNaN();
  });
});

describe("curves", () => {
  const line = (...values: readonly number[]) => ({
    label: "<i>",
    colour: "var(--ink)",
    points: values.map((y, i) => ({ x: i + 1, y })),
  });

  test("are drawn on the page's colours, one path each", () => {
    const { text } = curves({ title: "t", xLabel: "step", series: [line(1, 2), line(3, 1)] });
    expect(text.match(/<path d="[^"]*"><\/path>|<path d="[^"]*" \/><\/g>/g)).toHaveLength(2);
    expect(text.match(/stroke="var\(--ink\)"/g)).toHaveLength(2);
    expect(text).toContain("currentColor");
  });

  test("keep names text, in the picture too", () => {
    const title = `x" onload="alert(1)"><script>&lt;`;
    const { text } = curves({ title, xLabel: "epoch", series: [{ ...line(1), label: title }] });
    const { document } = parseHTML(`<html><body>${text}</body></html>`);
    expect(document.querySelector("script")).toBeNull();
    expect(document.querySelector("[onload]")).toBeNull();
    expect(document.querySelector("[role=img]")!.getAttribute("aria-label")).toBe(title);
    expect(document.querySelector("circle title")!.textContent).toBe(`${title}, 1: 1`);
    expect(document.querySelector("h3")!.textContent).toBe(title);
  });

  test.each([
    ["one value", [5]],
    ["one value that is 0", [0]],
    ["equal values", [2, 2, 2]],
    ["values that are not finite", [NaN, 1, Infinity, 2, -Infinity]],
  ])("%s: no NaN in the picture", (_, values) => {
    const { text } = curves({ title: "t", xLabel: "step", series: [line(...values)] });
    expect(text).toContain("<circle");
    expect(text).not.toMatch(/NaN|Infinity/);
  });

  test("logarithmic ticks are 1, 2 and 5, or powers of ten over many decades", () => {
    const ticks = (...values: readonly number[]): string[] => {
      const { text } = curves({ title: "t", xLabel: "step", scale: "log", series: [line(...values)] });
      const labels = text.slice(text.indexOf('aria-label="y-axis tick label"'));
      return [...labels.slice(0, labels.indexOf("</g>")).matchAll(/<text[^>]*>([^<]+)</g)].map(([, label]) => label!);
    }; // prettier-ignore
    expect(ticks(0.1, 2.5)).toEqual(["0.1", "0.2", "0.5", "1", "2"]);
    expect(ticks(1e-6, 1e-3)).toEqual(["1e-6", "1e-5", "1e-4", "0.001"]);
  });
});

test("label colours keep a contrast of 3 on white and on black, and stay as they are where they have it", () => {
  const [white, black]: readonly Rgb[] = [
    [255, 255, 255],
    [22, 27, 34],
  ];
  const yellow: Rgb = [240, 228, 66];
  expect(contrast(yellow, white!)).toBeLessThan(1.5);
  expect(contrast(visibleOn(white!, yellow), white!)).toBeGreaterThanOrEqual(3);
  expect(visibleOn(black!, yellow)).toEqual(yellow);
  // WCAG's extremes
  expect(contrast([0, 0, 0], [255, 255, 255])).toBeCloseTo(21, 10);
});

test.each([
  [0.91234, "0.9123"],
  [12345, "12,345"],
  [1.23e-5, "1.23e-5"],
  [3.45678, "3.4568"],
  [NaN, "–"],
  [-Infinity, "−∞"],
  [0, "0"],
])("figure %d is %s", (value, text) => {
  expect(figure(value)).toBe(text);
});

test("a title over columns spans its neighbours of the same group; without groups there is none", () => {
  const columns = [
    { title: "a", isLine: true },
    { title: "b", isNumber: true, group: "<g>" },
    { title: "c", isNumber: true, group: "<g>" },
    { title: "d", group: "h" },
  ];
  const page = (text: string) => parseHTML(`<html><body>${text}</body></html>`).document;
  const document = page(table(columns, [["1", "2", "3", "4"]]).text);
  const [groups, titles, row] = document.querySelectorAll("tr");
  expect([...groups!.children].map((cell) => [cell.textContent, cell.getAttribute("colspan")])).toEqual([
    ["", "1"],
    ["<g>", "2"],
    ["h", "1"],
  ]);
  expect([...titles!.children].map((cell) => cell.textContent)).toEqual(["a", "b", "c", "d"]);
  expect([...row!.children].map((cell) => cell.className)).toEqual([
    "line",
    "number first",
    "number",
    "first",
  ]);
  expect(page(table([{ title: "a" }], [["1"]]).text).querySelectorAll("thead tr")).toHaveLength(1);
});
