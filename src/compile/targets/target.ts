/** @file What there is to know about a device, as one record. */

import type { Graph, Node } from "../../graph/graph.ts";
import type { Fused } from "../../passes/lower.ts";
import type { MemoryEstimate } from "../memory.ts";

/** Writes a graph in another way that computes the same. */
export type Rewrite = (graph: Graph, fuses: Fused) => Graph;

export interface Target {
  /** Where it is to be had, and how far it is tested: what FEATURES.md says. */
  readonly where: string;
  readonly tested: string;
  /** ONNX Runtime's name of what computes it, in Node and in a browser; null where it is not to be had. */
  readonly provider: { readonly node: string | null; readonly browser: "wasm" | "webgpu" | null };
  /** What makes it work where ONNX Runtime's package does not bring it along whole. */
  readonly remedy?: { readonly node?: string; readonly browser?: string };
  /** ONNX operators that it does not compute, all of them or some: such nodes are left to the CPU. */
  readonly lacks: Readonly<Record<string, (node: Node) => boolean>>;
  /** Activations that it fuses into the convolution before them. */
  readonly fuses: Fused;
  /** What it computes faster in another form, in the order in which it is rewritten. */
  readonly rewrites: {
    /** A network of internal operators, and the plain one that it becomes. */
    readonly inference: { readonly lifted: readonly Rewrite[]; readonly plain: readonly Rewrite[] };
    /** Likewise, before gradients are written; and the finished step. */
    readonly training: {
      readonly lifted: readonly Rewrite[];
      readonly plain: readonly Rewrite[];
      readonly step: readonly Rewrite[];
    };
  };
  /** What a graph takes at its peak; null where it is not known how memory is planned, and nothing is checked. */
  readonly memory: ((graph: Graph) => MemoryEstimate) | null;
}
