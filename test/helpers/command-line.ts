/** @file The `acsconv` command in this process: what it prints, and its exit code. */

import { vi } from "vitest";
import { exitCodeOf } from "../../src/cli/errors.ts";
import { createProgram } from "../../src/cli/program.ts";

/** How a command ended. */
export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command line. */
export async function acsconv(...args: readonly string[]): Promise<Ended> {
  let [stdout, stderr] = ["", ""];
  const spies = [
    vi.spyOn(process.stdout, "write").mockImplementation((text) => ((stdout += String(text)), true)),
    vi.spyOn(process.stderr, "write").mockImplementation((text) => ((stderr += String(text)), true)),
  ];
  try {
    const code = await createProgram()
      .parseAsync(["node", "acsconv", ...args])
      .then(() => 0, exitCodeOf);
    return { code, stdout, stderr };
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
}
