/** @file Ctrl-C: the first one lets work save what there is, a second one ends the process at once. */

/** The shell's exit code for a command that a signal ended: 128 + its number. */
const EXIT_CODES = { SIGINT: 130, SIGTERM: 143 } as const;
type EndingSignal = keyof typeof EXIT_CODES;

/** One Ctrl-C arrives twice under `npm run`: from the terminal, and from npm, which passes it on. */
const SAME_MS = 500;

let current: AbortController | undefined;
let abortedAt = -Infinity;

/** How a command ends that was interrupted, and has saved what there was. */
export class Interrupted extends Error {
  readonly exitCode: number;

  /** @param message - how to go on, as a sentence */
  constructor(signal: AbortSignal, message: string) {
    super(message);
    this.name = "Interrupted";
    this.exitCode = EXIT_CODES[signal.reason as EndingSignal] ?? EXIT_CODES.SIGINT;
  }
}

/**
 * Runs `work` so that the first Ctrl-C aborts its signal instead of ending the process. It may end by throwing the
 * signal's reason.
 *
 * @param message - how an interruption leaves things, as a sentence
 * @throws {@link Interrupted} after an interruption
 */
export async function interruptible(
  message: string,
  work: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const { signal } = (current = new AbortController());
  try {
    await work(signal);
  } catch (error) {
    if (!signal.aborted || error !== signal.reason) throw error;
  } finally {
    current = undefined;
  }
  if (signal.aborted) throw new Interrupted(signal, message);
}

/** From here on signals that ask the process to end go to {@link interruptible} work, if there is some. */
export function handleInterrupts(): void {
  for (const name of Object.keys(EXIT_CODES) as EndingSignal[]) {
    const handle = (): void => {
      const now = performance.now();
      if (current && !current.signal.aborted) {
        abortedAt = now;
        current.abort(name);
      } else if (now - abortedAt > SAME_MS) {
        process.removeListener(name, handle);
        // Not exit(): that waits for the network at work in another thread, and tears it down with a crash.
        process.kill(process.pid, name);
      }
    };
    process.on(name, handle);
  }
}
