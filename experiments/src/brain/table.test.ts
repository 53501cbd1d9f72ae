/** @file The numbers of the experiment on a brain: over seeds, by tissue, and beside each other. */

import { expect, test } from "vitest";
import type { EpochResult } from "../results.ts";
import { DEFAULTS } from "./config.ts";
import { brainReport, commandOf } from "./report.ts";
import type { BrainResults } from "./results.ts";
import { rowsOf } from "./rows.ts";
import { comparisonsOf, comparisonText, resultsJson, tableOf, tableText } from "./table.ts";

const epoch = (number: number, dice: number): EpochResult => ({
  epoch: number,
  loss: 1 / number,
  metrics: { dice, iou: dice / 2, "dice.CSF": dice - 0.1 },
});

/** Dice by row and seed; a training that goes on has none. */
function madeUp(dice: Readonly<Record<string, readonly (number | undefined)[]>>): BrainResults {
  const config = { ...DEFAULTS, network: "/somewhere/net.onnx", models: Object.keys(dice), epochs: 2 };
  return {
    config,
    rows: rowsOf(config).map((row) => ({
      ...row,
      transferred: row.taken === "nothing" ? { bytes: 0, part: 0 } : { bytes: 3e6, part: 0.75 },
      runs: dice[row.id]!.map((value, seed) => ({
        seed,
        epochs: [epoch(1, 0.1), ...(value === undefined ? [] : [epoch(2, value)])],
      })),
    })),
  };
}

const results = madeUp({ "acs-p": [0.6, 0.7, 0.8], "acs-r": [0.5, 0.75, 0.55] });

test("means and deviations over seeds, of the last epoch", () => {
  const [p] = tableOf(results);
  expect(p!.dice!.mean).toBeCloseTo(0.7, 12);
  expect(p!.dice!.std).toBeCloseTo(0.1, 12);
  expect(p!.iou!.mean).toBeCloseTo(0.35, 12);
  expect(p!.tissues["CSF"]!.mean).toBeCloseTo(0.6, 12);
});

test("rows are compared seed by seed, whoever is ahead", () => {
  const [one] = comparisonsOf(tableOf(results));
  expect(one!.difference.perSeed).toBeAllClose([0.1, -0.05, 0.25], { rtol: 0, atol: 1e-12 });
  expect(comparisonText(one!)).toBe("ACS p. is ahead of ACS r. by 10.0 ± 15.0 points (2 of 3 seeds)");
  const [other] = comparisonsOf(tableOf(madeUp({ "acs-p": [0.5, 0.5], "acs-r": [0.6, 0.6] })));
  expect(comparisonText(other!)).toBe("ACS r. is ahead of ACS p. by 10.0 ± 0.0 points (2 of 2 seeds)");
});

test("a training that goes on has no number, and is compared with nothing", () => {
  const open = madeUp({ "acs-p": [0.6, undefined], "acs-r": [undefined, undefined] });
  expect(tableOf(open)[0]!.dice!.perSeed).toEqual([0.6, null]);
  expect(comparisonsOf(tableOf(open))).toEqual([]);
  expect(brainReport(open, [])).toContain("not finished yet");
});

test("page, terminal and JSON say the same", () => {
  expect(tableText(results)).toMatch(/ACS p\. +3\.00 MB, 75 % .* 70\.0 ± 10\.0\n/);
  const page = brainReport(results, []);
  expect(page).toContain("70.0 ± 10.0");
  expect(page).toContain("ACS p. is ahead of ACS r. by 10.0 ± 15.0 points (2 of 3 seeds)");
  expect(page).not.toContain("/somewhere");
  expect(commandOf(results.config)).toBe(
    "npm run experiment -- brain -o brain \\\n  --network net.onnx \\\n  --models acs-p,acs-r \\\n  --epochs 2",
  );
  const { comparisons, table } = resultsJson(results);
  expect(comparisons).toHaveLength(1);
  expect(table).toHaveLength(2);
});
