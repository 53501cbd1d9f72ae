/**
 * @file A data set in a thread of its own (Node): while it reads files and
 * augments patches, neither ONNX Runtime nor the caller's thread has to wait.
 */

import { Thread } from "../base/thread.ts";
import type { SeededDataset } from "./batches.ts";
import type { Dataset, Example } from "./dataset.ts";

/** The module that a thread loads: its default export makes the data set there. */
export interface DatasetModule {
  readonly default: (options: unknown) => Dataset | Promise<Dataset>;
}

/** What the thread is asked. */
export type Request =
  { readonly module: string; readonly options: unknown } | { readonly index: number; readonly seed: number };

/** Gives the examples that the data set would give here, to the bit. Close it after use. */
export class ThreadDataset implements SeededDataset {
  readonly length: number;
  readonly #thread: Thread;

  private constructor(thread: Thread, length: number) {
    this.#thread = thread;
    this.length = length;
  }

  /**
   * @param module - URL of a JavaScript module, a {@link DatasetModule}
   * @param options - for its default export; plain data
   * @throws whatever the module throws
   *
   * @example
   * const data = await ThreadDataset.open(new URL("./my-patches.js", import.meta.url), { folder: "scans" });
   */
  static async open(module: URL, options?: unknown): Promise<ThreadDataset> {
    const thread = new Thread(new URL("./dataset-worker.js", import.meta.url), "makes the examples");
    try {
      const request: Request = { module: module.href, options };
      return new ThreadDataset(thread, await thread.ask<number>(request));
    } catch (error) {
      await thread.stop();
      throw error;
    }
  }

  at(index: number, seed: number): Promise<Example> {
    const request: Request = { index, seed };
    return this.#thread.ask<Example>(request);
  }

  /** Ends the thread. */
  close(): Promise<void> {
    return this.#thread.stop();
  }
}
