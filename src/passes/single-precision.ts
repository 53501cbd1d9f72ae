/**
 * @file Networks of other floating point in float32: ONNX Runtime has no convolutions of double, and training is done
 * in single precision.
 */

import { type Attr, type Graph, int, type Node, type ValueInfo } from "../graph/graph.ts";
import { DTYPES, type DType, dtypeFromOnnx, numbersOf, type Tensor, tensorOf } from "../graph/tensor.ts";
import { traitsOf } from "../ops/index.ts";

/**
 * The network with all numbers of these types in float32, its input and outputs included; itself where no convolution
 * has such weights. (Sizes are computed in double by some, and stay.)
 */
export function inSinglePrecision(graph: Graph, types: readonly DType[]): Graph {
  const isOther = (dtype: DType | undefined): boolean => dtype !== undefined && types.includes(dtype);
  const isAffected = graph.nodes.some(
    (node) => traitsOf(node).convolution && isOther(graph.initializers.get(node.inputs[1] ?? "")?.dtype),
  );
  if (!isAffected) return graph;
  const single = (tensor: Tensor): Tensor =>
    isOther(tensor.dtype) ? tensorOf("float32", tensor.dims, Float32Array.from(numbersOf(tensor))) : tensor;
  const info = <T extends ValueInfo>(value: T): T =>
    isOther(value.dtype) ? { ...value, dtype: "float32" } : value;
  const attrOf = (node: Node, name: string, attr: Attr): Attr => {
    if (attr.kind === "tensor") return { kind: "tensor", value: single(attr.value) };
    const isType = attr.kind === "int" && name === "to" && traitsOf(node).casts;
    return isType && isOther(dtypeFromOnnx(attr.value)) ? int(DTYPES.float32.onnx) : attr;
  };
  return {
    ...graph,
    inputs: graph.inputs.map(info),
    outputs: graph.outputs.map(info),
    valueInfos: new Map([...graph.valueInfos].map(([name, value]) => [name, info(value)])),
    initializers: new Map([...graph.initializers].map(([name, tensor]) => [name, single(tensor)])),
    nodes: graph.nodes.map((node) => ({
      ...node,
      attrs: Object.fromEntries(
        Object.entries(node.attrs).map(([name, attr]) => [name, attrOf(node, name, attr)]),
      ),
    })),
  };
}
