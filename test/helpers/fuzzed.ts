/**
 * @file Files that are nearly checkpoints, drawn from a seed: real ones with bits flipped, bytes overwritten, parts
 * cut out or repeated, and pickles of random operations, among them calls of what nobody should call.
 */

import { readdirSync, readFileSync } from "node:fs";
import { integer, uniform } from "../../src/base/random.ts";
import { AcsconvError } from "../../src/base/errors.ts";
import { byteLength } from "../../src/graph/tensor.ts";
import { encodeNpz, readNpz } from "../../src/formats/npz.ts";
import { readWeights } from "../../src/weights/read.ts";
import { encodeSafetensors } from "../../src/formats/safetensors.ts";
import { concat } from "./graphs.ts";
import * as p from "./pickles.ts";

type Random = () => number;

const folder = new URL("../fixtures/checkpoints/", import.meta.url);
const read = (path: string): Uint8Array => new Uint8Array(readFileSync(new URL(path, folder)));

/** Real files of every format. */
const SEEDS: readonly Uint8Array[] = (() => {
  const files = ["", "torch/"].flatMap((path) =>
    readdirSync(new URL(path, folder)).flatMap((name) =>
      /\.(pth|npz)$/.test(name) ? [read(path + name)] : [],
    ),
  );
  const tensors = readNpz(read("expected.npz"));
  const onnx = read("../models/resnet_basic.onnx");
  return [
    ...files,
    concat(encodeSafetensors({ tensors, metadata: new Map([["a", "b"]]) })),
    concat(encodeNpz(tensors)),
    onnx,
  ];
})();

const pick = <T>(random: Random, items: readonly T[]): T => items[integer(random, 0, items.length - 1)]!;

/** Numbers that break sums and sizes. */
const EXTREMES = [0, 1, 2, 3, 4, 5, 255, 256, 2 ** 16, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 50, 2 ** 63];
const GLOBALS: readonly (readonly [module: string, name: string])[] = [
  ["torch._utils", "_rebuild_tensor_v2"],
  ["torch._utils", "_rebuild_tensor_v3"],
  ["torch._utils", "_rebuild_parameter"],
  ["torch._tensor", "_rebuild_from_type_v2"],
  ["torch", "FloatStorage"],
  ["torch", "float64"],
  ["torch", "Size"],
  ["collections", "OrderedDict"],
  ["builtins", "list"],
  ["builtins", "object"],
  ["numpy", "dtype"],
  ["numpy.core.multiarray", "_reconstruct"],
  ["numpy.core.multiarray", "scalar"],
  ["_codecs", "encode"],
  ["argparse", "Namespace"],
  ["datetime", "datetime"],
];
const HOSTILE: typeof GLOBALS = [
  ["os", "system"],
  ["builtins", "eval"],
  ["subprocess", "Popen"],
  ["__main__", "__proto__"],
];

/** A random operation, with what it reads. */
function operation(random: Random): p.Code {
  const extreme = pick(random, EXTREMES);
  const choices: readonly (() => p.Code)[] = [
    () => p.int(extreme),
    () => p.int(integer(random, 0, 9)),
    () => p.text(pick(random, ["storage", "0", "1", "cpu", "latin1", "f4", "O8", "é", "", "a.b"])),
    () => p.global(...pick(random, random() < 0.1 ? HOSTILE : GLOBALS)),
    () =>
      p.tensor([integer(random, 0, 3), extreme], [extreme, integer(random, 0, 2)], {
        offset: integer(random, 0, 4),
      }),
    () => p.tensor([2, 2], [integer(random, 0, 2), 1]),
    () =>
      p.storage(extreme, {
        key: pick(random, ["0", "1"]),
        type: pick(random, ["FloatStorage", "HalfStorage"]),
      }),
    () => p.ints(extreme, integer(random, 0, 3)),
    () => p.put(pick(random, [0, 1, 2, extreme % 2 ** 32])),
    () => p.get(pick(random, [0, 1, 2, extreme % 2 ** 32])),
    () => [integer(random, 0, 255)],
    ...[
      p.NONE,
      p.MARK,
      p.EMPTY_TUPLE,
      p.EMPTY_LIST,
      p.EMPTY_DICT,
      p.TUPLE,
      p.APPENDS,
      p.SETITEM,
      p.REDUCE,
      p.BUILD,
      p.PERSISTENT,
    ].map((code) => () => code),
  ];
  return pick(random, choices)();
}

