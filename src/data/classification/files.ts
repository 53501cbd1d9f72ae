/** @file Scans in files of their own, as class folders and tables name them. */

import { openSource } from "../../base/byte-source.ts";
import { AcsconvError, formatError, inputError, ioError } from "../../base/errors.ts";
import { builtin } from "../../base/files.ts";
import { readHeader } from "../../volume/dicom/headers.ts";
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
  read: (onWarning) => readVolume(path, { onWarning, array }).catch(withoutSeries),
  grid: () => readGrid(path),
});

/**
 * Makes sure that a DICOM file is a scan, and no slice of one: of its series there would be more files beside it.
 *
 * @param where - it is named, for messages
 * @throws {@link AcsconvError} `format` for a slice
 */
export async function requireNoSlice(file: string, where: string): Promise<void> {
  const paths = builtin("node:path");
  const folder = paths.dirname(file);
  const header = await headerOf(file);
  if (!header || header.frames.length > 1) return;
  const { files } = await entriesOf(folder);
  // Slices of a series have neighbouring names: two headers are read, and not those of a thousand files.
  const at = files.indexOf(paths.basename(file));
  for (const beside of [files[at + 1], files[at - 1]]) {
    if (beside === undefined) continue;
    const other = await headerOf(paths.join(folder, beside));
    if (other?.series === header.series)
      throw formatError(
        `${where}: "${file}" is one slice of a DICOM series, of which "${beside}" beside it is another: name the folder "${folder}" as the scan.`,
      );
  }
}

/** Of a file that is no DICOM image, or a broken one, reading the scan will tell. */
const headerOf = (path: string) =>
  openSource(path)
    .then(readHeader)
    .catch(() => undefined);

/** A scan of a data set is one series, for no option could choose one in each of its folders. */
function withoutSeries(error: unknown): never {
  if (!(error instanceof AcsconvError) || error.code !== "E_AMBIGUOUS") throw error;
  const message = error.message.replace(/choose one with `series`[^(]*/, "leave one of them in each folder ");
  throw inputError(message, { code: "E_AMBIGUOUS" });
}

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
