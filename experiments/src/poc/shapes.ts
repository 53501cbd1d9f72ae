/**
 * @file The synthetic data of the proof of concept: simple shapes in noise.
 *
 * A canvas of 48 is halved along every axis. In 3 of the 4 quadrants (2D), in 4
 * of the 8 octants (3D), lies one shape, at a random place, of extents
 * a, h ~ U{5 … 24} (drawn independently). Then every element of the 0/1 mask gets
 * noise of standard deviation 0.5.
 *
 * Cones and pyramids are turned by quarters, about all three axes. Cylinders are
 * not in the authors' code, although the text says that directions are random;
 * `rotate: "all"` turns them, too. Turned thrice at random, a shape lies along
 * axis 0 in half of all cases, along axes 1 and 2 in a quarter each.
 *
 * @see Yang et al., arXiv:1911.10477, appendix B and Fig. A2
 */

import { type Random, integer, normal, shuffled } from "acsconv/data";
import { SHAPES_2D, SHAPES_3D, type Solid, solid, turned } from "./solids.ts";

/** Voxels along every axis of an image or volume. */
export const CANVAS = 48;
const HALF = CANVAS / 2;
const [LEAST, MOST] = [5, HALF];
const NOISE = 0.5;

/** Of images, in the order of their labels; the background comes last. */
export const CLASSES_2D = [...SHAPES_2D, "background"] as const;
/** Of volumes, in the order of their labels; the background comes last. */
export const CLASSES_3D = [...SHAPES_3D, "background"] as const;

/** Which shapes lie in any direction: cones and pyramids, as in the authors' code, or cylinders, too, as in the text. */
export type Rotation = "published" | "all";

/** An image [48, 48] or a volume [48, 48, 48], axis 0 slowest, and the class of every element. */
export interface Sample {
  readonly image: Float32Array;
  readonly labels: Uint8Array;
}

/** A shape and its class. */
interface Shape extends Solid {
  readonly label: number;
}

/** An image of three shapes. */
export function image2d(random: Random): Sample {
  return draw(random, 2, 3, () => {
    const label = integer(random, 0, 1);
    return { label, ...solid(SHAPES_2D[label]!, integer(random, LEAST, MOST), 1) };
  });
}

/** A volume of four shapes. */
export function volume3d(random: Random, rotation: Rotation): Sample {
  return draw(random, 3, 4, () => {
    const label = integer(random, 0, 4);
    const name = SHAPES_3D[label]!;
    const [a, h] = [integer(random, LEAST, MOST), integer(random, LEAST, MOST)];
    const quarters = [0, 1, 2].map(() => integer(random, 0, 3));
    const isTurned = name === "cone" || name === "pyramid" || (name === "cylinder" && rotation === "all");
    const upright = solid(name, a, h);
    return { label, ...(isTurned ? turned(upright, quarters) : upright) };
  });
}

/** Puts `count` shapes into different parts of the canvas, each anywhere in its part, and adds the noise. */
function draw(random: Random, dimensions: 2 | 3, count: number, next: () => Shape): Sample {
  const extent = [CANVAS, CANVAS, dimensions === 3 ? CANVAS : 1];
  const background = (dimensions === 3 ? CLASSES_3D : CLASSES_2D).length - 1;
  const labels = new Uint8Array(CANVAS ** dimensions).fill(background);
  const parts = shuffled(
    random,
    Array.from({ length: 2 ** dimensions }, (_, part) => part),
  ).slice(0, count);
  for (const part of parts) {
    const { label, sizes, mask } = next();
    // The lowest bit of a part's number is its half along axis 0.
    const corner = sizes.map((size, axis) =>
      axis < dimensions ? ((part >> axis) & 1) * HALF + integer(random, 0, HALF - size) : 0,
    );
    let at = 0;
    for (let i = 0; i < sizes[0]; i++)
      for (let j = 0; j < sizes[1]; j++)
        for (let k = 0; k < sizes[2]; k++) {
          const place = ((corner[0]! + i) * extent[1]! + corner[1]! + j) * extent[2]! + corner[2]! + k;
          if (mask[at++]) labels[place] = label;
        }
  }
  const noise = normal(random);
  const image = new Float32Array(labels.length);
  for (let i = 0; i < image.length; i++) image[i] = (labels[i] === background ? 0 : 1) + NOISE * noise();
  return { image, labels };
}
