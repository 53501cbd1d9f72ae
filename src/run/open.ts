/** @file The one way from a graph to a session. */

import { leftToCpu, targetOf } from "../compile/targets/index.ts";
import type { Graph } from "../graph/graph.ts";
import { encodeBytes } from "../onnx/encode.ts";
import { createSession, type Session, type SessionOptions } from "./session.ts";

/**
 * Loads a graph of plain ONNX into ONNX Runtime, written for the device that it is to run on. What the device does not
 * compute is left to the CPU.
 */
export function open(graph: Graph, options: SessionOptions = {}): Promise<Session> {
  const cpuNodes = options.cpuNodes ?? leftToCpu(graph, targetOf(options.device));
  return createSession(encodeBytes(graph), { ...options, cpuNodes, transfer: true });
}
