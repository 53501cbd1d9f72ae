/**
 * @file How much memory a graph takes at its peak, before it is run: the bytes of
 * all values that are alive while a node computes, in the order in which ONNX
 * Runtime's sequential executor computes nodes.
 *
 * 1. The order is that of a depth-first search from the nodes that nobody reads,
 *    the last of them first, that visits the inputs of a node from the last
 *    written to the first.
 * 2. A value lives from its node to the last that reads it; what is fed, constant
 *    or put out lives throughout.
 * 3. Reshape and its like hand their input's memory on, elementwise operators
 *    write over an input that nobody reads after them, and a Transpose that
 *    matrix products alone read is fused into them.
 *
 * This imitates one version of ONNX Runtime, to which package.json pins it: before raising it, compare what is estimated
 * with what is measured.
 *
 * @see onnxruntime/core/graph/graph_viewer.cc and core/framework/allocation_planner.cc
 */

import { type Graph, intsAttr, type Node, nodeLabel } from "../graph/graph.ts";
import { byteLength } from "../graph/tensor.ts";
import { traitsOf } from "../ops/index.ts";
import { inferTypes } from "../ops/infer.ts";
import type { Known } from "../ops/rule.ts";
import { readsOf } from "../graph/graph-index.ts";

/** The version of ONNX Runtime whose planner this is. */
export const PLANNER_VERSION = "1.30.0";

export interface MemoryEstimate {
  /** Of the tensors that are alive at the worst moment. */
  readonly tensorBytes: number;
  /** Of the whole process then, as the system counts it. */
  readonly peakBytes: number;
  /** The node at which that is. */
  readonly at: string;
}

/** Node, ONNX Runtime and what they keep for themselves; measured (Linux, Node 20). */
const PROCESS_BYTES = 200e6;
/** What ONNX Runtime keeps of every node while it prepares a graph; measured. */
const NODE_BYTES = 12e3;
/** What the arena holds beyond the tensors that are alive, since it cannot always use the gaps between them. */
const ARENA_SHARE = 1.15;

/** @param graph - plain ONNX of which every size is a number */
export function estimateMemory(graph: Graph): MemoryEstimate {
  const { bytes, at } = peakOf(graph, executionOrder(graph));
  const overhead = PROCESS_BYTES + NODE_BYTES * graph.nodes.length;
  return { tensorBytes: bytes, peakBytes: Math.round(overhead + ARENA_SHARE * bytes), at };
}

/**
 * Nodes in the order in which ONNX Runtime computes them. Matrix products come
 * with the transposes of their operands, and count as written after all else,
 * because ONNX Runtime writes them anew when it loads the graph.
 */
export function executionOrder(graph: Graph): Node[] {
  const swaps = new Map(
    graph.nodes.flatMap((node) => (swapsLast(node) ? [[node.outputs[0]!, node] as const] : [])),
  );
  const renewed: Node[] = [];
  const nodes = depthFirst(graph.nodes).map((node) => {
    if (!traitsOf(node).fusesTranspose || !node.inputs.some((name) => swaps.has(name))) return node;
    const fused = { ...node, inputs: node.inputs.map((name) => swaps.get(name)?.inputs[0] ?? name) };
    renewed.push(fused);
    return fused;
  });
  const own = new Map(nodes.map((node) => [node.outputs[0]!, node] as const));
  const late = new Set(renewed);
  const written = graph.nodes.map((node) => own.get(node.outputs[0]!)!).filter((node) => !late.has(node));
  const outputs = new Set(graph.outputs.map(({ name }) => name));
  const read = new Set([...written, ...renewed].flatMap(readsOf));
  const kept = written.filter(
    (node) => !swapsLast(node) || node.outputs.some((name) => read.has(name) || outputs.has(name)),
  );
  return depthFirst([...kept, ...renewed]);
}

/** Whether the node exchanges the last two axes. */
function swapsLast(node: Node): boolean {
  const perm = traitsOf(node).moves === "permute" ? intsAttr(node, "perm") : undefined;
  const rank = perm?.length ?? 0;
  return (
    perm !== undefined &&
    perm.every((axis, i) => axis === (i === rank - 1 ? rank - 2 : i === rank - 2 ? rank - 1 : i))
  );
}

