/**
 * @file The command `npm run experiment`. How it ends:
 *
 *   0  done
 *   1  a bug of ours
 *   2  the input or the command line is at fault; one sentence says how
 * 130  interrupted by Ctrl-C (143: asked to end), with everything saved
 */

import { exitCodeOf } from "./exit.ts";
import { handleInterrupts } from "./interrupt.ts";
import { createProgram } from "./program.ts";

handleInterrupts();
try {
  await createProgram().parseAsync();
} catch (error) {
  process.exitCode = exitCodeOf(error);
}
