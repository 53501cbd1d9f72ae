import { expect, test } from "vitest";
import { formatTable } from "./text-table.ts";

test("aligns text to the left, and numbers with their units to the right", () => {
  const table = formatTable(
    ["layer", "parameters", "shape"],
    [
      ["conv1", "9.4 k", "1×64×H×W"],
      ["fc", "513,000", "1×1000"],
      ["relu", "", ""],
    ],
  );
  expect(table.split("\n")).toEqual([
    "layer  parameters  shape",
    "─────  ──────────  ────────",
    "conv1       9.4 k  1×64×H×W",
    "fc        513,000  1×1000",
    "relu",
  ]);
});

test("numbers with a deviation are numbers", () => {
  const table = formatTable(["Dice"], [["95.4 ± 0.3"], ["–"]]);
  expect(table.split("\n").slice(2)).toEqual(["95.4 ± 0.3", "         –"]);
});
