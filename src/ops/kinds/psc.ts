/**
 * @file Parallel separable convolutions, PmSCn: what a K×K convolution becomes in kind `psc`. Every stream reads one of the
 * three views by n planar convolutions, and across it by one along the axis that the view omits; streams are joined:
 *
 *   stream i   x [N, C, D, H, W]  →  (plane, leaky ReLU) × n  [N, M, …]  →  line  [N, Oᵢ, D′, H′, W′]
 *   y = [stream 0 | … | stream m−1],   ΣOᵢ = O
 *
 *   M = min(O, 512, ⌊max(K, ⌊O·C·K³ / (C·K² + O·K)⌋) / m⌋)
 *
 * M is such that the streams together have about as many channels in between as make one plane and one line cost what a
 * K³ kernel does. The line has K taps, for n = 2 two more. That much is the authors'. Ours, where they say nothing:
 *
 * - Every convolution becomes streams of its own; with n > 1 the paper has one block for n of them.
 * - Channels that do not divide by m go to the first streams; a stream without any is left out.
 * - What the 2D network has after its convolution, normalisation and activation, comes after the join, in place of the
 *   authors' activation after the line. Streams have no normalisation inside.
 * - An axis has one geometry, as in a K³ kernel (depth as height); the first plane takes it on its two axes and the line
 *   on the third, so sizes are those of kind `3d` for any stride, padding and dilation. Later planes keep the size,
 *   and every one of them makes the line longer by two.
 * - Kernels of unequal sides, and what M is for them: K³, K² and K are the taps of volume, plane and line. Along a side of
 *   one tap the line has one, too.
 * - Groups are dealt to the streams whole, as in acs. To a group, its stream is all there is: M is that of C and O per group
 *   and m = 1.
 * - The bias is the lines'.
 *
 * Parameters are called after those of the 2D layer, `conv.weight` and `conv.bias`: `conv.stream0.plane0.weight`,
 * `conv.stream0.line.weight`, `conv.stream0.line.bias`. They are drawn as PyTorch's layers do, U(±1/√fan-in).
 *
 * @see Gonda et al., "Parallel Separable 3D Convolution for Video and Volumetric Data Understanding", arXiv:1809.04096
 */

import { float, int } from "../../graph/graph.ts";
import { elementCount } from "../../graph/tensor.ts";
import { groupsOf, sameSize, STILL, type Taps, tapsAttrs } from "../geometry.ts";
import type { LiftContext } from "../rule.ts";
import { dealChannels, VIEWS } from "../views.ts";
import { REPEATED } from "./i3d.ts";
import type { FreshKernel } from "./kind.ts";

/** Of the leaky ReLU after a plane, below zero; as float32, which files hold. */
const SLOPE = Math.fround(0.005);
/** Channels between plane and line, of a stream. */
const MOST = 512;

export const psc: FreshKernel = {
  describes: {
    kernel:
      "PmSCn, P₃SC₁ by default (`psc`): m streams, one per plane, each of n planar convolutions and one along the axis that the plane omits; drawn anew, for training from scratch",
    parameters: "P₃SC₁, 3×3: 2.5 times those of 2D, where channels stay as many",
    run: "planar and linear convolutions, joined",
  },
  fresh: parallelStreams,
  transposed: REPEATED,
};

/** Emits the streams in place of a convolution. */
function parallelStreams(c: LiftContext, weight: readonly number[], taps: readonly Taps[]): void {
  const [outputs, inputs] = weight as [number, number];
  const groups = groupsOf(c.node);
  const { streams } = c.psc;
  const isGrouped = groups > 1;
  const widths = dealChannels(outputs, groups, [1, +(streams > 1), +(streams > 2)]);
  const isOnly = widths.filter((width) => width > 0).length === 1;
  const sizes = taps.map((t) => t.kernel);
  let before = 0;
  const joined = widths.flatMap((width, i) => {
    if (width === 0) return [];
    const own = isGrouped ? (width * groups) / outputs : 1;
    const x = own < groups ? channels(c, before * inputs, (before + own) * inputs) : c.name(0);
    before += own;
    const middle = own * middleChannels(outputs / groups, inputs, sizes, i, isGrouped ? 1 : streams);
    const line = streamOf(c, i, x, { inputs, middle, width, groups: own }, taps);
    if (!isOnly) return [c.add("Conv", line.inputs, line.attrs)];
    c.finish("Conv", line.inputs, line.attrs);
    return [];
  });
  if (!isOnly) c.finish("Concat", joined, { axis: int(1) });
}

