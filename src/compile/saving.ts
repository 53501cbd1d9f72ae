/**
 * @file What a saved 3D model carries, in `metadata_props`, so that it can be
 * read back as the lifted network it is: how each operator was lowered, and the
 * 2D graph without its weights (those are in the file, under the same names).
 */

import { fromBase64, toBase64 } from "../base/base64.ts";
import { type Graph, opsetOf } from "../graph/graph.ts";
import { sameDims } from "../graph/dim.ts";
import { sameFunction } from "../graph/same-function.ts";
import { liftGraph } from "../lift/index.ts";
import type { LiftOptions } from "../lift/options.ts";
import { decodeModel } from "../onnx/decode.ts";
import { encodeModel } from "../onnx/encode.ts";
import { CANONICAL_OPSET } from "../onnx/upgrade.ts";
import { slotsOf } from "../ops/parameters.ts";
import { lower, type LoweredNode, raise } from "../passes/lower.ts";
import { dropUnused } from "../passes/tidy.ts";
import { plain } from "./targets/plain.ts";

const KEY = "acsconv";
const FORMAT = 1;

/**
 * A 2D graph without its weights takes kilobytes. Only `3d` and `psc`, whose
 * kernels are new, have the 2D ones beside them; from this size on they are left
 * out, and the file is a plain 3D network.
 */
const SKELETON_LIMIT = 2 ** 27;

/** A lifted network and where it came from. */
export interface LiftedSource {
  readonly graph: Graph;
  readonly source: Graph;
  readonly options: LiftOptions;
}

interface Stored {
  readonly format: number;
  readonly options: LiftOptions;
  readonly lowered: readonly LoweredNode[];
  /** base64 ONNX: the 2D graph without the initialisers that the file has. */
  readonly source: string;
}

/** Plain ONNX, with what {@link restore} needs in its metadata. */
export function forSaving({ graph, source, options }: LiftedSource): Graph {
  const lowered = lower(graph, plain.fuses);
  const shared = (name: string): boolean => {
    const [here, there] = [source.initializers.get(name), lowered.graph.initializers.get(name)];
    return !!here && !!there && here.dtype === there.dtype && sameDims(here.dims, there.dims);
  };
  const skeleton: Graph = {
    ...source,
    metadata: new Map(),
    initializers: new Map([...source.initializers].filter(([name]) => !shared(name))),
    inputs: [
      ...source.inputs,
      ...[...source.initializers].flatMap(([name, { dtype, dims }]) =>
        shared(name) ? [{ name, dtype, shape: dims }] : [],
      ),
    ],
  };
  const chunks = encodeModel(skeleton);
  const size = chunks.reduce((sum, { length }) => sum + length, 0);
  if (size > SKELETON_LIMIT) return lowered.graph;
  const stored: Stored = {
    format: FORMAT,
    options,
    lowered: lowered.nodes,
    source: toBase64(...chunks),
  };
  return { ...lowered.graph, metadata: new Map([...graph.metadata, [KEY, JSON.stringify(stored)]]) };
}

/**
 * The lifted network in a saved model; undefined if it is none of ours.
 *
 * The graph in the file is what other programs run. What its metadata says is believed if it leads to that graph: the
 * lifted operators, lowered as they are for saving, are the nodes that are there, and the 2D network lifts to them. Weights
 * count as they are in the file, whoever trained them.
 *
 * @param onWarning - told if the metadata is another network's, broken, or of another acsconv
 */
export function restore(graph: Graph, onWarning: (sentence: string) => void): LiftedSource | undefined {
  const text = graph.metadata.get(KEY);
  if (text === undefined) return undefined;
  const plainly = `it is read as the plain 3D network that its graph is`;
  const stored = parse(text);
  if (!stored) {
    onWarning(`The model's metadata "${KEY}" is broken, or of a newer acsconv; ${plainly}.`);
    return undefined;
  }
  const restored = attempt(() => raised(graph, stored));
  if (restored && attempt(() => isThere(graph, restored))) {
    if (attempt(() => isSource(restored))) return restored;
    onWarning(
      `The model's metadata names a 2D network that does not lift to the graph in the file (one of them was edited, or lifted by another version of acsconv); ${plainly}: lift the 2D network again.`,
    );
  } else {
    onWarning(
      `The model's metadata describes another network than the graph in the file (one of them was edited); ${plainly}.`,
    );
  }
  return undefined;
}

function raised(graph: Graph, stored: Stored): LiftedSource {
  const skeleton = decodeModel(fromBase64(stored.source));
  const own = new Map(skeleton.initializers);
  const inputs = skeleton.inputs.filter(({ name }) => {
    const tensor = graph.initializers.get(name);
    if (tensor) own.set(name, tensor);
    return !tensor;
  });
  const metadata = new Map([...graph.metadata].filter(([key]) => key !== KEY));
  return {
    graph: dropUnused(raise({ ...graph, metadata }, stored.lowered)),
    source: { ...skeleton, inputs, initializers: own, metadata },
    options: stored.options,
  };
}

/** Whether the lifted operators are what the file computes. */
const isThere = (graph: Graph, restored: LiftedSource): boolean =>
  opsetOf(graph) >= CANONICAL_OPSET && sameFunction(graph, lower(restored.graph, plain.fuses).graph);

/** Whether the 2D network lifts to the graph; parameters that only the 3D one has may have any values. */
function isSource({ graph, source, options }: LiftedSource): boolean {
  const lifted = liftGraph(source, options, { draws: false }).graph;
  const fresh = new Set([...slotsOf(graph).values()].flatMap((slots) => slots.map(({ name }) => name)));
  return sameFunction(
    graph,
    { ...lifted, outputs: graph.outputs },
    (name) => source.initializers.has(name) || fresh.has(name),
  );
}

/** What comes out, or undefined where foreign data cannot be made sense of, however it fails. */
function attempt<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}

function parse(text: string): Stored | undefined {
  try {
    const value = JSON.parse(text) as Partial<Stored>;
    const ok =
      value.format === FORMAT &&
      Array.isArray(value.lowered) &&
      typeof value.source === "string" &&
      !!value.options;
    return ok ? (value as Stored) : undefined;
  } catch {
    return undefined;
  }
}
