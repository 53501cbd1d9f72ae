/**
 * @file Errors are part of the interface: one sentence that says what was
 * expected, what was found, where, and what to do about it.
 */

import type { ErrorCode } from "./error-codes.ts";
import { printable } from "./printable.ts";

/**
 * What went wrong, coarsely, so that callers can react without parsing text:
 * - `format`: bytes that are not the file they claim to be
 * - `graph`: a model that breaks ONNX's own rules
 * - `lift`: a 2D network that has no (safe) 3D reading
 * - `train`: a network, a loss or a state that cannot be trained with
 * - `input`: an argument or a tensor that does not fit
 * - `io`: a file that cannot be read or written
 * - `runtime`: a device or a session that cannot do the work
 */
export type ErrorKind = "format" | "graph" | "lift" | "train" | "input" | "io" | "runtime";

/** The code of errors of a kind that name none of their own. */
const CODE_OF_KIND: Readonly<Record<ErrorKind, ErrorCode>> = {
  format: "E_FORMAT",
  graph: "E_GRAPH",
  lift: "E_LIFT",
  train: "E_TRAIN",
  input: "E_ARGUMENT",
  io: "E_IO",
  runtime: "E_RUNTIME",
};

/** Every error that acsconv raises on purpose. Anything else is a bug of ours. */
export class AcsconvError extends Error {
  readonly kind: ErrorKind;
  /** What went wrong, precisely: see {@link ERROR_CODES}. */
  readonly code: ErrorCode;

  constructor(
    kind: ErrorKind,
    message: string,
    options: { cause?: unknown; code?: ErrorCode | undefined } = {},
  ) {
    super(printable(message), options);
    this.name = "AcsconvError";
    this.kind = kind;
    this.code = options.code ?? CODE_OF_KIND[kind];
  }
}

/** An error of one kind. */
const ofKind =
  (kind: ErrorKind) =>
  (message: string, options?: ConstructorParameters<typeof AcsconvError>[2]): AcsconvError =>
    new AcsconvError(kind, message, options);

export const formatError = ofKind("format");
export const graphError = ofKind("graph");
export const inputError = ofKind("input");
export const ioError = ofKind("io");
export const liftError = ofKind("lift");
export const runtimeError = ofKind("runtime");
export const trainError = ofKind("train");

/** The message of anything that was thrown. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/** ONNX Runtime's messages may span lines and carry its build machine's paths: keep what a user can read. */
export const readable = (message: string): string =>
  message
    .replace(/\/onnxruntime_src\/\S+ .*? was false\. /gs, "")
    .replace(/\s+/g, " ")
    .trim()
    .replace(/\.$/, "");
