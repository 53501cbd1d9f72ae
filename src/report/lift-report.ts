/**
 * @file What lifting did to a network: what became of its operators, and what it
 * costs before and after.
 */

import type { Dim } from "../graph/dim.ts";
import type { Graph } from "../graph/graph.ts";
import type { LiftKind } from "../ops/kinds/index.ts";
import { liftGraph } from "../lift/index.ts";
import { guessLayout, LIFT_KINDS, type LiftOptions, withKind } from "../lift/options.ts";
import { type Model, unlift } from "../model/model.ts";
import { AcsconvError, inputError } from "../base/errors.ts";
import type { NodeReport } from "../lift/walk.ts";
import type { Vec3 } from "../volume/vec3.ts";
import { type LayerSummary, type NetworkSummary, summarise, sum } from "./summary.ts";

/** A node of the 2D network, what it became, and what that costs. */
export type NodeCost = NodeReport & Pick<LayerSummary, "parameters" | "multiplyAdds" | "activationBytes">;

type Totals = Omit<NetworkSummary, "layers">;

/** What lifting did and what it costs, before and after. */
export interface LiftReport {
  /** [D, H, W] that the figures are for. */
  readonly size: Vec3;
  readonly before: Totals;
  readonly after: Totals;
  readonly nodes: readonly NodeCost[];
  readonly warnings: readonly string[];
}

/**
 * What lifting did to a model, node by node.
 *
 * @param size - [D, H, W] to reckon with
 * @throws {@link AcsconvError} ("input") for a model that `lift` did not just make
 */
export function liftReport(model: Model, size: Vec3 = usualSize(model)): LiftReport {
  if (!model.lifted || !model.report)
    throw inputError("Expected a model fresh from lift: files do not keep the report.");
  const { source } = model.lifted;
  const { layers: _, ...totalBefore } = summariseSlice(source, size);
  const { layers, ...totalAfter } = summarise(model.graph, sizesFor(model.graph, size));
  const costs = new Map(layers.map((layer) => [layer.output, layer]));
  const nodes = model.report.nodes.map((node): NodeCost => {
    const own = node.values.flatMap((value) => costs.get(value) ?? []);
    return {
      ...node,
      parameters: sum(own.map((layer) => layer.parameters))!,
      multiplyAdds: sum(own.map((layer) => layer.multiplyAdds)),
      activationBytes: sum(own.map((layer) => layer.activationBytes)),
    };
  });
  return { size, before: totalBefore, after: totalAfter, nodes, warnings: model.report.warnings };
}

/** One line of the paper's Table 2, for this network. */
export interface KindCost {
  readonly kind: "2d" | LiftKind;
  readonly summary: NetworkSummary;
}

const firstSpatialAxis = (shape: readonly Dim[]): 1 | 2 => (guessLayout(shape) === "NHWC" ? 1 : 2);

/** Numbers for the symbols of an input's sizes; `size` is [D, H, W]. */
export function sizesFor(graph: Graph, [depth, height, width]: Vec3): Map<string, number> {
  const image = graph.inputs[0];
  const shape = image?.shape ?? [];
  const spatial = shape.length === 5 ? [depth, height, width] : [height, width];
  const first = firstSpatialAxis(shape);
  const sizes = new Map<string, number>();
  shape.forEach((dim: Dim, axis) => {
    if (typeof dim !== "number") sizes.set(dim.key, spatial[axis - first] ?? 1);
  });
  return sizes;
}

/** A size to reckon with where none is asked for: the model's own, else 64 voxels a side. */
export function usualSize(model: Model): [number, number, number] {
  const shape = model.graph.inputs[0]?.shape ?? [];
  const source = model.lifted?.source.inputs[0]?.shape ?? shape;
  const at = (dims: readonly Dim[], fromEnd: number): number | undefined => {
    const dim = dims.at(guessLayout(dims) === "NHWC" ? fromEnd - 1 : fromEnd);
    return typeof dim === "number" ? dim : undefined;
  };
  const height = at(shape, -2) ?? at(source, -2) ?? 64;
  const width = at(shape, -1) ?? at(source, -1) ?? height;
  const depth = (shape.length === 5 ? at(shape, -3) : undefined) ?? Math.min(height, 64);
  return [depth, height, width];
}

/**
 * Parameters, multiply-adds and activation memory of the 2D network and of each kind of 3D one.
 *
 * @param psc - as the option of `lift`. Default: the model's own
 */
export function costsByKind(
  model: Model,
  size: Vec3,
  psc: LiftOptions["psc"] = model.lifted?.options.psc,
): KindCost[] {
  if (!model.lifted) throw inputError("Expected a lifted model: only those can be compared by kind.");
  const flat = unlift(model);
  const { options } = model.lifted;
  const kinds = LIFT_KINDS.map((kind): KindCost => {
    const isOwn = kind === (options.kind ?? "acs") && (kind !== "psc" || psc === options.psc);
    if (isOwn) return { kind, summary: summarise(model.graph, sizesFor(model.graph, size)) };
    // Drawing kernels would take longer than all the rest.
    const asked = withKind({ ...options, ...(psc && { psc }) }, kind);
    const { graph } = liftGraph(flat.graph, asked, { draws: false });
    return { kind, summary: summarise(graph, sizesFor(graph, size)) };
  });
  return [{ kind: "2d", summary: summariseSlice(flat.graph, size) }, ...kinds];
}

/** One slice of the size asked for, also where the export has another size baked in, if the network takes it. */
function summariseSlice(graph: Graph, size: Vec3): NetworkSummary {
  const [image] = graph.inputs;
  const shape = image?.shape ?? [];
  const first = firstSpatialAxis(shape);
  const asked = shape.with(first, size[1]).with(first + 1, size[2]);
  try {
    return summarise({ ...graph, inputs: [{ ...image!, shape: asked }] }, sizesFor(graph, size));
  } catch (error) {
    if (!(error instanceof AcsconvError)) throw error;
    return summarise(graph, sizesFor(graph, size));
  }
}
