import { totalmem } from "node:os";
import { afterEach, expect, test, vi } from "vitest";
import { completeConfig } from "./config-fields.ts";
import { checkMemory } from "./memory-check.ts";

afterEach(() => {
  vi.restoreAllMocks();
});
const config = completeConfig({ model: "m", data: "d" });

test("a step that does not fit is refused, by the machine and by its container", () => {
  expect(() => checkMemory(totalmem() + 1, config)).toThrow(
    /^A training step takes about .* in all: trade time for memory, such as by --memory 4GB, or .*\.$/,
  );
  vi.spyOn(process, "constrainedMemory").mockReturnValue(1e9);
  expect(() => checkMemory(2e9, config)).toThrow(/takes about 2\.00 GB, and there are 1\.00 GB in all/);
  expect(() => checkMemory(2e9, { ...config, device: "cuda" })).not.toThrow();
});

test("one that fits, but not beside what else is running, is warned of", () => {
  const warnings: string[] = [];
  const warn = (sentence: string) => void warnings.push(sentence);
  vi.spyOn(process, "availableMemory").mockReturnValue(1e9);
  checkMemory(0.9e9, config, warn);
  expect(warnings).toEqual([]);
  checkMemory(1.5e9, config, warn);
  expect(warnings.join()).toMatch(
    /^A training step .* 1\.50 GB, and only 1\.00 GB are free now: end other programs, or /,
  );
});
