// @ts-check
/**
 * @file How differently a network's feature maps treat the direction across the slices
 * and those within them. In a volume with cubic voxels there is no reason for any difference.
 *
 * Maps count alike: each is standardised over the head, z = (x − mean) / deviation.
 */

/** @import { Volume } from "acsconv/volume" */

/**
 * How much maps change from one slice to the next, relative to one step within the slice:
 *
 *   Σ |z(d+1, h, w) − z(d, h, w)|  /  ½ Σ (|z(d, h+1, w) − z| + |z(d, h, w+1) − z|)
 *
 * Above 1, slices were judged each for itself: the maps flicker. Below 1, they are blind to what changes between them.
 *
 * @param {Volume} maps
 * @param {Uint8Array} head - 1 where a voxel counts
 * @returns {number}
 */
export function changeAcrossSlices(maps, head) {
  const [, H, W] = maps.shape;
  let across = 0;
  let within = 0;
  for (const { z } of standardised(maps, head)) {
    forEachInner(maps, head, (i) => {
      across += Math.abs(z[i + H * W] - z[i]);
      within += (Math.abs(z[i + W] - z[i]) + Math.abs(z[i + 1] - z[i])) / 2;
    });
  }
  return across / within;
}

/**
 * How strongly maps react to boundaries that face across the slices (up and down), relative to those that face
 * along them (to the sides, front and back). A reaction is the mean |z| at such boundaries beyond that in flat tissue.
 *
 * @param {Volume} maps
 * @param {Uint8Array} head
 * @param {Volume} scan - finer than the maps by a whole factor
 * @returns {number}
 */
export function boundariesAcrossSlices(maps, head, scan) {
  const facing = boundaries(maps, head, scan);
  const sums = new Float64Array(5);
  const counts = new Float64Array(5);
  for (const { z } of standardised(maps, head)) {
    for (let i = 0; i < facing.length; i++) {
      sums[facing[i]] += Math.abs(z[i]);
      counts[facing[i]]++;
    }
  }
  /** @param {number} kind */
  const reaction = (kind) => sums[kind] / counts[kind] - sums[FLAT] / counts[FLAT];
  return reaction(ACROSS) / ((reaction(ALONG_H) + reaction(ALONG_W)) / 2);
}

const [OTHER, FLAT, ACROSS, ALONG_H, ALONG_W] = [0, 1, 2, 3, 4];

/** The steepest tenth of the head are boundaries, the flattest quarter is flat. */
const STEEP = 0.9;
const LEVEL = 0.25;
/** Cosine of about 25°: how well a boundary has to face along an axis. */
const ALIGNED = 0.9;

/**
 * What each voxel of the maps is in the scan, by its gradient there.
 *
 * @param {Volume} maps
 * @param {Uint8Array} head
 * @param {Volume} scan
 */
function boundaries(maps, head, scan) {
  const factor = scan.shape[0] / maps.shape[0];
  const reach = factor / 2;
  const [, H, W] = scan.shape;
  const kinds = new Uint8Array(head.length);
  const steepness = new Float32Array(head.length);
  forEachInner(maps, head, (i, d, h, w) => {
    const at = ((d * H + h) * W + w) * factor;
    const g = [H * W, W, 1].map((stride) =>
      Math.abs(scan.data[at + reach * stride] - scan.data[at - reach * stride]),
    );
    steepness[i] = Math.hypot(...g);
    kinds[i] = 2 + g.findIndex((along) => along > ALIGNED * steepness[i]);
  });
  const sorted = steepness.filter((_, i) => head[i] === 1).sort();
  const steep = sorted[Math.floor(STEEP * sorted.length)];
  const level = sorted[Math.floor(LEVEL * sorted.length)];
  return kinds.map((kind, i) => {
    if (kind === 0) return OTHER;
    if (steepness[i] <= level) return FLAT;
    return steepness[i] >= steep && kind >= ACROSS ? kind : OTHER;
  });
}

/**
 * Every map, standardised over the head; constant ones say nothing and are left out.
 *
 * @param {Volume} maps
 * @param {Uint8Array} head
 */
export function* standardised({ data, channels }, head) {
  const size = data.length / channels;
  const count = head.reduce((sum, inside) => sum + inside, 0);
  for (let c = 0; c < channels; c++) {
    const map = data.subarray(c * size, (c + 1) * size);
    let sum = 0;
    for (let i = 0; i < size; i++) sum += head[i] * map[i];
    const mean = sum / count;
    let squares = 0;
    for (let i = 0; i < size; i++) squares += head[i] * (map[i] - mean) ** 2;
    const deviation = Math.sqrt(squares / count);
    if (deviation < 1e-6) continue;
    yield { z: Float32Array.from(map, (x) => (x - mean) / deviation) };
  }
}

/**
 * Voxels of the head that have neighbours on all sides.
 *
 * @param {Volume} maps
 * @param {Uint8Array} head
 * @param {(i: number, d: number, h: number, w: number) => void} visit
 */
function forEachInner({ shape: [D, H, W] }, head, visit) {
  for (let d = 1; d < D - 1; d++) {
    for (let h = 1; h < H - 1; h++) {
      for (let w = 1; w < W - 1; w++) {
        const i = (d * H + h) * W + w;
        if (head[i] === 1) visit(i, d, h, w);
      }
    }
  }
}
