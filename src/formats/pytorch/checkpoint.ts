/**
 * @file PyTorch's checkpoints (.pth, .pt, .bin, .ckpt) in both forms that `torch.save` has written:
 *
 *   zip      <name>/data.pkl, a pickle; <name>/data/<key>, elements of a storage      since PyTorch 1.6
 *   stream   pickles: magic number, version, sizes of C types, the object, keys; then for each key
 *            8 bytes count and the elements                                         before
 *
 * @see https://github.com/pytorch/pytorch/blob/v2.5.0/torch/serialization.py
 */

import { byteLength } from "../../graph/tensor.ts";
import { type Budget, type Contents, decodeText, type Fail } from "../foreign.ts";
import type { ZipArchive } from "../zip.ts";
import { type Block, tensorOfView } from "./elements.ts";
import { flatten } from "./flatten.ts";
import { storageOf } from "./globals.ts";
import { unpickle } from "./unpickle.ts";
import { itemsOf, type Storage, textOf, type Value } from "./values.ts";

const MAGIC_NUMBER = 0x1950a86a20f9469cfc6cn;
const STREAM_VERSION = 1001;
const PICKLE = "data.pkl";

/** The pickle's path in a checkpoint in zip form; nothing if the archive is something else. */
export const pickleOf = (archive: ZipArchive): string | undefined =>
  archive.names
    .filter((name) => name === PICKLE || name.endsWith(`/${PICKLE}`))
    .sort((a, b) => a.length - b.length)[0];

export function readZipCheckpoint(archive: ZipArchive, pickle: string, budget: Budget, fail: Fail): Contents {
  const folder = pickle.slice(0, -PICKLE.length);
  const order = archive.read(`${folder}byteorder`);
  if (order && decodeText(order) === "big")
    fail(
      "was written on a big-endian machine, which is not read; save it anew on another one",
      "E_UNSUPPORTED",
    );
  if (archive.names.includes(`${folder}constants.pkl`))
    fail("is a TorchScript program: load it with torch.jit.load and save its state_dict()", "E_UNSUPPORTED");
  const { value } = unpickle(archive.read(pickle)!, 0, { fail, persistent: (id) => storageOf(id, fail) });
  const blocks = new Map<string, Uint8Array>();
  return contents(value, budget, fail, ({ key }) => {
    const path = `${folder}data/${key}`;
    const block =
      blocks.get(key) ??
      archive.read(path) ??
      fail(`is incomplete: it has no entry ${JSON.stringify(path)}, a storage that it uses`);
    blocks.set(key, block);
    return block;
  });
}

export function readStreamCheckpoint(bytes: Uint8Array, budget: Budget, fail: Fail): Contents {
  const used = new Map<string, Storage>();
  let at = 0;
  const next = (): Value => {
    const { value, end } = unpickle(bytes, at, {
      fail,
      persistent: (id) => {
        const storage = storageOf(id, fail);
        if (!used.has(storage.key)) used.set(storage.key, storage);
        return storage;
      },
    });
    at = end;
    return value;
  };
  if (next() !== MAGIC_NUMBER)
    fail(
      "is a Python pickle, but none that torch.save wrote: save the weights with torch.save, or as safetensors",
    );
  if (next() !== STREAM_VERSION) fail(`is a PyTorch stream of another version than ${STREAM_VERSION}`);
  // Sizes of C types, of which nothing depends: elements have their own, and are little-endian.
  next();
  const root = next();
  const keys = itemsOf(next()) ?? fail("is damaged: it has no list of storages");
  const blocks = new Map<string, Uint8Array>();
  for (const item of keys) {
    const key = textOf(item) ?? "";
    const { dtype } =
      used.get(key) ?? fail(`is damaged: it lists a storage ${JSON.stringify(key)} that is not used`);
    const count = at + 8 <= bytes.length ? sizeAt(bytes, at) : NaN;
    const length = byteLength(dtype, [count]);
    if (!(at + 8 + length <= bytes.length))
      fail(`is truncated: its storage ${JSON.stringify(key)} ends after its last byte, ${bytes.length}`);
    blocks.set(key, bytes.subarray(at + 8, at + 8 + length));
    at += 8 + length;
  }
  return contents(
    root,
    budget,
    fail,
    ({ key }) => blocks.get(key) ?? fail(`is incomplete: it lacks the storage ${JSON.stringify(key)}`),
  );
}

const sizeAt = (bytes: Uint8Array, at: number): number =>
  Number(new DataView(bytes.buffer, bytes.byteOffset + at, 8).getBigUint64(0, true));

const contents = (root: Value, budget: Budget, fail: Fail, block: Block): Contents =>
  flatten(root, (view) => tensorOfView(view, block, budget, fail), fail);
