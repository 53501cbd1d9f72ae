/** @file Models as files: from wherever they come, with weights that stand beside them, and back to a path. */

import { formatError, ioError } from "../base/errors.ts";
import { builtin, fileError, notAFile, writeFiles } from "../base/files.ts";
import { type FileSource, openSource } from "../base/byte-source.ts";
import type { Graph } from "../graph/graph.ts";
import { decodeModel } from "./decode.ts";
import type { ReadExternal } from "./decode-tensor.ts";
import { encodeExternal, encodeModel } from "./encode.ts";
import { MAX_MODEL_BYTES } from "./format.ts";

/** Where a model may come from; a string is a path in Node and a URL in a browser. */
export type ModelSource = FileSource;

/** Weights beyond this size go to a second file: protobuf ends at 2 GB, and some readers before. */
const EXTERNAL_FROM_BYTES = 1.5e9;

/** Reads a model, with weights that stand in other files of its folder if it comes from a path. */
export async function readModel(source: ModelSource): Promise<Graph> {
  const { name, path, size, bytes } = await openSource(source, "model");
  if (size > MAX_MODEL_BYTES)
    throw formatError(`An ONNX file has at most ${MAX_MODEL_BYTES} bytes, but "${name}" has ${size}.`, {
      code: "E_LIMIT",
    });
  return decodeModel(await bytes(), path === undefined ? {} : { external: externalReader(path) });
}

/**
 * Reads regions of files in the model's folder. Symbolic links are followed
 * within that folder and the one that really holds the model: download caches
 * link both to one store. Regions that differ may not add up to more than their
 * file, so that a small file cannot ask for endless memory.
 */
function externalReader(modelPath: string): ReadExternal {
  const fs = builtin("node:fs");
  const paths = builtin("node:path");
  const folder = paths.dirname(modelPath);
  const allowed = [fs.realpathSync(folder), paths.dirname(fs.realpathSync(modelPath))];
  const regions = new Map<string, Uint8Array>();
  const unread = new Map<string, number>();

  const resolve = (location: string): string => {
    const real = fs.realpathSync(paths.join(folder, location));
    const inside = (parent: string): boolean => {
      const way = paths.relative(parent, real);
      return !paths.isAbsolute(way) && way.split(paths.sep)[0] !== "..";
    };
    if (allowed.some(inside)) return real;
    throw formatError(
      `The model's weights "${location}" are a link to ${real}, outside the model's folder; refusing to read it.`,
      { code: "E_UNSAFE" },
    );
  };

  const read = (path: string, offset: number, length: number): Uint8Array => {
    const found = fs.statSync(path);
    if (!found.isFile()) throw notAFile("read", path, found);
    const { size } = found;
    const file = fs.openSync(path, "r");
    try {
      const left = (unread.get(path) ?? size) - length;
      if (offset + length > size || left < 0) {
        const why = offset + length > size ? "" : ", and other tensors overlap there";
        throw formatError(
          `The model wants ${length} bytes from ${offset} of "${path}", but that file has ${size} bytes${why}; ` +
            `it is incomplete or another model's.`,
        );
      }
      unread.set(path, left);
      const bytes = new Uint8Array(length);
      for (let at = 0; at < length;) {
        const count = fs.readSync(file, bytes, at, length - at, offset + at);
        if (count === 0) throw ioError(`Cannot read "${path}": it shrank meanwhile.`);
        at += count;
      }
      return bytes;
    } finally {
      fs.closeSync(file);
    }
  };

  return (location, offset, length) => {
    const key = `${offset}+${length}:${location}`;
    const known = regions.get(key);
    if (known) return known;
    try {
      const bytes = read(resolve(location), offset, length);
      regions.set(key, bytes);
      return bytes;
    } catch (error) {
      throw fileError("read", paths.join(folder, location), error);
    }
  };
}

/**
 * Writes a model to a path, weights to `<path>.data` if they exceed `externalFrom` bytes. Whatever
 * fails, neither file is left half-written and what was there before stays.
 */
export async function writeModel(
  graph: Graph,
  path: string,
  externalFrom: number = EXTERNAL_FROM_BYTES,
): Promise<void> {
  const paths = builtin("node:path");
  const total = [...graph.initializers.values()].reduce((sum, { bytes }) => sum + bytes.length, 0);
  if (total <= externalFrom) return writeFiles([{ path, chunks: encodeModel(graph) }]);
  const { model, data } = encodeExternal(graph, `${paths.basename(path)}.data`);
  return writeFiles([
    { path: `${path}.data`, chunks: data },
    { path, chunks: model },
  ]);
}
