/**
 * @file Ctrl-C and its like (SIGINT, SIGTERM). Most commands end at once; one that has something to save
 * asks for a signal, which the first Ctrl-C aborts, and a second one ends it at once, too.
 */

/** The shell's exit code for a command that a signal ended: 128 + its number. */
const EXIT_CODES = { SIGINT: 130, SIGTERM: 143 } as const;
type EndingSignal = keyof typeof EXIT_CODES;

let current: AbortController | undefined;

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

/** From now on the first Ctrl-C aborts `controller` instead of ending the process; undefined ends that. */
export function interrupts(controller: AbortController | undefined): void {
  current = controller;
}

/** Runs `work` so that the first Ctrl-C aborts its signal instead of ending the process. */
export async function interruptible<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  interrupts(controller);
  try {
    return await work(controller.signal);
  } finally {
    interrupts(undefined);
  }
}

/** Calls `end` when the process is asked to end, unless {@link interruptible} work takes it on itself. */
export function onInterrupt(end: (signal: EndingSignal) => void): void {
  for (const name of Object.keys(EXIT_CODES) as EndingSignal[]) {
    const handle = (): void => {
      if (current && !current.signal.aborted) {
        current.abort(name);
        return;
      }
      process.removeListener(name, handle);
      end(name);
    };
    process.on(name, handle);
  }
}