function program(random: Random): Uint8Array {
  const code = Array.from({ length: integer(random, 1, 40) }, () => operation(random));
  const tensors = p.dict(["w", p.tensor([4], [1])]);
  const content = p.pickle(...(random() < 0.5 ? [p.EMPTY_LIST, ...code] : [...code, tensors]));
  return random() < 0.5
    ? p.zipCheckpoint(content, { "0": new Uint8Array(16) }, { level: random() < 0.5 ? 0 : 9 })
    : p.streamCheckpoint(content);
}

/** Where something is, more often than where padding is. */
function position(random: Random, bytes: Uint8Array): number {
  const at = integer(random, 0, bytes.length - 1);
  return bytes[at] === 0 && random() < 0.8 ? integer(random, 0, bytes.length - 1) : at;
}

const MUTATIONS: readonly ((random: Random, bytes: Uint8Array) => Uint8Array)[] = [
  function flipBits(random, bytes) {
    const changed = bytes.slice();
    for (let i = integer(random, 1, 8); i > 0; i--)
      changed[position(random, bytes)]! ^= 1 << integer(random, 0, 7);
    return changed;
  },
  function overwrite(random, bytes) {
    const changed = bytes.slice();
    const at = position(random, bytes);
    return changed.fill(pick(random, [0, 1, 0x7f, 0x80, 0xff]), at, at + integer(random, 1, 9));
  },
  function truncate(random, bytes) {
    return bytes.subarray(0, integer(random, 0, bytes.length - 1));
  },
  function cutOut(random, bytes) {
    const at = position(random, bytes);
    return concat([bytes.subarray(0, at), bytes.subarray(at + integer(random, 1, 40))]);
  },
  function repeat(random, bytes) {
    const at = position(random, bytes);
    const part = bytes.subarray(at, at + integer(random, 1, 200));
    return concat([
      bytes.subarray(0, at),
      ...Array<Uint8Array>(integer(random, 1, 5)).fill(part),
      bytes.subarray(at),
    ]);
  },
  function insertOperation(random, bytes) {
    const at = position(random, bytes);
    return concat([bytes.subarray(0, at), Uint8Array.from(operation(random)), bytes.subarray(at)]);
  },
  function splice(random, bytes) {
    const other = pick(random, SEEDS);
    return concat([bytes.subarray(0, position(random, bytes)), other.subarray(position(random, other))]);
  },
];

/** The `index`-th file; the same one on every machine. */
export function fuzzedFile(index: number): Uint8Array {
  const random = uniform(index + 1);
  if (random() < 0.25) return program(random);
  let bytes = pick(random, SEEDS);
  for (let i = integer(random, 1, 3); i > 0 && bytes.length > 0; i--)
    bytes = pick(random, MUTATIONS)(random, bytes);
  return bytes;
}

const keras = new URL("keras/", folder);
const HDF5_SEEDS: readonly Uint8Array[] = readdirSync(keras).map((name) => read(`keras/${name}`));

/** The same of HDF5 files, mostly of their own length: they are refused at once with another. */
export function fuzzedHdf5(index: number): Uint8Array {
  const random = uniform(index + 1);
  const mutations = random() < 0.8 ? MUTATIONS.slice(0, 2) : MUTATIONS;
  let bytes = pick(random, HDF5_SEEDS);
  for (let i = integer(random, 1, 3); i > 0 && bytes.length > 0; i--)
    bytes = pick(random, mutations)(random, bytes);
  return bytes;
}

/**
 * Reads a file and holds the reader to its word: tensors as large as their sizes say, or an error of ours in one
 * sentence.
 *
 * @returns whether it could be read
 */
export async function readsOrRefuses(bytes: Uint8Array): Promise<boolean> {
  try {
    const { tensors } = await readWeights(bytes);
    for (const [name, { dtype, dims, bytes, strings }] of tensors) {
      if (!strings && bytes.length !== byteLength(dtype, dims))
        throw new Error(`${name} has ${bytes.length} bytes, not ${dtype} [${dims.join(", ")}]`);
    }
    return true;
  } catch (error) {
    if (error instanceof AcsconvError && /^[^\n]{1,700}\.$/.test(error.message)) return false;
    throw error;
  }
}
