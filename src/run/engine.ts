/**
 * @file What a session needs from ONNX Runtime, in Node and in the browser. `#ort` resolves to ort-node.ts or
 * ort-web.ts; both export {@link OpenEngine} as `openEngine`. This file is what the two share.
 */

import { type AcsconvError, messageOf, readable, runtimeError } from "../base/errors.ts";
import { type Device, targetOf } from "../compile/targets/index.ts";
import { isRunDType, type RunArrays, type RunDType, type RunTensor, type RunTensors } from "./tensor.ts";

export interface EngineOptions {
  readonly device: Device;
  /**
   * Threads per operator; where absent ONNX Runtime takes the physical cores (in a browser, half of the cores, four at
   * most). The first session in a page decides for all of them, and only a cross-origin isolated page has threads.
   */
  readonly threads?: number | undefined;
  /** Nodes that the device is to leave to the CPU, by name. */
  readonly cpuNodes?: readonly string[] | undefined;
  /** In a browser: the folder of onnxruntime-web's files, as a URL, where its bundler does not serve them. */
  readonly wasmPaths?: string | undefined;
  /** Whether the engine may keep (and detach) the model's bytes instead of copying them. */
  readonly transfer?: boolean | undefined;
}

/** What a model says of one input or output. */
export interface ValueSpec {
  readonly name: string;
  readonly dtype: RunDType;
  /** A name stands for a size that the model leaves open. It may be empty. */
  readonly dims: readonly (number | string)[];
}

/** A loaded model. Runs one after the other; {@link Session} sees to that. */
export interface Engine {
  readonly inputs: readonly ValueSpec[];
  readonly outputs: readonly ValueSpec[];
  /** Owns the feeds' arrays from here on. */
  run(feeds: RunTensors, fetch: readonly string[]): Promise<Record<string, RunTensor>>;
  release(): Promise<void>;
}

/** Loads a model from bytes, or from a path (in Node) or URL (in a browser). */
export type OpenEngine = (model: Uint8Array | string, options: EngineOptions) => Promise<Engine>;

/** An input or output as ONNX Runtime describes it. */
export interface OrtValue {
  readonly name: string;
  readonly isTensor: boolean;
  readonly type?: string | undefined;
  readonly shape?: readonly (number | string)[] | undefined;
}

/** A tensor as ONNX Runtime returns it. */
export interface OrtTensor {
  readonly type: string;
  readonly dims: readonly number[];
  readonly data: unknown;
}

export function valueSpec({ name, isTensor, type, shape }: OrtValue): ValueSpec {
  if (!isTensor || type === undefined || !isRunDType(type)) {
    const found = isTensor ? `a tensor of ${type ?? "unknown"} elements` : "a sequence, map or optional";
    throw runtimeError(
      `Cannot run this model: "${name}" is ${found}; only tensors of ordinary numbers, booleans or strings are supported.`,
    );
  }
  return { name, dtype: type, dims: shape ?? [] };
}

/** A computed tensor, with float16 as bits whatever the engine's JavaScript calls them. */
export function runTensor<T extends RunDType>({ type, dims, data }: OrtTensor): RunTensor<T> {
  const dtype = type as T;
  if (dtype === "float16") {
    const { buffer, byteOffset, byteLength } = data as Uint16Array;
    return { dtype, dims, data: new Uint16Array(buffer, byteOffset, byteLength / 2) } as RunTensor<T>;
  }
  return { dtype, dims, data: data as RunArrays[T] };
}

/** What both runtimes are told; `name` is how theirs calls the device. */
export const commonOptions = (name: string, cpuNodes: EngineOptions["cpuNodes"]) => ({
  // An empty list of names is an error to ONNX Runtime.
  executionProviders: [cpuNodes?.length ? { name, forceCpuNodeNames: cpuNodes } : name],
  // Planning memory ahead takes 40 to 80 % more of it (3D U-Nets at 96³) and saves no time. ONNX Runtime's other
  // defaults stay: at 48³ parallel execution takes twice as long, and no arena 6 % longer.
  enableMemPattern: false,
  logSeverityLevel: 4 as const,
});

/**
 * @param brings - what ONNX Runtime brings where we are: goes on from that word
 * @param cause - why the device cannot be used, where ONNX Runtime said so
 */
export function missingDevice(
  device: Device,
  where: "node" | "browser",
  brings: string,
  cause?: unknown,
): AcsconvError {
  const reason = cause === undefined ? "" : ` (${readable(messageOf(cause))})`;
  const remedy = targetOf(device).remedy?.[where];
  return runtimeError(
    `Device "${device}" cannot be used here${reason}: ONNX Runtime brings ${brings}${remedy ? `; ${remedy}` : ""}.`,
    { code: "E_DEVICE" },
  );
}
