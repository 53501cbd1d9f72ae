/**
 * @file A worker thread of Node's as a function: a request in, a promise of its
 * answer out. A thread at rest does not keep the process alive.
 */

import type { Worker } from "node:worker_threads";
import type { ErrorCode } from "./error-codes.ts";
import { AcsconvError, type ErrorKind, readable } from "./errors.ts";
import { builtin } from "./files.ts";

/** What the thread sends back for each message, in the order in which they came. */
export type Reply =
  | { readonly value: unknown }
  /** A sentence; the kind and code of the {@link AcsconvError} where it was one. */
  | { readonly error: string; readonly kind?: ErrorKind; readonly code?: ErrorCode };

interface Waiting {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

export class Thread {
  readonly #worker: Worker;
  readonly #does: string;
  readonly #waiting: Waiting[] = [];

  /**
   * @param file - plain JavaScript that answers every message by a {@link Reply}
   * @param does - what it is for, as the verb of a sentence
   */
  constructor(file: URL, does: string) {
    const { Worker } = builtin("node:worker_threads");
    this.#does = does;
    this.#worker = new Worker(file, { name: "acsconv" });
    this.#worker.unref();
    this.#worker.on("message", (reply: Reply) => {
      const waiting = this.#next()!;
      if ("error" in reply)
        waiting.reject(new AcsconvError(reply.kind ?? "runtime", reply.error, { code: reply.code }));
      else waiting.resolve(reply.value);
    });
    this.#worker.on("error", (error) => this.#fail(`cannot go on: ${readable(error.message)}`));
    this.#worker.on("exit", () => this.#fail("has ended"));
  }

  /** @typeParam T - what the thread answers to such a request */
  ask<T>(request: unknown, transfer: ArrayBuffer[] = []): Promise<T> {
    return new Promise<unknown>((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#worker.ref();
      this.#worker.postMessage(request, transfer);
    }) as Promise<T>;
  }

  /** Ends the thread; what it has not answered is rejected. */
  async stop(): Promise<void> {
    await this.#worker.terminate();
  }

  #next(): Waiting | undefined {
    const first = this.#waiting.shift();
    if (this.#waiting.length === 0) this.#worker.unref();
    return first;
  }

  #fail(what: string): void {
    for (let next = this.#next(); next; next = this.#next())
      next.reject(new AcsconvError("runtime", `The thread that ${this.#does} ${what}.`));
  }
}
