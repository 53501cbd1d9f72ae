/** @file From numbers in a file's order of axes to a volume: which axes lie in space, which count channels. */

import { gatherBytes } from "../base/bytes.ts";
import { formatError, messageOf } from "../base/errors.ts";
import { bytesOf, elementCount } from "../graph/tensor.ts";
import { gridFromSteps } from "./geometry.ts";
import { type Mat3, type Vec3, cross, map3, norm, unit } from "./vec3.ts";
import { type Volume, checkVolume, withData } from "./volume.ts";
import { type FileNumbers, separate, voxelsOf } from "./voxels.ts";

/** The axes of numbers in a file, the fastest first. */
export interface FileAxes {
  readonly sizes: readonly number[];
  /** Two or three axes that lie in space: W, H and D; the others count channels. */
  readonly spatial: readonly number[];
  /** For each of `spatial` the step from a number to the next, in LPS millimetres. */
  readonly steps: readonly Vec3[];
  /** Where the first number lies. */
  readonly origin: Vec3;
}

/** Axes shorter than this are none: what an unset or broken field holds. */
const SHORTEST = 1e-9;

/**
 * Numbers as a volume. A 2D image is a single slice, 1 mm thick.
 *
 * @throws {@link AcsconvError} `format` if the axes do not span a space
 */
export function volumeOfAxes(numbers: FileNumbers, axes: FileAxes, name: string): Volume {
  const { sizes, spatial, origin } = axes;
  const size = (i: number): number => sizes[spatial[i]!] ?? 1;
  const others = sizes.map((_, axis) => axis).filter((axis) => !spatial.includes(axis));
  const channels = elementCount(others.map((axis) => sizes[axis]!));
  const data = voxelsOf(inOrder(numbers, axes, others), name);
  const [w, h, d = normalTo(axes.steps)] = axes.steps as [Vec3, Vec3, Vec3?];
  const steps: Mat3 = [d, h, w];
  try {
    if (!steps.every((step) => norm(step) > SHORTEST))
      throw new Error(
        `the steps along its axes are ${steps.map((step) => `(${step.join(", ")})`).join(" ")} mm.`,
      );
    const grid = gridFromSteps([size(2), size(1), size(0)], origin, steps);
    const volume = withData(grid, data, channels);
    checkVolume(volume);
    return volume;
  } catch (cause) {
    throw formatError(`"${name}" is damaged: ${messageOf(cause)}`, { cause });
  }
}

const normalTo = ([w, h]: readonly Vec3[]): Vec3 =>
  map3(unit(cross(w!, h!)), (x) => (Number.isFinite(x) ? x : 0));

/** [channels, D, H, W], row-major. */
function inOrder(numbers: FileNumbers, { sizes, spatial }: FileAxes, others: readonly number[]): FileNumbers {
  // From the slowest to the fastest.
  const order = [...spatial, ...others].reverse();
  const isInOrder = order.every((axis, i) => axis === order.length - 1 - i);
  if (isInOrder) return numbers;
  // Components side by side, as colours and vectors are.
  if (others.length === 1 && others[0] === 0 && spatial.every((axis, i) => axis === i + 1))
    return separate(numbers, sizes[0]!);
  const stride = (axis: number): number => elementCount(sizes.slice(0, axis));
  const view = { dims: order.map((axis) => sizes[axis]!), strides: order.map(stride) };
  const bytes = gatherBytes(bytesOf(numbers), view, numbers.BYTES_PER_ELEMENT);
  const Numbers = numbers.constructor as new (buffer: ArrayBufferLike) => FileNumbers;
  return new Numbers(bytes.buffer);
}
