/**
 * @file The two ways through a volume: slice by slice with the 2D network, and as a whole with the lifted one.
 * Both give their maps on the same grid, so that they can be compared voxel by voxel.
 */

import { withData } from "acsconv/volume";

/** @import { Model, RunTensor } from "acsconv" */
/** @import { Volume } from "acsconv/volume" */

/** The more at once, the fewer calls; results do not depend on it. */
const SLICES_AT_ONCE = 8;

/**
 * @param {Model} model3d
 * @param {Volume} image - as many channels as the network has
 * @returns {Promise<Record<string, Volume>>} maps by the name of the output, one channel each
 */
export async function runVolume(model3d, image) {
  const outputs = await model3d.run({ x: image });
  await model3d.dispose();
  return Object.fromEntries(
    Object.entries(outputs).map(([name, { dims, data }]) => {
      const [channels = 0, depth = 0] = dims.slice(1);
      return [
        name,
        onCoarserGrid(image, Float32Array.from(/** @type {Float32Array} */ (data)), channels, depth),
      ];
    }),
  );
}

/**
 * A network that halves height and width halves depth too, once it is lifted. So of the 2D network's maps only those
 * of every second (fourth …) slice are kept; it runs on all of them nevertheless, as it would have to.
 *
 * @param {Model} model2d
 * @param {Volume} image - axial slices
 * @param {(done: number, total: number) => void} tell
 * @returns {Promise<Record<string, Volume>>} as from {@link runVolume}
 */
export async function runSlices(model2d, image, tell) {
  const [depth, height] = image.shape;
  /** @type {Record<string, Volume>} */
  const maps = {};
  for (let first = 0; first < depth; first += SLICES_AT_ONCE) {
    const count = Math.min(SLICES_AT_ONCE, depth - first);
    const outputs = await model2d.run({ x: slicesOf(image, first, count) });
    for (const [name, { dims, data }] of Object.entries(outputs)) {
      const [channels = 0, h = 0, w = 0] = dims.slice(1);
      const factor = height / h;
      const planes = depth / factor;
      maps[name] ??= onCoarserGrid(image, new Float32Array(channels * planes * h * w), channels, planes);
      for (let slice = 0; slice < count; slice++) {
        if ((first + slice) % factor !== 0) continue;
        for (let c = 0; c < channels; c++) {
          const from = (slice * channels + c) * h * w;
          const to = (c * planes + (first + slice) / factor) * h * w;
          maps[name].data.set(/** @type {Float32Array} */ (data).subarray(from, from + h * w), to);
        }
      }
    }
    tell(first + count, depth);
  }
  await model2d.dispose();
  return maps;
}

/**
 * @param {Volume} image
 * @param {number} first
 * @param {number} count
 * @returns {RunTensor<"float32">} `[count, C, H, W]`
 */
function slicesOf({ data, channels, shape: [depth, height, width] }, first, count) {
  const plane = height * width;
  const slices = new Float32Array(count * channels * plane);
  for (let slice = 0; slice < count; slice++) {
    for (let c = 0; c < channels; c++) {
      const from = (c * depth + first + slice) * plane;
      slices.set(data.subarray(from, from + plane), (slice * channels + c) * plane);
    }
  }
  return { dtype: "float32", dims: [count, channels, height, width], data: slices };
}

/**
 * Maps at every n-th voxel: a 3×3 kernel with stride 2 and padding 1 is centred on voxels 0, 2, 4 …
 *
 * @param {Volume} image
 * @param {Float32Array<ArrayBuffer>} data
 * @param {number} channels
 * @param {number} depth - planes of the maps
 * @returns {Volume}
 */
function onCoarserGrid(image, data, channels, depth) {
  const factor = image.shape[0] / depth;
  const [d, h, w] = image.shape;
  const [sd, sh, sw] = image.spacing;
  return withData(
    {
      ...image,
      shape: [d / factor, h / factor, w / factor],
      spacing: [sd * factor, sh * factor, sw * factor],
    },
    data,
    channels,
  );
}
