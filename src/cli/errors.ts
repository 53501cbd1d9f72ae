/**
 * @file How commands end:
 *
 *   0  done
 *   1  a bug of ours
 *   2  the input or the command line is at fault; one sentence says how
 * 130  interrupted by Ctrl-C (143: asked to end), with everything saved
 */

import { CommanderError } from "commander";
import { AcsconvError } from "../base/errors.ts";
import { printable } from "../base/printable.ts";
import { Interrupted } from "./interrupt.ts";
import { printNote } from "./print.ts";

/** Tells the user on stderr what went wrong, and returns the exit code. */
export function exitCodeOf(error: unknown): number {
  // commander has printed its message, or the help that was asked for, already.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  if (error instanceof AcsconvError || error instanceof Interrupted) {
    printNote(`acsconv: ${printable(error.message)}`);
    return error instanceof Interrupted ? error.exitCode : 2;
  }
  const details = error instanceof Error ? (error.stack ?? error.message) : String(error);
  printNote(
    `${details}\n\nacsconv: this is a bug in acsconv; please report it, with the lines above and your command.`,
  );
  return 1;
}

/** Something the user should know that does not stop the work. */
export function warn(sentence: string): void {
  printNote(`acsconv: warning: ${printable(sentence)}`);
}
