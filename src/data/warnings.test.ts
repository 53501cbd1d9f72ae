import { expect, test } from "vitest";
import { Warnings, ofCase } from "./warnings.ts";

test("tells each sentence once, and many of one kind in one", () => {
  const told: string[] = [];
  const warnings = new Warnings((sentence) => told.push(sentence));
  const grids = ["a", "b", "c"].map((name) => ofCase(name, "its label is off."));
  warnings.tell(grids[2]!);
  warnings.tell(grids[2]!);
  warnings.tellTogether(grids.slice(2));
  warnings.tellTogether(grids);
  for (const sentence of grids) warnings.tell(sentence);
  expect(told).toEqual([
    'Case "c": its label is off.',
    'Case "a": its label is off (and 2 more such warnings).',
  ]);
});
