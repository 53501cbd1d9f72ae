/**
 * @file dcm2niix, the field's converter of DICOM to NIfTI, compiled to WebAssembly: it decodes pixels. An instance per conversion, in Node and in browsers alike; memory grows with the series
 * and is given back with the instance.
 *
 * @see https://github.com/rordenlab/dcm2niix
 */

import { openSource } from "../../base/byte-source.ts";
import { formatError, ioError, messageOf } from "../../base/errors.ts";
import { printable } from "../../base/printable.ts";
import { warningsOf } from "./warnings.ts";
import type { DicomFile } from "./headers.ts";
import type { Image } from "./parts.ts";
import { openSingles } from "./single.ts";

/** A copy of the files of `@niivue/dcm2niix`, whose package lets neither bundlers nor import maps reach them. */
const FILES = {
  js: new URL("../../../assets/dcm2niix/dcm2niix.jpeg.js", import.meta.url),
  wasm: new URL("../../../assets/dcm2niix/dcm2niix.jpeg.wasm", import.meta.url),
};

/** What we use of an instance. */
interface Instance {
  readonly FS: {
    mkdir(path: string): void;
    writeFile(path: string, bytes: Uint8Array, options: { canOwn: boolean }): void;
    readdir(path: string): string[];
    unlink(path: string): void;
    lookupPath(path: string): { node: { contents: Uint8Array; usedBytes: number } };
  };
  callMain(args: string[]): number;
}

type Factory = (options: {
  instantiateWasm: (
    imports: WebAssembly.Imports,
    receive: (instance: WebAssembly.Instance) => WebAssembly.Exports,
  ) => Promise<WebAssembly.Exports>;
  noInitialRun: true;
  print: (line: string) => void;
  printErr: (line: string) => void;
}) => Promise<Instance>;

/** What came out, and what dcm2niix said about it, a line each. */
export interface Conversion {
  /** A NIfTI file, in memory of its own. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly lines: readonly string[];
}

const NAME = "x";
const OPTIONS = [
  ["-f", NAME],
  ["-b", "n"],
  ["-z", "n"],
  // Numbers as they are stored: neither scaled to the range of 16 bits nor cast.
  ["-l", "o"],
  // Neither cropped nor turned.
  ["-x", "i"],
  ["-s", "n"],
  // All in one volume.
  ["-m", "y"],
  ["-v", "n"],
].flat();

/** WebAssembly's memory ends at 2 GiB, in which dcm2niix holds what it reads and what it makes of it. */
const MAX_BYTES = 2 ** 30;

/**
 * Decodes images into one NIfTI file.
 *
 * @param images - of one size and type, along D
 * @param what - the series, for messages
 */
export async function convert(images: readonly Image[], what: string): Promise<Conversion> {
  const pixels = images.reduce(
    (sum, { file: { rows, columns, format } }) =>
      sum + (rows * columns * format.samples * format.allocated) / 8,
    0,
  );
  if (pixels > MAX_BYTES)
    throw ioError(
      `${what} is ${(pixels / 2 ** 30).toFixed(1)} GiB of pixels, more than the ${MAX_BYTES / 2 ** 30} GiB that can be converted at once: crop it, or convert it to NIfTI with dcm2niix.`,
      { code: "E_LIMIT" },
    );
  const lines: string[] = [];
  const instance = await start((line) => lines.push(line));
  const { FS } = instance;
  FS.mkdir("/in");
  FS.mkdir("/out");
  await writeSingles(images, (rank, bytes) =>
    FS.writeFile(`/in/${placeName(rank)}`, bytes, { canOwn: true }),
  );
  const code = run(instance, [...OPTIONS], what);
  const named = lines.map((line) =>
    line.replace(/\/in\/(\d{6})/g, (name, place: string) => images[Number(place)]?.file.source.name ?? name),
  );
  const [made, ...others] = FS.readdir("/out").filter((name) => name.endsWith(".nii"));
  if (made === undefined || others.length > 0) {
    const said = warningsOf(named).at(-1);
    throw formatError(
      `Cannot read ${what}: dcm2niix ${made ? "decodes only a part of it" : "makes no image of it"} (${said?.replace(/\.$/, "") ?? `it ends with ${code}`}); it may be damaged, or no image.`,
    );
  }
  const { contents, usedBytes } = FS.lookupPath(`/out/${made}`).node;
  return { bytes: contents.subarray(0, usedBytes) as Uint8Array<ArrayBuffer>, lines: named };
}

/** Writes a file for each image. Each file of several is opened once. */
async function writeSingles(
  images: readonly Image[],
  write: (rank: number, bytes: Uint8Array) => void,
): Promise<void> {
  const files = new Map<DicomFile, { index: number; rank: number }[]>();
  for (const [rank, { file, index }] of images.entries()) {
    const places = files.get(file) ?? [];
    places.push({ index, rank });
    files.set(file, places);
  }
  for (const [file, places] of files) {
    const singleOf = await openSingles(file);
    for (const { index, rank } of places) write(rank, singleOf(index, rank));
  }
}

const placeName = (i: number): string => String(i).padStart(6, "0");

/** Its runtime sets the exit code of the whole process. */
function run(instance: Instance, options: readonly string[], what: string): number {
  const { process } = globalThis;
  const before = process?.exitCode;
  try {
    return instance.callMain(["-o", "/out", ...options, "/in"]);
  } catch (cause) {
    // C++ throws addresses.
    const reason = typeof cause === "number" ? "" : ` (${printable(messageOf(cause).split("\n", 1)[0]!)})`;
    throw formatError(
      `Cannot read ${what}: dcm2niix fails on it${reason}; it may be damaged, or too large.`,
      { cause },
    );
  } finally {
    if (process) process.exitCode = before;
  }
}

/** Compiled once; instances are cheap. */
let compiled: Promise<WebAssembly.Module> | undefined;

async function start(print: (line: string) => void): Promise<Instance> {
  compiled ??= openSource(FILES.wasm)
    .then((source) => source.bytes())
    .then((bytes) => WebAssembly.compile(bytes as Uint8Array<ArrayBuffer>));
  const module = await compiled;
  const { default: create } = (await import(/* @vite-ignore */ FILES.js.href)) as { default: Factory };
  return create({
    instantiateWasm: async (imports, receive) => receive(await WebAssembly.instantiate(module, imports)),
    noInitialRun: true,
    print,
    printErr: print,
  });
}
