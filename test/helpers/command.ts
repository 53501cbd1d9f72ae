/** @file The `acsconv` command in a process of its own, from its sources. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

const MAIN = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));

/** Starts it, quietly; what it says is shown. */
export const acsconv = (...args: readonly string[]): ChildProcess =>
  spawn(
    process.execPath,
    ["--conditions=acsconv-source", "--import", "jiti/register", MAIN, ...args, "--quiet"],
    { stdio: ["ignore", "inherit", "inherit"] },
  );

/** Its exit code, when it ends; null if a signal ended it. */
export const codeOf = async (child: ChildProcess): Promise<number | null> =>
  ((await once(child, "exit")) as [number | null])[0];
