/** @file What there is to know about a kind of lifting, as one record. */

import type { Taps } from "../geometry.ts";
import type { LiftContext, View } from "../rule.ts";
import type { LiftedConvolution } from "./convolution.ts";

/** What a transposed convolution becomes, which keeps its 2D kernel in every kind. */
export interface Transposed {
  /** Writes a LiftedConvTranspose as plain ONNX. */
  readonly lower: (conv: LiftedConvolution) => void;
  /** Planes in which each output is computed. */
  readonly planes: number;
  /** Where it is of another kind: which, and why, for a warning. */
  readonly instead?: { readonly kind: string; readonly because: string };
}

interface Described {
  /** What FEATURES.md says of the kernel, its parameters, and how it runs. */
  readonly describes: { readonly kernel: string; readonly parameters: string; readonly run: string };
  readonly transposed: Transposed;
}

/** A kind that keeps the 2D kernel, in a LiftedConv. */
export interface KeptKernel extends Described {
  readonly fresh: null;
  /** The axis of [D, H, W] that no kernel reads: along it only strides act. Absent where all are read. */
  readonly omits?: (view: View) => number;
  /** Inputs after the bias: parameters that only this kind has, for a kernel of several taps. */
  readonly parameters?: (c: LiftContext, channels: number) => string[];
  /** Writes a LiftedConv of this kind, of several taps, as plain ONNX. */
  readonly lower: (conv: LiftedConvolution) => void;
  /**
   * Multiply-adds per output element and input channel of its group, as it is run.
   *
   * @param plane - taps of the 2D kernel; `volume` of the K³ one
   */
  readonly taps: (plane: number, volume: number) => number;
}

/** A kind with kernels of its own, which only training from scratch fills. */
export interface FreshKernel extends Described {
  /**
   * Emits them in place of a 2D kernel of several taps, of sizes `weight`.
   *
   * @param taps - of the K³ kernel, over [D, H, W]
   */
  readonly fresh: (c: LiftContext, weight: readonly number[], taps: readonly Taps[]) => void;
}

export type Kind = KeptKernel | FreshKernel;
