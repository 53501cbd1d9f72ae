/** @file The page of the proof of concept: what it shows when, and that it needs nothing else. */

import { parseHTML } from "linkedom";
import { expect, test } from "vitest";
import { madeUp, type MadeUp } from "../../test/poc-results.ts";
import { pocReport } from "./report.ts";

const image = { width: 1, height: 1, data: Uint8Array.of(1, 2, 3) };
const NAME = `"<script>alert('x')</script>&`;
const NONE = { images: [], volumes: [], features: [], masks: [] };
const FACTS = { parameters: 389_286, bytes: 1_557_144, secondsPerStep: 5.125, secondsPerExample: 0.5, peakBytes: 2.3e9, machine: NAME }; // prettier-ignore

const run = (dice: number, auc: number) => ({
  epochs: [{ dice: dice / 2, published: 0.99 }, { dice, published: 0.9 }],
  nearest: auc - 0.01,
  linear: auc,
  facts: FACTS,
}); // prettier-ignore
const RESULTS: MadeUp = {
  config: { epochs: 2, models: ["acs-r", "acs-p", "mean-acs-p"] },
  runs: { "acs-r": [run(0.6, 0.65)], "acs-p": [run(0.8, 0.9)] },
  pretraining: run(0.9, 0.5),
};

/** The text of every row of the table that stands under a heading. */
function tableUnder(page: string, heading: string): string[][] {
  const { document } = parseHTML(page);
  const section = [...document.querySelectorAll("section")].find(
    (one) => one.querySelector("h2")!.textContent === heading,
  )!;
  return [...section.querySelector("table")!.querySelectorAll("tr")].map((row) =>
    [...row.children].map((cell) => cell.textContent),
  );
}

test("Table 3 keeps the paper, both protocols and sizes apart", () => {
  const [groups, titles, ...rows] = tableUnder(pocReport(madeUp(RESULTS), NONE), "Table 3");
  expect(groups).toEqual(["", "the paper", "as published", "honest", "size"]);
  expect(titles!.slice(4, 8)).toEqual(["mAUC", "Dice", "mIoU", "best epoch"]);
  expect(rows).toEqual([
    ["ACS UNet r.", "68.7", "94.7", "90.7", "64.0", "99.0", "49.5", "1", "65.0", "60.0", "30.0", "2", "1.6 MB", "1.56 MB"],
    ["ACS UNet p.", "88.1", "95.4", "92.0", "89.0", "99.0", "49.5", "1", "90.0", "80.0", "40.0", "2", "1.6 MB", "1.56 MB"],
    ["Mean-ACS UNet p.", "–", "–", "–", "–", "–", "–", "–", "–", "–", "–", "–", "–", "–"],
  ]); // prettier-ignore
});

test("findings, classes and cost", () => {
  const page = pocReport(madeUp(RESULTS), NONE);
  expect(tableUnder(page, "Does what the paper says come out?").slice(1)).toEqual([
    ["Dice: ACS UNet p. above ACS UNet r.", "yes: 95.4, 94.7", "no: 99.0, 99.0", "yes: 80.0, 60.0"],
    ["mAUC: ACS UNet p. far above ACS UNet r.", "yes: 88.1, 68.7", "yes: 89.0, 64.0", "yes: 90.0, 65.0"],
  ]);
  expect(tableUnder(page, "Shape by shape")[3]!.slice(0, 3)).toEqual(["ACS UNet p.", "80.0", "81.0"]);
  expect(tableUnder(page, "Time and memory").slice(1)).toEqual(
    ["2D UNet", "ACS UNet r.", "ACS UNet p."].map((label) =>
      [label, "5.13 s", "0.500 s", "2.30 GB", "389,286", "1.56 MB"]),
  ); // prettier-ignore
  expect(page).toContain("not finished yet");
  expect(page).toContain("Mean-ACS UNet p. (not begun)");
});

test("curves: one chart of each protocol has only its trainings", () => {
  const runs = { "3d-r": [run(0.5, 0.6)], "3d-r-default": [run(0.4, 0.6)] };
  const { document } = parseHTML(pocReport(madeUp({ config: { models: ["3d-r"] }, runs }), NONE));
  const legends = Object.fromEntries(
    [...document.querySelectorAll(".grid .card:has(> h3)")].map((card) => [
      card.querySelector("h3")!.textContent,
      [...card.querySelectorAll("circle title")].map((title) => title.textContent.split(",")[0]),
    ]),
  );
  const [kaiming, fresh] = ["3D UNet r. (kaiming weights)", "3D UNet r. (default weights)"];
  expect(legends["Loss"]).toEqual([kaiming, kaiming, fresh, fresh]);
  expect(legends["Dice, honest"]).toEqual([fresh, fresh]);
  expect(legends["Dice, as published"]).toEqual([kaiming, kaiming]);
  expect(legends["The 2D network"]).toEqual([]);
});

test("a page of nothing, and one of everything, need no other file and run no script", () => {
  const galleries = [{ title: NAME, tiles: [{ title: NAME, image }, { title: "two\nlines", image }] }]; // prettier-ignore
  const pages = [
    pocReport(madeUp({ runs: {} }), NONE),
    pocReport(madeUp(RESULTS), {
      images: galleries,
      volumes: galleries,
      features: galleries,
      masks: galleries,
    }),
  ];
  for (const page of pages) {
    const { document } = parseHTML(page);
    expect(document.querySelector("script, link, iframe, [onload]")).toBeNull();
    expect(page).not.toMatch(/(?:src|href)=["'](?!data:)/);
    expect(page).not.toMatch(/@import|url\(/);
    expect(page).not.toMatch(/NaN|undefined|Infinity/);
  }
  const { document } = parseHTML(pages[1]!);
  const images = [...document.querySelectorAll("img")];
  expect(images).toHaveLength(8);
  expect(images[0]!.getAttribute("alt")).toBe(`${NAME}: ${NAME}`);
  expect(images[0]!.getAttribute("src")).toMatch(/^data:image\/png;base64,/);
  expect(document.querySelector("figcaption")!.textContent).toBe(NAME);
  expect(document.body.textContent).toContain(`On ${NAME}.`);
});

test("several seeds and machines are said", () => {
  const other = { ...run(0.7, 0.9), facts: { ...FACTS, machine: "another" } };
  const config = { seeds: [0, 1], models: ["acs-r", "acs-p"], epochs: 2 };
  const runs = { "acs-r": [run(0.6, 0.6), run(0.75, 0.6)], "acs-p": [run(0.8, 0.9), other] };
  const page = pocReport(madeUp({ config, runs }), NONE);
  const [, , , row] = tableUnder(page, "Table 3");
  expect(row!.slice(8, 12)).toEqual(["90.0 ± 0.0", "75.0 ± 7.1", "37.5 ± 3.5", "2"]);
  expect(tableUnder(page, "Does what the paper says come out?")[1]![3]).toBe("yes: 75.0, 67.5; 1 of 2 seeds");
  expect(tableUnder(page, "Time and memory")[2]!.at(-1)).toBe(`${NAME}; another`);
});
