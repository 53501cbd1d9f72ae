/** @file Files that hold the same image, as folders do into which a study was copied twice. */

import type { DicomFile } from "./headers.ts";
import { plainBytes } from "./parse.ts";

/**
 * Leaves out copies. Images with the UID of another are not always its copies: some anonymisers give one UID to all.
 * Place and pixels have to be the same.
 */
export async function withoutCopies(files: readonly DicomFile[]): Promise<readonly DicomFile[]> {
  const alike = new Map<string, DicomFile[]>();
  const kept: DicomFile[] = [];
  for (const file of files) {
    const key = JSON.stringify([file.instance, file.rows, file.columns, file.frames]);
    const others = alike.get(key) ?? [];
    if (await isCopyOfAny(file, others)) continue;
    alike.set(key, [...others, file]);
    kept.push(file);
  }
  return kept;
}

async function isCopyOfAny(file: DicomFile, others: readonly DicomFile[]): Promise<boolean> {
  for (const other of others) {
    const [a, b] = await Promise.all([pixelsOf(file), pixelsOf(other)]);
    if (a.length === b.length && a.every((byte, i) => byte === b[i])) return true;
  }
  return false;
}

const pixelsOf = async (file: DicomFile): Promise<Uint8Array> =>
  (await plainBytes(file)).subarray(file.pixelOffset);
