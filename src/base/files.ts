/**
 * @file Writing files so that nothing is ever left half-written: beside their
 * place first, renamed when all is on the disk. Failures become one sentence.
 *
 * Node's own modules are asked for when a path is used and not before, so that
 * whoever imports this also loads in a browser.
 */

import type { Stats } from "node:fs";
import type { ErrorCode } from "./error-codes.ts";
import { AcsconvError, inputError, ioError, messageOf } from "./errors.ts";

/**
 * A module of Node's own. Asked for while running instead of imported, because
 * bundlers for browsers fail or complain about every import of `node:…`.
 */
export const builtin = ((id: string) => {
  const found = globalThis.process?.getBuiltinModule?.(id);
  if (found) return found;
  throw ioError("There is no file system here: in a browser give bytes, a Blob or a File.");
}) as NodeJS.Process["getBuiltinModule"];

export interface FileContent {
  readonly path: string;
  readonly chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>;
}

/** Files that are being written beside their place; a process that is stopped removes them. */
export const unfinishedFiles = new Set<string>();

/**
 * Writes all files or none: what was there before stays until every byte is on the disk. What has been
 * written outlasts a loss of power.
 */
export async function writeFiles(files: readonly FileContent[]): Promise<void> {
  const { open, rename, rm } = builtin("node:fs/promises");
  const jobs = files.map((file) => ({ ...file, aside: asideOf(file.path) }));
  try {
    for (const { path, aside, chunks } of jobs) {
      await ioErrors("write", path, async () => {
        await checkTarget(path);
        const handle = await open(aside, "wx");
        unfinishedFiles.add(aside);
        try {
          for await (const chunk of chunks) await handle.writeFile(chunk);
          await handle.sync();
        } finally {
          await handle.close();
        }
      });
    }
    for (const { path, aside } of jobs) await ioErrors("write", path, () => rename(aside, path));
    const paths = builtin("node:path");
    for (const folder of new Set(jobs.map(({ path }) => paths.dirname(path)))) {
      await ioErrors("write", folder, () => syncFolder(folder));
    }
  } finally {
    for (const { aside } of jobs) {
      await rm(aside, { force: true });
      unfinishedFiles.delete(aside);
    }
  }
}

/** A rename is on the disk when its folder is. Windows, and some network disks, cannot be asked for that. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await builtin("node:fs/promises").open(folder, "r").catch(unlessUnsupported);
  try {
    await handle?.sync().catch(unlessUnsupported);
  } finally {
    await handle?.close();
  }
}

function unlessUnsupported(error: unknown): undefined {
  const { code = "" } = error as { code?: string };
  if (!["EACCES", "EINVAL", "EISDIR", "ENOTSUP", "EPERM"].includes(code)) throw error;
}

/** Fails now if a file could not be written to `path` later, after hours of work. Leaves nothing behind. */
export async function checkWritable(path: string): Promise<void> {
  const { open, rm } = builtin("node:fs/promises");
  await ioErrors("write", path, async () => {
    await checkTarget(path);
    const aside = asideOf(path);
    await (await open(aside, "wx")).close();
    await rm(aside, { force: true });
  });
}

/**
 * Makes a folder, and those above it. Node's own `recursive` blames a missing folder where the disk is read-only,
 * and does not come back from file systems such as /proc.
 */
export async function makeFolder(path: string): Promise<void> {
  const { mkdir, stat } = builtin("node:fs/promises");
  await ioErrors("write", path, async () => {
    if ((await stat(path).catch(() => undefined))?.isDirectory()) return;
    const above = builtin("node:path").dirname(path);
    if (above !== path) await makeFolder(above);
    await mkdir(path).catch(async (error: NodeJS.ErrnoException) => {
      // Another process may have made it meanwhile.
      if (error.code !== "EEXIST" || !(await stat(path)).isDirectory()) throw error;
    });
  });
}

/** Makes sure that what is read and what is written are different files: nothing is replaced by mistake. */
export async function checkApart(paths: readonly string[]): Promise<void> {
  const { realpath } = builtin("node:fs/promises");
  const seen = new Map<string, string>();
  for (const path of paths) {
    const file = await realpath(path).catch(() => builtin("node:path").resolve(path));
    const other = seen.get(file);
    if (other !== undefined)
      throw inputError(`"${other}" would be replaced by what is written to "${path}": choose another name.`, {
        code: "E_OVERWRITE",
      });
    seen.set(file, path);
  }
}

/** Whether a path leads to anything. */
export const isThere = async (path: string): Promise<boolean> =>
  (await builtin("node:fs/promises")
    .stat(path)
    .catch(() => undefined)) !== undefined;

/** Whether a path leads to a folder. */
export const isFolder = (path: string): Promise<boolean> =>
  ioErrors("read", path, async () => (await builtin("node:fs/promises").stat(path)).isDirectory());

const asideOf = (path: string): string => `${path}.${builtin("node:crypto").randomUUID()}.tmp`;

/** What is there already has to be a file: a rename would replace a device or a pipe. */
async function checkTarget(path: string): Promise<void> {
  const { stat } = builtin("node:fs/promises");
  const there = await stat(path).catch(() => undefined);
  if (there && !there.isFile()) throw notAFile("write", path, there);
}

/** Runs `work` on a path; what the file system throws becomes an {@link AcsconvError} of kind `io`. */
export async function ioErrors<T>(verb: "read" | "write", path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw fileError(verb, path, error);
  }
}

export function notAFile(verb: "read" | "write", path: string, found: Stats): AcsconvError {
  const what = found.isDirectory() ? "a folder" : "no regular file";
  return ioError(`Cannot ${verb} "${path}": it is ${what}; name a file.`, { code: "E_NOT_A_FILE" });
}

/** What the file system calls it, in words and as a code of ours. */
const REASONS: Readonly<Record<string, readonly [string, ErrorCode]>> = {
  ENOENT: ["there is no such file or folder", "E_NOT_FOUND"],
  EACCES: ["permission is denied", "E_PERMISSION"],
  EPERM: ["permission is denied", "E_PERMISSION"],
  EROFS: ["the disk is read-only", "E_PERMISSION"],
  EISDIR: ["it is a folder", "E_NOT_A_FILE"],
  EEXIST: ["it is there already, as a file", "E_NOT_A_FILE"],
  ENOTDIR: ["a part of the path is not a folder", "E_NOT_FOUND"],
  ENOSPC: ["the disk is full", "E_DISK_FULL"],
  EDQUOT: ["the disk quota is used up", "E_DISK_FULL"],
  EFBIG: ["the disk does not take files that large", "E_DISK_FULL"],
  ENAMETOOLONG: ["the name is too long", "E_IO"],
};

/** What the file system threw, as a sentence; our own errors stay as they are. */
export function fileError(verb: "read" | "write", path: string, error: unknown): AcsconvError {
  if (error instanceof AcsconvError) return error;
  const [reason, code] = REASONS[(error as { code?: string } | undefined)?.code ?? ""] ?? [messageOf(error)];
  return ioError(`Cannot ${verb} "${path}": ${reason}.`, { cause: error, code });
}
