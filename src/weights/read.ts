/**
 * @file Weights from any file that the field keeps them in, told apart by content and not by name:
 * safetensors, PyTorch's checkpoints, NumPy's archives, Keras's HDF5, ONNX models.
 *
 * Files are foreign. Reading executes nothing, believes nothing before it is checked, and allocates what
 * the size of the file justifies: tensors are views of its bytes wherever elements follow each other.
 */

import { AcsconvError } from "../base/errors.ts";
import type { Graph } from "../graph/graph.ts";
import { readModel } from "../onnx/model-file.ts";
import { NpzArchive, arraysOf } from "../formats/npz.ts";
import { Budget, type Contents, type Fail, failOf } from "../formats/foreign.ts";
import { readHdf5 } from "../formats/hdf5.ts";
import { pickleOf, readStreamCheckpoint, readZipCheckpoint } from "../formats/pytorch/checkpoint.ts";
import { decodeSafetensors } from "../formats/safetensors.ts";
import { type FileSource, openSource } from "../base/byte-source.ts";
import { ZipArchive } from "../formats/zip.ts";

/** Where weights may come from: a path (in a browser an address), a Blob, a File or bytes. */
export type WeightSource = FileSource;

/** The format of a file of weights: `pytorch-stream` is what `torch.save` wrote before PyTorch 1.6. */
export type WeightFormat = "safetensors" | "pytorch" | "pytorch-stream" | "npz" | "hdf5" | "onnx";

/** What is in a file of weights. */
export interface WeightFile extends Contents {
  readonly format: WeightFormat;
}

/**
 * Reads the weights of a file. The tensors share its memory.
 *
 * From a PyTorch checkpoint nothing is ever executed. It may hold tensors, plain data and a list of
 * harmless objects; whatever else it asks for is refused by name.
 *
 * @throws {@link AcsconvError} `io` if it cannot be read, `format` if it is damaged or something else
 *
 * @example
 * const { tensors } = await readWeights("resnet18-f37072fd.pth");
 */
export async function readWeights(source: WeightSource): Promise<WeightFile> {
  const opened = await openSource(source);
  const { name } = opened;
  const fail = failOf(name);
  const bytes = await opened.bytes();
  const budget = Budget.ofWeights(bytes.length, fail);
  const other = FOREIGN.find(({ start }) => startsWith(bytes, start));
  if (other) fail(other.is, "E_UNSUPPORTED");
  if (startsWith(bytes, ZIP)) return readArchive(new ZipArchive(bytes, budget, fail), name, budget, fail);
  if (startsWith(bytes, PICKLE))
    return { format: "pytorch-stream", ...readStreamCheckpoint(bytes, budget, fail) };
  if (startsWith(bytes, HDF5)) return { format: "hdf5", ...(await readHdf5(bytes, budget, fail)) };
  // A header's length in eight bytes, and the header.
  if (bytes[8] === "{".charCodeAt(0)) return { format: "safetensors", ...decodeSafetensors(bytes, name) };
  const { initializers, metadata } = await readOnnx(opened.path ?? bytes, name, fail);
  return { format: "onnx", tensors: initializers, metadata };
}

const ZIP = "PK\x03\x04";
const HDF5 = "\x89HDF\r\n\x1a\n";
/** Every pickle that PyTorch or Python 3 writes begins with its protocol. */
const PICKLE = "\x80";

/** Files that are often found where weights were expected. */
const FOREIGN: readonly { readonly start: string; readonly is: string }[] = [
  { start: "GGUF", is: "is a GGUF file, which is not read here: convert it to safetensors" },
  { start: "\x1f\x8b", is: "is compressed with gzip: unpack it first" },
  {
    start: "version https://git-lfs",
    is: "is only a pointer of Git LFS to the file: fetch the file itself (git lfs pull)",
  },
  { start: "<!DOCTYPE", is: "is a web page and no file of weights: download it anew" },
  { start: "<html", is: "is a web page and no file of weights: download it anew" },
];

const startsWith = (bytes: Uint8Array, text: string): boolean =>
  bytes.length >= text.length && [...text].every((letter, i) => bytes[i] === letter.charCodeAt(0));

function readArchive(archive: ZipArchive, name: string, budget: Budget, fail: Fail): WeightFile {
  const pickle = pickleOf(archive);
  if (pickle !== undefined) return { format: "pytorch", ...readZipCheckpoint(archive, pickle, budget, fail) };
  const tensors = arraysOf(new NpzArchive(archive, name));
  if (tensors.size === 0)
    fail("is a zip archive, but has neither a PyTorch checkpoint nor NumPy arrays in it", "E_UNSUPPORTED");
  return { format: "npz", tensors, metadata: new Map() };
}

/** ONNX files have no mark at their beginning: what is nothing else is tried as one. */
async function readOnnx(source: string | Uint8Array, name: string, fail: Fail): Promise<Graph> {
  try {
    return await readModel(source);
  } catch (error) {
    if (!(error instanceof AcsconvError) || error.kind === "io" || name.endsWith(".onnx")) throw error;
    return fail(
      "has none of the formats that weights are read from (safetensors, PyTorch, npz, HDF5, ONNX), or is damaged",
      "E_UNSUPPORTED",
    );
  }
}
