// @ts-check
/**
 * @file The thread that reads one HDF5 file, for hdf5.ts, with the HDF5 library compiled to WebAssembly. What damages
 * the library, or never ends, ends with the thread; so does the memory it took.
 *
 * The library sees a file system of its own with nothing but this file in it, so that no link leads to another.
 *
 * Plain JavaScript, because a worker is started from a file: this one runs as it is under every Node, beside the
 * sources (in tests) and in the build.
 */

import { parentPort } from "node:worker_threads";
import { Attribute, ready } from "h5wasm";

/** @import { Content, Dataset, Request, Answer } from "./hdf5.ts" */
/** @import { Metadata } from "h5wasm" */
/** @import { Reply } from "../base/thread.ts" */

if (!parentPort) throw new Error("hdf5-worker.js is started by hdf5.ts as a worker thread.");
const port = parentPort;

/** More than any network has, groups, tensors and links together. */
const MAX_OBJECTS = 100_000;
/** Of groups in groups. Keras nests a handful; a group that holds itself has no end. */
const MAX_DEPTH = 32;
/** Of a text that is passed on, in bytes: a whole network's description has some hundred thousand. */
const MAX_TEXT = 2 ** 24;

/** What undoes compression: gzip, a rearrangement of bytes, checksums. */
const FILTERS = [1, 2, 3];

const [INTEGER, FLOAT, STRING, ENUM] = [0, 1, 3, 8];
/** Names of HDF5's classes of types by number, where elements are no numbers. */
const CLASSES = "integers floats times texts bits opaque records references enumerated lists arrays".split(
  " ",
);

/** Ends reading: `what` follows the file's name in a sentence. */
class Refusal extends Error {
  /** @param {Answer} answer */
  constructor(answer) {
    super();
    this.answer = answer;
  }
}

/**
 * @param {string} refused
 * @returns {never}
 */
function refuse(refused) {
  throw new Refusal({ refused });
}

const library = await ready;
/** What the library has said on its stderr, where it explains every failure. */
let said = "";
redirect(library.FS);

/** @param {unknown} files */
function redirect(files) {
  const { tty } = /** @type {{ getStream(fd: number): { tty: { ops: object } } }} */ (files).getStream(2);
  tty.ops = {
    put_char: (/** @type {unknown} */ _, /** @type {number} */ code) => (said += String.fromCharCode(code)),
    fsync: () => {},
  };
}

/** @param {string} path */
const quoted = (path) => JSON.stringify(path.length > 200 ? `${path.slice(0, 200)}…` : path);

/** The innermost of the causes that the library lists. */
function cause() {
  const causes = [...said.matchAll(/ in \w+\(\): ([^\n]*)/g)];
  return (causes.at(-1)?.[1] ?? said.trim().split("\n")[0] ?? "").replaceAll(/[^\x20-\x7e]/g, "?");
}

/**
 * Calls the library. It goes on after most failures, as if nothing had been there: whatever it complains about ends
 * reading.
 *
 * @template T
 * @param {string} path
 * @param {() => T} work
 * @returns {T}
 */
function checked(path, work) {
  said = "";
  /** @type {T | undefined} */
  let result;
  let thrown = "";
  try {
    result = work();
  } catch (error) {
    thrown = error instanceof Error ? error.message : String(error);
  }
  if (said || thrown || result === undefined || (typeof result === "number" && result < 0))
    refuse(`is damaged: ${quoted(path)} in it cannot be read (${cause() || thrown || "no reason given"})`);
  return result;
}

/**
 * @param {Request} request
 * @returns {Content}
 */
