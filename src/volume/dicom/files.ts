/** @file The files of a study: those in a folder of the disk, or those that a browser's user picked or dropped. */

import { inputError } from "../../base/errors.ts";
import { type ByteSource, openSource } from "../../base/byte-source.ts";
import { builtin, ioErrors } from "../../base/files.ts";

/** More files than any study has: whoever passes `/` shall be told, not kept waiting. */
const MAX_FILES = 50_000;

/** Where DICOM comes from: a file or a folder (Node), or the files of one. */
export type DicomInput = string | File | readonly File[];

/** How messages call it. */
export function inputName(input: DicomInput): string {
  if (typeof input === "string") return input;
  if (input instanceof File) return input.name;
  return input.length === 1 ? input[0]!.name : `the ${input.length} files`;
}

/** All files of an input, subfolders included, in the order of their names. */
export async function listFiles(input: DicomInput): Promise<readonly ByteSource[]> {
  if (input instanceof File) return [await openSource(input)];
  if (typeof input !== "string") return Promise.all(sortedFiles(input).map(openFile));
  return Promise.all((await listPaths(input)).map((path) => openSource(path)));
}

/** Named by its way from the folder that was picked: names alone may repeat. */
async function openFile(file: File): Promise<ByteSource> {
  return { ...(await openSource(file)), name: pathOf(file) };
}

const pathOf = (file: File): string => file.webkitRelativePath || file.name;

function sortedFiles(files: readonly File[]): readonly File[] {
  if (files.length > MAX_FILES) throw tooMany(inputName(files));
  return files.toSorted((a, b) => (pathOf(a) < pathOf(b) ? -1 : 1));
}

const tooMany = (what: string): Error =>
  inputError(`"${what}" holds more than ${MAX_FILES} files: name the folder of one study.`, {
    code: "E_LIMIT",
  });

/** Links are followed: archives keep studies as folders of them. Each folder is entered once, so loops end. */
async function listPaths(root: string): Promise<readonly string[]> {
  const { readdir, realpath, stat } = builtin("node:fs/promises");
  const paths = builtin("node:path");
  const found: string[] = [];
  const entered = new Set<string>();
  const walk = async (folder: string): Promise<void> => {
    const place = await ioErrors("read", folder, () => realpath(folder));
    if (entered.has(place)) return;
    entered.add(place);
    const entries = await ioErrors("read", folder, () => readdir(folder, { withFileTypes: true }));
    for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const path = paths.join(folder, entry.name);
      // A link that leads nowhere is no file.
      const kind = entry.isSymbolicLink() ? await stat(path).catch(() => undefined) : entry;
      if (kind?.isDirectory()) await walk(path);
      else if (kind?.isFile()) found.push(path);
      if (found.length > MAX_FILES) throw tooMany(root);
    }
  };
  const kind = await ioErrors("read", root, () => stat(root));
  if (kind.isDirectory()) await walk(root);
  else found.push(root);
  return found;
}
