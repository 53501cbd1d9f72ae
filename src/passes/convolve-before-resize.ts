/**
 * @file Moves a 1×1 convolution that reduces channels before the upsampling it
 * follows, so that fewer channels are interpolated.
 *
 *   Conv₁ₓ₁(Resize(x)) = Resize(Conv₁ₓ₁(x))
 *
 * Both are linear, one over channels, the other over pixels with weights that
 * sum to 1, so the bias passes too. Done where only the convolution reads the
 * upsampled map, and the scales are constants (sizes would name the channels).
 */

import { indexOf } from "../graph/graph-index.ts";
import { type Graph, intsAttr, type Node } from "../graph/graph.ts";
import { numbersOf } from "../graph/tensor.ts";
import { groupsOf } from "../ops/geometry.ts";
import { traitsOf } from "../ops/index.ts";
import { cropsRegion } from "../ops/resize-gradient.ts";

export function convolveBeforeResize(graph: Graph): Graph {
  const index = indexOf(graph);
  const replaced = new Map<Node, Node>();
  for (const conv of graph.nodes) {
    const resize = isPointwise(graph, conv) ? index.producer(conv.inputs[0]!) : undefined;
    if (!resize || index.readCount(resize.outputs[0]!) !== 1 || !enlarges(graph, resize)) continue;
    // The resized map is replaced by the convolved one of the small size.
    const small = `${conv.outputs[0]!}/small`;
    replaced.set(resize, { ...conv, inputs: [resize.inputs[0]!, ...conv.inputs.slice(1)], outputs: [small] });
    replaced.set(conv, { ...resize, inputs: [small, ...resize.inputs.slice(1)], outputs: conv.outputs });
  }
  return replaced.size === 0
    ? graph
    : { ...graph, nodes: graph.nodes.map((node) => replaced.get(node) ?? node) };
}

/** A convolution of one tap that has fewer outputs than inputs. */
function isPointwise(graph: Graph, node: Node): boolean {
  if (traitsOf(node).convolution !== "forward") return false;
  const [outputs, inputs, ...kernel] = graph.initializers.get(node.inputs[1]!)?.dims ?? [];
  const still = (values: readonly number[] | undefined, value: number): boolean =>
    values?.every((v) => v === value) ?? true;
  return (
    kernel.length > 0 &&
    still(kernel, 1) &&
    still(intsAttr(node, "strides"), 1) &&
    still(intsAttr(node, "pads"), 0) &&
    groupsOf(node) === 1 &&
    outputs! < inputs!
  );
}

function enlarges(graph: Graph, node: Node): boolean {
  const scales = traitsOf(node).resamples ? graph.initializers.get(node.inputs[2] ?? "") : undefined;
  if (!scales || intsAttr(node, "axes")) return false;
  const [batch, channels, ...spatial] = numbersOf(scales);
  return batch === 1 && channels === 1 && !cropsRegion(node) && spatial.every((scale) => scale >= 1);
}
