/** @file Scans in files of their own, as class folders and tables name them. */

import { ioError } from "../../base/errors.ts";
import { builtin } from "../../base/files.ts";
import { readGrid, readVolume } from "../../volume/read.ts";
import type { ArrayNames } from "../folders.ts";
import type { NamedScan } from "./data-set.ts";

/** A scan that is a file, or a folder of DICOM slices. */
export const scanIn = (
  path: string,
  what: Pick<NamedScan, "name" | "label" | "split">,
  { array }: ArrayNames,
): NamedScan => ({
  ...what,
  read: (onWarning) => readVolume(path, { onWarning, array }),
  grid: () => readGrid(path),
});

/** What stands in a folder, without what systems leave in it. */
export async function entriesOf(
  folder: string,
): Promise<{ readonly files: readonly string[]; readonly folders: readonly string[] }> {
  const paths = builtin("node:path");
  const { readdir, stat } = builtin("node:fs/promises");
  const names = (await readdir(folder)).filter((name) => !isLeftover(name)).sort();
  const files: string[] = [];
  const folders: string[] = [];
  // A link counts as what it leads to.
  for (const name of names) {
    const found = await stat(paths.join(folder, name)).catch(() => undefined);
    if (!found)
      throw ioError(`"${paths.join(folder, name)}" leads nowhere: restore what it links to, or remove it.`, {
        code: "E_NOT_FOUND",
      });
    (found.isDirectory() ? folders : files).push(name);
  }
  return { files, folders };
}

/** `.DS_Store`, `._scan.nii`, and what macOS packs beside files. */
const isLeftover = (name: string): boolean =>
  name.startsWith(".") || name === "__MACOSX" || name === "Thumbs.db";
