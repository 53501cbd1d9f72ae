/** @file Pieces of the volumes to train on: the octants with a shape in them, so that no step is spent on noise alone. */

/** @import { Samples } from "#experiments/poc/data" */
/** @import { Dataset, Example } from "acsconv/data" */

/**
 * @param {Samples} samples
 * @param {number} volumes - how many of them, from number 0 on
 * @param {{ readonly size: number, readonly background: number }} of - voxels along a volume, and what is no shape
 * @returns {Dataset}
 */
export function pieces(samples, volumes, { size, background }) {
  const half = size / 2;
  /** @type {Example[]} */
  const examples = [];
  for (let volume = 0; volume < volumes; volume++) {
    const { image, labels } = samples(volume);
    for (let octant = 0; octant < 8; octant++) {
      const corner = [0, 1, 2].map((axis) => ((octant >> axis) & 1) * half);
      const indices = indicesOf(corner, half, size);
      const truth = Uint8Array.from(indices, (i) => labels[i]);
      if (truth.every((label) => label === background)) continue;
      examples.push({
        name: `octant ${octant} of volume ${volume}`,
        image: {
          dtype: "float32",
          dims: [1, half, half, half],
          data: Float32Array.from(indices, (i) => image[i]),
        },
        target: { dtype: "uint8", dims: [half, half, half], data: truth },
      });
    }
  }
  return { length: examples.length, get: (index) => examples[index] };
}

/**
 * @param {readonly number[]} corner
 * @param {number} extent - voxels along the cube from there
 * @param {number} size - voxels along the volume
 */
function indicesOf([d0, h0, w0], extent, size) {
  const indices = new Int32Array(extent ** 3);
  let at = 0;
  for (let d = d0; d < d0 + extent; d++)
    for (let h = h0; h < h0 + extent; h++)
      for (let w = w0; w < w0 + extent; w++) indices[at++] = (d * size + h) * size + w;
  return indices;
}
