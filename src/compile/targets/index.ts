/** @file The table of devices: one record each, under the name that users give. */

import type { Graph } from "../../graph/graph.ts";
import { cpu } from "./ort-cpu.ts";
import { cuda } from "./ort-cuda.ts";
import { wasm } from "./ort-wasm.ts";
import { webgpu } from "./ort-webgpu.ts";
import { coreml, dml } from "./plain.ts";
import type { Target } from "./target.ts";

export const TARGETS = { cpu, cuda, webgpu, coreml, dml, wasm } as const satisfies Record<string, Target>;

/**
 * Where a model is computed:
 * - `cpu`: everywhere; in a browser this is WebAssembly
 * - `cuda`: NVIDIA GPUs, Node on Linux x64, with ONNX Runtime's GPU libraries installed
 * - `webgpu`: any GPU, browsers and Node (on Linux: a Vulkan driver)
 * - `coreml`: Node on macOS
 * - `dml`: DirectML, Node on Windows
 * - `wasm`: browsers only, the same as `cpu` there
 */
export type Device = keyof typeof TARGETS;

/** Those that Node has: what the command line offers. */
export const NODE_DEVICES: readonly Device[] = (Object.keys(TARGETS) as Device[]).filter(
  (name) => TARGETS[name].provider.node !== null,
);

/** What is known of a device. */
export const targetOf = (device: Device = "cpu"): Target => TARGETS[device];

/** Names of the nodes that a device does not compute and leaves to the CPU. */
export const leftToCpu = (graph: Graph, { lacks }: Target): string[] =>
  graph.nodes
    .filter((node) => node.domain === "" && Object.hasOwn(lacks, node.op) && lacks[node.op]!(node))
    .map(({ name }) => name);