function read({ bytes, mostBytes }) {
  // Not copied once more.
  const owned = /** @type {{}} */ ({ canOwn: true });
  library.FS.writeFile("/file", bytes, owned);
  const id = checked("/", () => {
    const opened = library.open("/file", library.H5F_ACC_RDONLY, false, -1, -1);
    if (opened < 0) throw new Error("it cannot be opened");
    return opened;
  });
  /** @type {Content} */
  const content = { datasets: [], layers: [], texts: [], others: [] };
  let objects = 0;
  let left = mostBytes;
  /** @param {number} count */
  const take = (count) => {
    if (!(count <= left)) throw new Refusal({ exceeded: count });
    left -= count;
  };

  /** @param {string} path @param {number} depth */
  const visit = (path, depth) => {
    if (depth > MAX_DEPTH) refuse(`has groups nested deeper than ${MAX_DEPTH}; weights are not`);
    const attributes = checked(path, () => library.get_attribute_names(id, path));
    if (attributes.some((name) => /^weight_names\d*$/.test(name))) content.layers.push(path);
    if (depth < 2) for (const name of attributes) addText(path, name);
    for (const name of checked(path, () => library.get_names(id, path, false))) {
      if (++objects > MAX_OBJECTS) refuse(`has more than ${MAX_OBJECTS} objects; weights have not`);
      const inner = `${path === "/" ? "" : path}/${name}`;
      take(inner.length);
      const type = checked(inner, () => library.get_type(id, inner));
      if (type === library.H5G_GROUP) visit(inner, depth + 1);
      else if (type === library.H5G_DATASET) addDataset(inner);
      else if (type === library.H5G_UDLINK)
        refuse(`has a link to another file, ${quoted(inner)}, which is not followed`);
      else content.others.push({ path: inner, what: type === library.H5G_LINK ? "a broken link" : "a type" });
    }
  };

  /** @param {string} path @param {string} name */
  const addText = (path, name) => {
    const where = `${path}@${name}`;
    const { type, shape, size, total_size } = checked(where, () =>
      library.get_attribute_metadata(id, path, name),
    );
    if (type !== STRING || shape?.length !== 0 || size * total_size > MAX_TEXT) return;
    const { value } = checked(where, () => new Attribute(id, path, name));
    if (typeof value !== "string" || value.length > MAX_TEXT) return;
    take(value.length);
    content.texts.push({ path, name, value });
  };

  /** @param {string} path */
  const addDataset = (path) => {
    const metadata = checked(path, () => library.get_dataset_metadata(id, path));
    const dtype = dtypeOf(metadata);
    const { shape, size, total_size, chunks, virtual_sources } = metadata;
    if (!dtype || !shape) {
      const what = shape ? (CLASSES[metadata.type] ?? "no numbers") : "empty";
      content.others.push({ path, what });
      return;
    }
    if (virtual_sources) refuse(`has a tensor, ${quoted(path)}, whose elements are in other files`);
    const packed = checked(path, () => library.get_dataset_filters(id, path));
    const unknown = packed.find((filter) => !FILTERS.includes(filter.id));
    if (unknown) {
      const name = `${unknown.name.replaceAll(/[^\x20-\x7e]/g, "?")} (${unknown.id})`;
      refuse(
        `has a tensor, ${quoted(path)}, in a compression that is not read, ${name}: write it with gzip or none`,
      );
    }
    const count = size * total_size;
    if (chunks && chunks.reduce((product, side) => product * side, size) > left)
      throw new Refusal({ exceeded: Infinity });
    take(count);
    const bytes = count === 0 ? new Uint8Array() : elements(path, count);
    content.datasets.push({ path, dtype, dims: shape, bytes });
  };

  /** @param {string} path @param {number} count */
  const elements = (path, count) => {
    const at = library["_malloc"](count);
    if (at === 0)
      refuse(`has a tensor, ${quoted(path)}, of ${count} bytes, too large for the memory at hand`);
    checked(path, () => library.get_dataset_data(id, path, null, null, null, BigInt(at)));
    const bytes = library.HEAPU8.slice(at, at + count);
    library["_free"](at);
    return bytes;
  };

  visit("/", 0);
  return content;
}

/**
 * Elements are read in the file's type, little-endian. That a type of two bytes is IEEE's, and not another that HDF5
 * could describe, is taken for granted.
 *
 * @param {Metadata} metadata
 * @returns {Dataset["dtype"] | undefined}
 */
function dtypeOf({ type, size, signed, enum_type }) {
  const bits = size * 8;
  if (type === INTEGER && [8, 16, 32, 64].includes(bits))
    return /** @type {"int8"} */ (`${signed ? "" : "u"}int${bits}`);
  if (type === FLOAT && [16, 32, 64].includes(bits)) return /** @type {"float32"} */ (`float${bits}`);
  // How h5py writes booleans.
  const names = Object.keys(enum_type?.members ?? {}).sort();
  return type === ENUM && size === 1 && names.join() === "FALSE,TRUE" ? "bool" : undefined;
}

port.on("message", (/** @type {Request} */ request) => {
  /** @type {Answer} */
  let answer;
  try {
    answer = { content: read(request) };
  } catch (error) {
    answer =
      error instanceof Refusal
        ? error.answer
        : { refused: `cannot be read: ${error instanceof Error ? error.message : String(error)}` };
  }
  const buffers =
    "content" in answer
      ? answer.content.datasets.map(({ bytes }) => /** @type {ArrayBuffer} */ (bytes.buffer))
      : [];
  /** @type {Reply} */
  const reply = { value: answer };
  port.postMessage(reply, buffers);
});
