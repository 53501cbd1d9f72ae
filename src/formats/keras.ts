/**
 * @file Weights as Keras keeps them: their names in its HDF5 files, and how its names and axes become those of our
 * networks, which are PyTorch's.
 *
 *   conv1/conv1/kernel:0                [kh, kw, I, O]   conv1.kernel          conv1.weight [O, I, kh, kw]
 *   dense/dense/kernel:0                [I, O]           dense.kernel          dense.weight [O, I]
 *   up/up/kernel:0 (transposed)         [kh, kw, O, I]   up.kernel             up.weight [I, O, kh, kw]
 *   conv1_bn/conv1_bn/gamma:0           [C]              conv1_bn.gamma        conv1_bn.weight
 *   conv1_bn/conv1_bn/moving_variance:0 [C]              conv1_bn.moving_…     conv1_bn.running_var
 *   conv1_scale/conv1_scale_beta:0      [C]              conv1_scale.beta      conv1_scale.bias
 *
 * Whole models have all this in a group `model_weights`, beside the optimiser's. The paths are not to be relied on: a
 * variable's scope may be numbered (`conv1_1/kernel:0`), an own layer's have none. What counts is the layer's group.
 *
 * @see https://github.com/keras-team/keras/blob/2.0.8/keras/engine/topology.py
 */

import { gatherBytes } from "../base/bytes.ts";
import { DTYPES, elementCount, type Tensor } from "../graph/tensor.ts";

const ROOT = "/model_weights/";

/**
 * Names for the tensors of a file.
 *
 * @param paths - of the tensors
 * @param layers - of groups that hold the weights of one layer
 */
export function tensorNames(
  paths: readonly string[],
  layers: readonly string[],
): ReadonlyMap<string, string> {
  const groups = new Set(layers);
  const byLayer = new Map<string, string[]>();
  const names = new Map<string, string>();
  const uses = new Map<string, number>();
  const name = (path: string, wanted: string): void => {
    const use = (uses.get(wanted) ?? 0) + 1;
    uses.set(wanted, use);
    names.set(path, use === 1 ? wanted : `${wanted}@${use}`);
  };
  for (const path of paths) {
    const layer = layerOf(path, groups);
    if (layer === undefined) name(path, dotted(path));
    else if (byLayer.get(layer)?.push(path) === undefined) byLayer.set(layer, [path]);
  }
  for (const [layer, members] of byLayer) {
    const module = dotted(layer.startsWith(ROOT) ? layer.slice(ROOT.length - 1) : layer);
    const scope = scopeOf(members, layer);
    for (const path of members) {
      const variable = dotted(path.slice(scope.length)).replace(/:0$/, "");
      const own = `${module}_`;
      name(path, `${module}.${variable.startsWith(own) ? variable.slice(own.length) : variable}`);
    }
  }
  return names;
}

const dotted = (path: string): string => path.replace(/^\//, "").replaceAll("/", ".");

/** The outermost of the groups that a tensor is in and that are a layer's; models inside others are layers, too. */
function layerOf(path: string, layers: ReadonlySet<string>): string | undefined {
  for (let at = path.indexOf("/", 1); at > 0; at = path.indexOf("/", at + 1)) {
    if (layers.has(path.slice(0, at))) return path.slice(0, at);
  }
  return undefined;
}

/** The innermost group that all of a layer's tensors are in. */
function scopeOf(paths: readonly string[], layer: string): string {
  const [first = "", ...others] = paths;
  let scope = first.slice(0, first.lastIndexOf("/"));
  while (scope.length > layer.length && !others.every((path) => path.startsWith(`${scope}/`)))
    scope = scope.slice(0, scope.lastIndexOf("/"));
  return scope;
}

/** Names of variables, those of Keras 1 among them, whose `running_std` is a variance. */
const VARIABLES: Readonly<Record<string, string>> = {
  kernel: "weight",
  gamma: "weight",
  beta: "bias",
  moving_mean: "running_mean",
  moving_variance: "running_var",
  W: "weight",
  b: "bias",
  running_std: "running_var",
};
const KERNELS = ["kernel", "W"];

/** How a network says, in its metadata, in which order its Keras original has the axes of volumes: `HWD`. */
export const KERAS_AXES = "acsconv.keras_axes";

/**
 * Tensors of a Keras file by the names, and with the axes, that networks of this package have.
 *
 * @param axes - of volumes in Keras; whatever is not `HWD` has them as here, depth first
 */
export function fromKeras(
  tensors: ReadonlyMap<string, Tensor>,
  axes: string | undefined,
): ReadonlyMap<string, Tensor> {
  const translated = new Map<string, Tensor>();
  for (const [name, tensor] of tensors) {
    const [, module, variable] = /^(.*\.)(\w+)$/.exec(name) ?? [];
    const now =
      module !== undefined && Object.hasOwn(VARIABLES, variable!) ? VARIABLES[variable!] : undefined;
    // Whatever a file calls its tensors, none is lost.
    const free = now !== undefined && !translated.has(module! + now) && !tensors.has(module! + now);
    translated.set(
      free ? module! + now : name,
      free && KERNELS.includes(variable!) ? permuted(tensor, orderOf(tensor.dims.length, axes)) : tensor,
    );
  }
  return translated;
}

/** [k …, I, O] becomes [O, I, k …], and kernels of volumes have depth first. */
function orderOf(rank: number, axes: string | undefined): readonly number[] {
  if (rank < 2) return [0].slice(0, rank);
  const window = Array.from({ length: rank - 2 }, (_, axis) => axis);
  if (axes === "HWD" && rank === 5) window.unshift(window.pop()!);
  return [rank - 1, rank - 2, ...window];
}

/** The tensor whose axis `i` is axis `order[i]` of the given one. */
function permuted({ dtype, dims, bytes }: Tensor, order: readonly number[]): Tensor {
  const sizes = order.map((axis) => dims[axis]!);
  const strides = order.map((axis) => elementCount(dims.slice(axis + 1)));
  return { dtype, dims: sizes, bytes: gatherBytes(bytes, { dims: sizes, strides }, DTYPES[dtype].bits / 8) };
}