/** @param nodes - as they were written */
function depthFirst(nodes: readonly Node[]): Node[] {
  const index = new Map(nodes.map((node, i) => [node, i] as const));
  const producer = new Map(nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const)));
  const read = new Set(nodes.flatMap(readsOf));
  const order: Node[] = [];
  const visited = new Set<Node>();
  const stack = nodes
    .filter(({ outputs }) => !outputs.some((name) => read.has(name)))
    .map((node) => ({ node, leave: false }));
  for (let entry = stack.pop(); entry; entry = stack.pop()) {
    const { node, leave } = entry;
    if (leave) {
      order.push(node);
      continue;
    }
    if (visited.has(node)) continue;
    visited.add(node);
    stack.push({ node, leave: true });
    const before = [...new Set(readsOf(node).flatMap((name) => producer.get(name) ?? []))];
    before.sort((a, b) => index.get(a)! - index.get(b)!);
    for (const input of before) if (!visited.has(input)) stack.push({ node: input, leave: false });
  }
  return order;
}

/** Memory that one value after another lies in. */
interface Block {
  readonly bytes: number;
  /** Position of the node that it is taken for, and of the last that needs it. */
  readonly from: number;
  until: number;
}

/** Where values lie, as ONNX Runtime plans it ahead. */
function planOf(graph: Graph, order: readonly Node[]): Block[] {
  const types = inferTypes(graph);
  const outputs = new Set(graph.outputs.map(({ name }) => name));
  const uses = new Map<string, number>();
  for (const node of order) for (const name of readsOf(node)) uses.set(name, (uses.get(name) ?? 0) + 1);
  const blocks: Block[] = [];
  const blockOf = new Map<string, Block>();
  /** Values that lie in a block now and are still to be read. */
  const waiting = new Map<Block, number>();
  const free = new Map<string, Block[]>();
  const keyOf = (name: string): string => {
    const { dtype, shape } = types.get(name) ?? {};
    return `${dtype ?? ""}[${shape?.join() ?? ""}]`;
  };
  order.forEach((node, i) => {
    const dies = (name: string): boolean => {
      const block = blockOf.get(name);
      return block !== undefined && uses.get(name) === 1 && waiting.get(block) === 1 && !outputs.has(name);
    };
    const { alias, inPlace } = traitsOf(node);
    node.outputs.forEach((name, position) => {
      if (!name) return;
      const key = keyOf(name);
      let block: Block | undefined;
      if (position === 0 && alias !== undefined) {
        block = blockOf.get(node.inputs[0]!);
        if (!block) return;
      } else {
        const over = inPlace ? node.inputs.find((x) => dies(x) && keyOf(x) === key) : undefined;
        block = over === undefined ? free.get(key)?.pop() : blockOf.get(over);
      }
      if (!block) {
        block = { bytes: bytesOf(types.get(name)), from: i, until: i };
        blocks.push(block);
      }
      blockOf.set(name, block);
      waiting.set(block, (waiting.get(block) ?? 0) + 1);
    });
    const release = (name: string): void => {
      const block = blockOf.get(name);
      if (!block) return;
      block.until = outputs.has(name) ? order.length : Math.max(block.until, i);
      const left = waiting.get(block)! - 1;
      waiting.set(block, left);
      if (left > 0) return;
      const key = keyOf(name);
      free.set(key, [...(free.get(key) ?? []), block]);
    };
    for (const name of readsOf(node)) {
      const left = uses.get(name)! - 1;
      uses.set(name, left);
      if (left === 0 && !outputs.has(name)) release(name);
    }
    for (const name of node.outputs) if (name && !uses.get(name) && !outputs.has(name)) release(name);
    for (const name of node.outputs)
      if (outputs.has(name) && blockOf.has(name)) blockOf.get(name)!.until = order.length;
  });
  return blocks;
}

/** Bytes of a value whose sizes are numbers, otherwise 0. */
export function bytesOf(known: Known | undefined): number {
  const { dtype, shape } = known ?? {};
  return shape?.every((n) => typeof n === "number") ? byteLength(dtype ?? "float32", shape) : 0;
}

function peakOf(graph: Graph, order: readonly Node[]): { bytes: number; at: string } {
  const change = new Array<number>(order.length + 2).fill(0);
  for (const { bytes, from, until } of planOf(graph, order)) {
    change[from]! += bytes;
    change[until + 1]! -= bytes;
  }
  let live = graph.inputs.reduce((sum, input) => sum + bytesOf(input), 0);
  for (const { bytes } of graph.initializers.values()) live += bytes.length;
  let worst = { bytes: live, at: "the start" };
  order.forEach((node, i) => {
    live += change[i]!;
    if (live > worst.bytes) worst = { bytes: live, at: nodeLabel(node) };
  });
  return worst;
}