/**
 * M: how many channels a stream has between plane and line.
 *
 * @param outputs - of the whole convolution, or of a group of it that is dealt whole; `inputs` too
 * @param sizes - of the kernel: taps along [D, H, W]
 * @param across - the axis that the stream's planes omit
 */
export function middleChannels(
  outputs: number,
  inputs: number,
  sizes: readonly number[],
  across: number,
  streams: number,
): number {
  const line = sizes[across]!;
  const volume = elementCount(sizes);
  const equal = Math.floor((outputs * inputs * volume) / ((inputs * volume) / line + outputs * line));
  const shared = Math.floor(Math.max(...sizes, equal) / streams);
  return Math.max(1, Math.min(outputs, MOST, shared));
}

/** Channels of a stream, at its beginning per group. */
interface Channels {
  readonly inputs: number;
  readonly middle: number;
  readonly width: number;
  readonly groups: number;
}

/** Adds a stream up to its line, and says what that is. */
function streamOf(
  c: LiftContext,
  i: number,
  x: string,
  { inputs, middle, width, groups }: Channels,
  taps: readonly Taps[],
): { readonly inputs: readonly string[]; readonly attrs: ReturnType<typeof tapsAttrs> } {
  const { separability } = c.psc;
  const under = (input: number, kind: "weight" | "bias"): string =>
    `${c.node.inputs[input]!.replace(new RegExp(`\\.${kind}$`), "")}.stream${i}`;
  const group = { group: int(groups) };
  let y = x;
  for (let j = 0; j < separability; j++) {
    const plane = taps.map((t) => (j === 0 ? t : sameSize({ ...t, stride: 1 }))).with(i, STILL);
    const dims = [middle, j === 0 ? inputs : middle / groups, ...plane.map((t) => t.kernel)];
    const kernel = drawn(c, `${under(1, "weight")}.plane${j}.weight`, dims);
    y = c.add("Conv", [y, kernel], { ...tapsAttrs(plane), ...group });
    y = c.add("LeakyRelu", [y], { alpha: float(SLOPE) });
  }
  const line = VIEWS.map(() => STILL).with(i, longer(taps[i]!, separability - 1));
  const dims = [width, middle / groups, ...line.map((t) => t.kernel)];
  const kernel = drawn(c, `${under(1, "weight")}.line.weight`, dims);
  const bias = c.node.inputs[2] ? [drawn(c, `${under(2, "bias")}.line.bias`, [width], dims)] : [];
  return { inputs: [y, kernel, ...bias], attrs: { ...tapsAttrs(line), ...group } };
}

/** `by` more taps at each end, and as much more padding. */
function longer(t: Taps, by: number): Taps {
  if (t.kernel === 1) return t;
  const more = t.dilation * by;
  return { ...t, kernel: t.kernel + 2 * by, before: t.before + more, after: t.after + more };
}

/** @param kernel - sizes of the kernel whose fan-in bounds the numbers */
function drawn(c: LiftContext, name: string, dims: readonly number[], kernel = dims): string {
  const bound = Math.sqrt(1 / elementCount(kernel.slice(1)));
  return c.parameter(name, dims, (random) => bound * (2 * random - 1));
}

/** Some of the input's channels. */
const channels = (c: LiftContext, from: number, to: number): string =>
  c.add("Slice", [c.name(0), ...[from, to, 1].map((n) => c.ints([n]))]);
