/**
 * @file Files by their paths in a data set's description, wherever it was written: with Windows' backslashes, with
 * environment variables as nnU-Net takes them, in other capitals where the writer's disk did not tell them apart, or as
 * whole paths on the machine where the data set once lay.
 */

import { builtin } from "../base/files.ts";

/** Deeper paths end in files of other data sets, too. */
const LEAST_PARTS = 2;

/** The files that a description in the folder `root` lists. */
export class ListedFiles {
  readonly #root: string;
  /** By folder and small letters, the names there. */
  readonly #names = new Map<string, Promise<ReadonlyMap<string, readonly string[]>>>();

  constructor(root: string) {
    this.#root = root;
  }

  /** The path of the file or folder that is meant; undefined where there is none. */
  async find(written: string): Promise<string | undefined> {
    const paths = builtin("node:path");
    for (const path of readings(written)) {
      const found = await this.#existing(paths.resolve(this.#root, path));
      if (found !== undefined) return found;
      // A whole path on another machine: the end of it, two parts at least, may lie here.
      const parts = path.split("/").filter((part) => part !== "" && part !== ".");
      const isWhole = paths.isAbsolute(path) || /^[a-z]:/i.test(path);
      for (let start = 1; isWhole && parts.length - start >= LEAST_PARTS; start++) {
        const here = await this.#existing(paths.join(this.#root, ...parts.slice(start)));
        if (here !== undefined) return here;
      }
    }
    return undefined;
  }

  /** Where a file that is not found should be. */
  expected(written: string): string {
    return builtin("node:path").resolve(this.#root, readings(written)[0]!);
  }

  /** The path itself, or the one that differs from it in capitals alone. */
  async #existing(path: string): Promise<string | undefined> {
    const paths = builtin("node:path");
    const { stat } = builtin("node:fs/promises");
    if (await stat(path).catch(() => undefined)) return path;
    const inside = paths.relative(this.#root, path);
    // Other folders are nobody's to search.
    if (inside === "" || inside.startsWith("..") || paths.isAbsolute(inside)) return undefined;
    let folder = this.#root;
    for (const part of inside.split(paths.sep)) {
      const same = (await this.#namesIn(folder)).get(part.toLowerCase()) ?? [];
      const name = same.includes(part) ? part : same.length === 1 ? same[0] : undefined;
      if (name === undefined) return undefined;
      folder = paths.join(folder, name);
    }
    return folder;
  }

  #namesIn(folder: string): Promise<ReadonlyMap<string, readonly string[]>> {
    const known = this.#names.get(folder) ?? namesOf(folder);
    this.#names.set(folder, known);
    return known;
  }
}

async function namesOf(folder: string): Promise<ReadonlyMap<string, readonly string[]>> {
  const { readdir } = builtin("node:fs/promises");
  const names = new Map<string, string[]>();
  for (const name of await readdir(folder).catch(() => [])) {
    const small = name.toLowerCase();
    names.set(small, [...(names.get(small) ?? []), name]);
  }
  return names;
}

/** A path as it is written and, where that differs, with slashes for backslashes; the likelier one first. */
function readings(written: string): readonly string[] {
  const path = written.replace(
    /\$(?:(\w+)|\{(\w+)\})/g,
    (all, plain?: string, braced?: string) => process.env[plain ?? braced ?? ""] ?? all,
  );
  const slashed = path.replaceAll("\\", "/");
  return slashed === path ? [path] : [slashed, path];
}
