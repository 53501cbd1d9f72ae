import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { formatDuration, startProgress } from "./progress.ts";

let written: string;
const setTerminal = (isTTY: boolean): void => {
  vi.spyOn(process.stderr, "isTTY", "get").mockReturnValue(isTTY);
};

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["performance"] });
  written = "";
  Object.defineProperty(process.stderr, "isTTY", { configurable: true, get: () => false });
  vi.spyOn(process.stderr, "write").mockImplementation((text) => {
    written += String(text);
    return true;
  });
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

describe("progress", () => {
  test("on a terminal draws one line over and over, with rate and time left", () => {
    setTerminal(true);
    const progress = startProgress("scan", "patches", false);
    vi.advanceTimersByTime(4000);
    progress.update(12, 48);
    expect(written).toBe(
      "\rscan  ██████░░░░░░░░░░░░░░░░░░  12/48 patches · 3.0 patches/s · 12 s left\u001B[K",
    );
    written = "";
    vi.advanceTimersByTime(50);
    progress.update(13, 48);
    expect(written).toBe("");
    progress.update(48, 48);
    progress.stop();
    expect(written.endsWith(`  ${"█".repeat(24)}  48/48 patches · 4.0 s\u001B[K\n`)).toBe(true);
  });

  test("elsewhere writes a line at every tenth", () => {
    const progress = startProgress("scan", "patches", false);
    for (let i = 1; i <= 100; i++) {
      vi.advanceTimersByTime(20);
      progress.update(i, 100);
    }
    progress.stop();
    const lines = written.trimEnd().split("\n");
    expect(lines).toHaveLength(10);
    expect(lines[0]).toBe("scan: 10% · 10/100 patches · 50.0 patches/s · 1.8 s left");
    expect(lines[9]).toBe("scan: 100% · 100/100 patches · 2.0 s");
  });

  test("elsewhere writes a line every 10 s if a tenth takes longer", () => {
    const progress = startProgress("scan", "patches", false);
    for (let i = 1; i <= 5; i++) {
      vi.advanceTimersByTime(5000);
      progress.update(i, 1000);
    }
    expect(written.trimEnd().split("\n")).toEqual([
      "scan: 0% · 2/1000 patches · 5.0 s each · 1 h 23 min left",
      "scan: 0% · 4/1000 patches · 5.0 s each · 1 h 23 min left",
    ]);
  });

  test("draws nothing when quiet", () => {
    setTerminal(true);
    const progress = startProgress("scan", "patches", true);
    progress.update(1, 1);
    progress.stop();
    expect(written).toBe("");
  });

  test.each([
    [0.84, "0.8 s"],
    [9.97, "10 s"],
    [59.6, "1 min 00 s"],
    [185, "3 min 05 s"],
    [3599.7, "1 h 00 min"],
    [7800, "2 h 10 min"],
  ])("writes %d s as %s", (seconds, expected) => {
    expect(formatDuration(seconds)).toBe(expected);
  });
});
