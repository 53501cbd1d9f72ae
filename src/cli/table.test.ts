import { expect, test } from "vitest";
import { formatTable } from "./table.ts";

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
