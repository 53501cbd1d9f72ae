#!/usr/bin/env node
/** @file The `acsconv` command. */

import { rmSync } from "node:fs";
import { unfinishedFiles } from "../base/files.ts";
import { exitCodeOf } from "./errors.ts";
import { onInterrupt } from "./interrupt.ts";
import { createProgram } from "./program.ts";

// However the process ends, it leaves nothing half-written behind.
const removeUnfinished = (): void => {
  for (const path of unfinishedFiles) rmSync(path, { force: true });
};
process.on("exit", removeUnfinished);
onInterrupt((signal) => {
  removeUnfinished();
  if (process.stderr.isTTY) process.stderr.write("\n");
  // Not exit(): that waits for the network at work in another thread, and tears it down with a crash.
  process.kill(process.pid, signal);
});
// `acsconv … | head` closes the pipe early: no reason to complain.
for (const stream of [process.stdout, process.stderr])
  stream.on("error", (error: NodeJS.ErrnoException) => process.exit(error.code === "EPIPE" ? 0 : 1));
process.on("uncaughtException", (error) => process.exit(exitCodeOf(error)));

try {
  await createProgram().parseAsync();
} catch (error) {
  process.exitCode = exitCodeOf(error);
}
