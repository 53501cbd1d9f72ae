/** @file Files of an experiment: each is there as a whole or not at all. */

import { closeSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { AcsconvError } from "acsconv";

/** Makes a folder, and those above it. */
export const makeFolder = (path: string): void =>
  ioErrors("write", path, () => void mkdirSync(path, { recursive: true }));

/** Written beside its place first; a file that is there is replaced. */
export function writeWhole(path: string, ...parts: readonly (Uint8Array | string)[]): void {
  const aside = `${path}.${process.pid}.tmp`;
  ioErrors("write", path, () => {
    try {
      const file = openSync(aside, "w");
      try {
        for (const part of parts) writeFileSync(file, part);
        fsyncSync(file);
      } finally {
        closeSync(file);
      }
      renameSync(aside, path);
    } finally {
      rmSync(aside, { force: true });
    }
  });
}

export const writeJson = (path: string, value: unknown): void =>
  writeWhole(path, `${JSON.stringify(value, undefined, 2)}\n`);

/**
 * What `work` returns.
 *
 * @throws an error `io` that says in a sentence what the file system did
 */
export function ioErrors<T>(verb: "read" | "write", path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw new AcsconvError("io", `Cannot ${verb} "${path}": ${(error as Error).message}.`, { cause: error });
  }
}
