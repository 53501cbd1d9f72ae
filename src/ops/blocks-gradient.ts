/**
 * @file Gradients of DepthToSpace and SpaceToDepth, which move elements only:
 * each is undone by the other.
 *
 *   DCR   [N, b·b·C, H, W] ↔ [N, C, H·b, W·b]   blocks before features (SpaceToDepth's order)
 *   CRD   [N, C·b·b, H, W] → [N, C, H·b, W·b]   features before blocks
 *
 * @see https://onnx.ai/onnx/operators/onnx__DepthToSpace.html
 */

import { int, intAttr, str, stringAttr } from "../graph/graph.ts";
import type { GradientRule } from "./gradient.ts";

export const depthToSpace: GradientRule = (c) => {
  const b = intAttr(c.node, "blocksize", 1);
  if (stringAttr(c.node, "mode", "DCR") === "DCR")
    return [c.op("SpaceToDepth", [c.dy()], { blocksize: int(b) })];
  const [N, C, H, W] = c.shape(c.x()) as [number, number, number, number];
  const blocks = c.reshape(c.dy(), [N, C / b / b, H, b, W, b]);
  return [c.reshape(c.transpose(blocks, [0, 1, 3, 5, 2, 4]), [N, C, H, W])];
};

export const spaceToDepth: GradientRule = (c) => [
  c.op("DepthToSpace", [c.dy()], { blocksize: int(intAttr(c.node, "blocksize", 1)), mode: str("DCR") }),
];
