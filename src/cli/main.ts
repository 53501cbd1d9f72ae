#!/usr/bin/env node
/** @file The `acsconv` command. */

import { rmSync } from "node:fs";
import { unfinishedFiles } from "../files.ts";
import { exitCodeOf } from "./errors.ts";
import { createProgram } from "./program.ts";

// However the process ends, it leaves nothing half-written behind.
process.on("exit", () => {
  for (const path of unfinishedFiles) rmSync(path, { force: true });
});
for (const [signal, code] of [
  ["SIGINT", 130],
  ["SIGTERM", 143],
] as const) {
  process.on(signal, () => {
    if (process.stderr.isTTY) process.stderr.write("\n");
    process.exit(code);
  });
}
// `acsconv … | head` closes the pipe early: no reason to complain.
for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", (error: NodeJS.ErrnoException) => process.exit(error.code === "EPIPE" ? 0 : 1));
}
process.on("uncaughtException", (error) => process.exit(exitCodeOf(error)));

try {
  await createProgram().parseAsync();
} catch (error) {
  process.exitCode = exitCodeOf(error);
}
