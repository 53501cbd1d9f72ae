/** @file Data sets as people have them: each case of `fixtures/cases` holds what is its own, and shares the scans of `blobs`. */

import { cpSync, readdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "./volumes.ts";

const FIXTURES = join(import.meta.dirname, "../fixtures/cases");

/** A file of the cases. */
export const fieldFile = (name: string): string => join(FIXTURES, name);

/** A folder of the test's own with the data set. */
export function fieldSet(name: string, folder = join(temporaryFolder(), name)): string {
  cpSync(fieldFile("blobs"), folder, { recursive: true });
  cpSync(fieldFile(name), folder, { recursive: true });
  // The only one that lists files as they are on the disk.
  if (name === "T05_backslashes") {
    const images = join(folder, "imagesTr");
    for (const file of readdirSync(images))
      renameSync(join(images, file), join(images, file.replace("_0000", "")));
  }
  return folder;
}
