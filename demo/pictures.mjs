/** @file A volume in pictures: a slice of what networks get, and what they and we see in it, as bodies in a box. */

import { greys, renderLabels, slicePicture } from "acsconv/report";

/** @import { RgbImage } from "acsconv/report" */

/** Pixels of a picture, along each side. */
const SIZE = 192;
/** Background is around 0, shapes around 1; noise lies about both. */
const GREYS = greys(-1, 2);

/**
 * @typedef {object} Seen
 * @property {string} title
 * @property {Uint8Array} labels - the class of every voxel
 */

/**
 * @param {Float32Array} image - a cube of voxels
 * @param {readonly Seen[]} seen - the first is the truth, through whose fullest slice is cut
 * @param {number} background - its label
 * @returns {{ title: string, image: RgbImage }[]}
 */
export function pictures(image, seen, background) {
  const size = Math.cbrt(image.length);
  const shape = /** @type {const} */ ([size, size, size]);
  const index = fullestSlice(seen[0].labels, background, size);
  const slice = slicePicture({ data: image, shape }, { axis: 0, index }, GREYS, SIZE / size);
  return [
    { title: `slice ${index + 1} of ${size}`, image: slice },
    ...seen.map(({ title, labels }) => {
      // What is not background counts from 1 on.
      const data = labels.map((label) => (label === background ? 0 : label + 1));
      return { title, image: renderLabels({ data, shape }, SIZE) };
    }),
  ];
}

/**
 * @param {Uint8Array} labels
 * @param {number} background
 * @param {number} size
 */
function fullestSlice(labels, background, size) {
  const area = size ** 2;
  const counts = Array.from({ length: size }, (_, i) =>
    labels
      .subarray(i * area, (i + 1) * area)
      .reduce((count, label) => count + Number(label !== background), 0),
  );
  return counts.indexOf(Math.max(...counts));
}
