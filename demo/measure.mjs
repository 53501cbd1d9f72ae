/**
 * @file How differently a network's maps treat the direction across the slices and those within them.
 *
 * All maps count alike: each is standardised over the head, z = (x − mean) / deviation.
 */

/** @import { Volume } from "acsconv/volume" */

/**
 * @typedef {object} Anisotropy 1 where all directions are treated alike
 * @property {number} change - how much values change from one slice to the next, relative to one step within a slice:
 *   Σ |z(d+1, h, w) − z(d, h, w)| / ½ Σ (|z(d, h+1, w) − z(d, h, w)| + |z(d, h, w+1) − z(d, h, w)|).
 *   Above 1 slices were judged each by itself, and maps flicker
 * @property {number} boundaries - how strongly maps react to boundaries that face across the slices, relative to those
 *   that face along them. A reaction is the mean |z| there beyond that in flat tissue
 */

/**
 * @typedef {object} Places voxels of the head, on the grid of some maps
 * @property {readonly [d: number, h: number, w: number]} strides - from a voxel to its neighbours
 * @property {Int32Array} indices
 * @property {Uint8Array} kinds - what the scan shows at each of them: {@link FLAT} …
 * @property {Float32Array} steepness - of the scan, at each of them
 */

const [OTHER, FLAT, ACROSS, ALONG_H, ALONG_W] = [0, 1, 2, 3, 4];

/** The steepest tenth of the head are boundaries, the flattest quarter is flat. */
const STEEP = 0.9;
const LEVEL = 0.25;
/** Cosine of about 25°: how well a boundary has to face along an axis to count for it. */
const ALIGNED = 0.9;

/**
 * @param {Volume} scan
 * @param {number} air - the intensity below which a voxel is none of the head
 * @param {number} factor - a voxel of the maps for so many of the scan, along each axis
 * @returns {Places}
 */
export function placesIn({ data, shape: [D, H, W] }, air, factor) {
  const [h, w] = [H / factor, W / factor];
  const reach = factor / 2;
  /** @type {number[]} */
  const indices = [];
  /** @type {number[]} */
  const steepness = [];
  /** @type {number[]} */
  const facing = [];
  for (let z = factor; z < D - factor; z += factor) {
    for (let y = factor; y < H - factor; y += factor) {
      for (let x = factor; x < W - factor; x += factor) {
        const at = (z * H + y) * W + x;
        if (data[at] <= air) continue;
        const gradient = [H * W, W, 1].map((step) =>
          Math.abs(data[at + reach * step] - data[at - reach * step]),
        );
        const length = Math.hypot(...gradient);
        indices.push(((z / factor) * h + y / factor) * w + x / factor);
        steepness.push(length);
        facing.push(gradient.findIndex((along) => along > ALIGNED * length));
      }
    }
  }
  const sorted = Float32Array.from(steepness).sort();
  const steep = sorted[Math.floor(STEEP * sorted.length)];
  const level = sorted[Math.floor(LEVEL * sorted.length)];
  const kinds = Uint8Array.from(steepness, (length, i) => {
    if (length <= level) return FLAT;
    return length >= steep && facing[i] >= 0 ? ACROSS + facing[i] : OTHER;
  });
  return {
    strides: [h * w, w, 1],
    indices: Int32Array.from(indices),
    kinds,
    steepness: Float32Array.from(steepness),
  };
}

/**
 * @param {Volume} maps
 * @param {Places} places
 * @returns {Anisotropy}
 */
export function anisotropyOf({ data, channels }, { strides: [toD, toH, toW], indices, kinds }) {
  const size = data.length / channels;
  const reactions = new Float64Array(indices.length);
  let across = 0;
  let within = 0;
  for (let c = 0; c < channels; c++) {
    const map = data.subarray(c * size, (c + 1) * size);
    const { mean, deviation } = moments(map, indices);
    // A constant map says nothing.
    if (deviation < 1e-6) continue;
    indices.forEach((i, place) => {
      reactions[place] += Math.abs(map[i] - mean) / deviation;
      across += Math.abs(map[i + toD] - map[i]) / deviation;
      within += (Math.abs(map[i + toH] - map[i]) + Math.abs(map[i + toW] - map[i])) / 2 / deviation;
    });
  }
  return { change: across / within, boundaries: acrossToAlong(reactions, kinds) };
}

/**
 * What to expect of maps that treat all directions alike: the scan's own boundaries need not be equally steep.
 *
 * @param {Volume} scan - on the grid of the maps
 * @param {Places} places
 * @returns {Anisotropy}
 */
export function anisotropyOfScan(scan, places) {
  const { change } = anisotropyOf(scan, places);
  return { change, boundaries: acrossToAlong(places.steepness, places.kinds) };
}

/**
 * @param {ArrayLike<number>} reactions
 * @param {Uint8Array} kinds
 */
function acrossToAlong(reactions, kinds) {
  const sums = new Float64Array(5);
  const counts = new Float64Array(5);
  kinds.forEach((kind, place) => {
    sums[kind] += reactions[place];
    counts[kind]++;
  });
  /** @param {number} kind */
  const beyondFlat = (kind) => sums[kind] / counts[kind] - sums[FLAT] / counts[FLAT];
  return (2 * beyondFlat(ACROSS)) / (beyondFlat(ALONG_H) + beyondFlat(ALONG_W));
}

/**
 * @param {ArrayLike<number>} map
 * @param {Int32Array} indices
 */
function moments(map, indices) {
  const mean = indices.reduce((sum, i) => sum + map[i], 0) / indices.length;
  const variance = indices.reduce((sum, i) => sum + (map[i] - mean) ** 2, 0) / indices.length;
  return { mean, deviation: Math.sqrt(variance) };
}
