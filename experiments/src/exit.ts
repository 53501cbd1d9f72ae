/** @file Errors as sentences and exit codes: see main.ts. */

import { CommanderError } from "commander";
import { AcsconvError } from "acsconv";
import { Interrupted } from "./interrupt.ts";

/** Tells the user on stderr what went wrong, and returns the exit code. */
export function exitCodeOf(error: unknown): number {
  // commander has printed its message, or the help that was asked for, already.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  if (error instanceof AcsconvError || error instanceof Interrupted) {
    process.stderr.write(`experiment: ${error.message}\n`);
    return error instanceof Interrupted ? error.exitCode : 2;
  }
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  return 1;
}
