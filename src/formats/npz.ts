/** @file NumPy's archives (.npz): named tensors in a zip file. */

import { Zip, ZipPassThrough } from "fflate";
import { AcsconvError, inputError } from "../base/errors.ts";
import type { ByteSource } from "../base/byte-source.ts";
import type { DType } from "../base/dtypes.ts";
import type { Tensor } from "../graph/tensor.ts";
import { Budget, DEFLATE_MAX_RATIO, failOf } from "./foreign.ts";
import {
  type NpyHeader,
  NPY_HEADER_BYTES,
  checkNpy,
  encodeNpy,
  npyBytes,
  readNpy,
  readNpyHeader,
} from "./npy.ts";
import { ZipArchive } from "./zip.ts";

/** The most an archive may expand to: a small file of zeros would otherwise fill the memory. */
const MAX_EXPANDED_BYTES = 16 * 2 ** 30;
/** More than any network or data set has. */
const MAX_ARRAYS = 10_000;
/** Beyond this, zip archives need extensions that fflate does not write. */
const MAX_WRITTEN_BYTES = 2 ** 32 - 2 ** 20;

/** What an array of an archive is, by its header. */
export interface ArrayHeader {
  readonly name: string;
  /** Undefined for what is no plain number: text, Python objects, structures. Such an array cannot be read. */
  readonly dtype: DType | undefined;
  readonly dims: readonly number[];
}

/**
 * A .npz archive whose arrays are read when they are asked for: one that is not takes neither time nor memory, and what
 * cannot be read, such as text or Python objects, does not stand in the way of the others.
 */
export class NpzArchive {
  readonly #archive: ZipArchive;
  readonly #file: string;
  readonly #names: ReadonlySet<string>;

  constructor(archive: ZipArchive, file: string) {
    this.#archive = archive;
    this.#file = file;
    this.#names = new Set(
      archive.names.filter((entry) => entry.endsWith(NPY)).map((entry) => entry.slice(0, -NPY.length)),
    );
    if (this.#names.size > MAX_ARRAYS)
      failOf(file)(`holds ${this.#names.size} arrays; the limit is ${MAX_ARRAYS}`, "E_LIMIT");
  }

  /** In the order of the archive. */
  get names(): readonly string[] {
    return [...this.#names];
  }

  /** What all arrays are; of a damaged one no more than its name. */
  get arrays(): readonly ArrayHeader[] {
    return this.names.map((name) => {
      try {
        const { dtype, dims } = this.#header(name);
        return { name, dtype, dims };
      } catch (error) {
        if (error instanceof AcsconvError) return { name, dtype: undefined, dims: [] };
        throw error;
      }
    });
  }

  has(name: string): boolean {
    return this.#names.has(name);
  }

  /**
   * Reads an array, and unpacks no other. One that is not compressed shares the archive's memory.
   *
   * @throws {@link AcsconvError} `input` if there is none of that name, `format` if it is damaged or not of numbers
   */
  read(name: string): Tensor {
    if (!this.has(name))
      throw inputError(
        `"${this.#file}" has no array ${JSON.stringify(name)}: it holds ${describeArrays(this.arrays)}.`,
        { code: "E_UNKNOWN_NAME" },
      );
    const header = this.#header(name);
    const entry = `${name}${NPY}`;
    checkNpy(header, this.#archive.sizeOf(entry)!, this.#nameOf(name));
    const content = this.#archive.read(entry, npyBytes(header))!;
    this.#archive.check(entry, content);
    return readNpy(content, this.#nameOf(name));
  }

  #header(name: string): NpyHeader {
    return readNpyHeader(this.#archive.read(`${name}${NPY}`, NPY_HEADER_BYTES)!, this.#nameOf(name));
  }

  #nameOf(name: string): string {
    return `${this.#file}:${name}${NPY}`;
  }
}

/** More arrays than a list in a message can name usefully. */
const MAX_LISTED = 20;

/** Arrays as messages list them: `image (int16 [8, 16, 12]), meta (no numbers)`. */
export const describeArrays = (arrays: readonly ArrayHeader[]): string =>
  arrays
    .slice(0, MAX_LISTED)
    .map(({ name, dtype, dims }) => `${name} (${dtype ? `${dtype} [${dims.join(", ")}]` : "no numbers"})`)
    .concat(arrays.length > MAX_LISTED ? [`and ${arrays.length - MAX_LISTED} more`] : [])
    .join(", ") || "no arrays";

/**
 * Opens a .npz archive: its bytes are read, its arrays when they are asked for.
 *
 * @throws {@link AcsconvError} `io`, or `format` if it is no such archive
 */
export async function openNpz(source: ByteSource): Promise<NpzArchive> {
  const archive = new ZipArchive(await source.bytes(), undefined, failOf(source.name));
  return new NpzArchive(archive, source.name);
}

/**
 * All arrays of a .npz file by name. Those that are not compressed share the memory of `bytes`.
 *
 * @throws {@link AcsconvError} `format`, also where one of them is not of numbers
 */
export function readNpz(bytes: Uint8Array, name = "the archive"): Map<string, Tensor> {
  const fail = failOf(name);
  const most = Math.min(MAX_EXPANDED_BYTES, DEFLATE_MAX_RATIO * bytes.length);
  return arraysOf(new NpzArchive(new ZipArchive(bytes, new Budget(most, fail), fail), name));
}

/** All arrays of an archive by name. */
export const arraysOf = (archive: NpzArchive): Map<string, Tensor> =>
  new Map(archive.names.map((name) => [name, archive.read(name)]));

const NPY = ".npy";

/**
 * The parts of a .npz file, stored without compression as `numpy.savez` does; tensors are not copied.
 *
 * @throws {@link AcsconvError} `input` from 4 GiB on
 */
export function encodeNpz(tensors: ReadonlyMap<string, Tensor>): Uint8Array[] {
  const size = [...tensors.values()].reduce((sum, tensor) => sum + tensor.bytes.length, 0);
  if (size > MAX_WRITTEN_BYTES)
    throw inputError(`A .npz archive holds less than 4 GiB, not ${size} bytes: write NIfTI or NRRD.`, {
      code: "E_LIMIT",
    });
  const parts: Uint8Array[] = [];
  const zip = new Zip((error, chunk) => {
    if (error) throw error;
    parts.push(chunk);
  });
  for (const [name, tensor] of tensors) {
    const file = new ZipPassThrough(`${name}.npy`);
    zip.add(file);
    const [header, elements] = encodeNpy(tensor);
    file.push(header);
    file.push(elements, true);
  }
  zip.end();
  return parts;
}
