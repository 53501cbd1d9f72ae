/**
 * @file The graph a model is made of: for reading a network's nodes and weights,
 * or changing them before `new Model(graph)`. Public as `acsconv/graph`.
 *
 * @module
 */

export { type Dim, evaluateDim, SymbolicDim, symbol, symbolsOf } from "./dim.ts";
export {
  type Attr,
  type Attrs,
  float,
  floatAttr,
  floats,
  type Graph,
  int,
  intAttr,
  ints,
  intsAttr,
  type Node,
  nodeLabel,
  opsetOf,
  str,
  stringAttr,
  tensorAttr,
  type ValueInfo,
  type ValueType,
} from "./graph.ts";
export type { DType } from "../base/dtypes.ts";
export {
  elementCount,
  floatTensor,
  int64Tensor,
  type Numbers,
  numbersOf,
  type Tensor,
  tensorOf,
} from "./tensor.ts";
