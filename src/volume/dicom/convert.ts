/**
 * @file dcm2niix, the field's converter of DICOM to NIfTI, compiled to WebAssembly: it sorts images, parts them into
 * volumes, and decodes pixels. An instance per conversion, in Node and in browsers alike; memory grows with the series
 * and is given back with the instance.
 *
 * @see https://github.com/rordenlab/dcm2niix
 */

import { openSource } from "../../base/byte-source.ts";
import { formatError, ioError, messageOf } from "../../base/errors.ts";
import { compressedImages } from "./codestream.ts";
import type { DicomFile } from "./headers.ts";
import type { Stack } from "./stack.ts";
import { printable } from "../../base/printable.ts";
import { warningsOf } from "./warnings.ts";
import { headerOf, plainStream } from "./parse.ts";
import { concatenated, encapsulated, unpackFrames } from "./unpack.ts";

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

/** A NIfTI file that was made of a part of a series, or all of it. */
export interface Converted {
  /** What dcm2niix tells it by from the others: `e2` for a second echo, `ph` for phases; empty for the first. */
  readonly suffix: string;
  /** The file, in memory of its own. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** What the sidecar file says of it: EchoTime … */
  readonly about: Readonly<Record<string, unknown>>;
}

/** What came out, and what dcm2niix said about it, a line each. */
export interface Conversion {
  readonly outputs: readonly Converted[];
  readonly lines: readonly string[];
}

const NAME = "x";
const OPTIONS = [
  ["-f", NAME],
  // Sidecar files: what tells volumes apart.
  ["-b", "y"],
  ["-z", "n"],
  // Derived images and localizers too: which images are wanted, the user has said.
  ["-i", "n"],
  // Numbers as they are stored: neither scaled to the range of 16 bits nor cast.
  ["-l", "o"],
  // RescaleSlope and RescaleIntercept, as all other software; not the private slopes of Philips.
  ["-p", "n"],
  // Neither cropped nor turned.
  ["-x", "i"],
  // Not other series, and none that are not in the folder.
  ["-s", "n"],
  ["-v", "n"],
].flat();

/** One image at each position is one volume, however much echo times or exposures differ; else dcm2niix parts them. */
const ONE_VOLUME = ["-m", "y"];

/** WebAssembly's memory ends at 2 GiB, in which dcm2niix holds what it reads and what it makes of it. */
const MAX_BYTES = 2 ** 30;

/**
 * Runs dcm2niix on files.
 *
 * @param bytes - what their pixels take, decoded
 * @param asStored - frames do not say where they lie
 * @param what - the series, for messages
 */
export async function convert(
  files: readonly DicomFile[],
  bytes: number,
  { volumes, asStored }: Pick<Stack, "volumes" | "asStored">,
  what: string,
): Promise<Conversion> {
  if (bytes > MAX_BYTES)
    throw ioError(
      `${what} is ${(bytes / 2 ** 30).toFixed(1)} GiB of pixels, more than the ${MAX_BYTES / 2 ** 30} GiB that can be converted at once: crop it, or convert it to NIfTI with dcm2niix.`,
      { code: "E_LIMIT" },
    );
  const lines: string[] = [];
  const instance = await start((line) => lines.push(line));
  const { FS } = instance;
  FS.mkdir("/in");
  FS.mkdir("/out");
  for (const [i, file] of files.entries())
    for (const [k, stream] of (await streamsOf(file, asStored)).entries())
      FS.writeFile(`/in/${placeName(i)}${placeName(k)}`, stream, { canOwn: true });
  const code = run(instance, volumes === 1 ? [...OPTIONS, ...ONE_VOLUME] : OPTIONS, what);
  const named = lines.map((line) =>
    line.replace(/\/in\/(\d{6})\d{6}/g, (name, place: string) => files[Number(place)]?.source.name ?? name),
  );
  const names = FS.readdir("/out");
  const made = names.filter((name) => name.endsWith(".nii")).sort();
  if (made.length === 0) {
    const said = warningsOf(named).at(-1);
    throw formatError(
      `Cannot read ${what}: dcm2niix makes no image of it (${said?.replace(/\.$/, "") ?? `it ends with ${code}`}); it may be damaged, or no image.`,
    );
  }
  const take = (name: string): Uint8Array<ArrayBuffer> => {
    const { contents, usedBytes } = FS.lookupPath(`/out/${name}`).node;
    FS.unlink(`/out/${name}`);
    return contents.subarray(0, usedBytes) as Uint8Array<ArrayBuffer>;
  };
  const outputs = made
    // Images resampled to even gaps, or to an upright gantry, are made beside the original ones: these are wanted.
    .filter((name) => !/_(Eq|Tilt)/.test(name))
    .map((name) => {
      const sidecar = name.replace(/nii$/, "json");
      return {
        suffix: name.slice(NAME.length, -".nii".length).replace(/^_/, ""),
        bytes: take(name),
        about: names.includes(sidecar) ? sidecarOf(take(sidecar)) : {},
      };
    });
  return { outputs, lines: named };
}

/** A file as dcm2niix takes it, or several: what it may take amiss is brought into the form that all readers know. */
async function streamsOf(file: DicomFile, asStored: boolean): Promise<readonly Uint8Array[]> {
  const { name } = file.source;
  const bytes = await file.source.bytes();
  const images = compressedImages(file, bytes);
  if (!images) return [plainStream(bytes, file.transferSyntax, name)];
  if (images.length > 1) return unpackFrames(file, headerOf(bytes, name), images, asStored);
  if (images[0]!.length === 1) return [bytes];
  return [concatenated([bytes.subarray(0, file.pixelOffset), ...encapsulated(images)])];
}

const placeName = (i: number): string => String(i).padStart(6, "0");

function sidecarOf(bytes: Uint8Array): Readonly<Record<string, unknown>> {
  try {
    return JSON.parse(new TextDecoder().decode(bytes)) as Readonly<Record<string, unknown>>;
  } catch {
    // It quotes texts of the header as they are.
    return {};
  }
}

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
