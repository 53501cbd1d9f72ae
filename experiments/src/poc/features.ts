/**
 * @file How well features tell shapes from background, without training on them.
 *
 * A decoder's 32 maps [24, 24, 24] are enlarged to the volumes' 48³. Each map, over all voxels of all volumes at
 * once, ranks the voxels of any shape against those of the background:
 *
 *   mAUC = mean over maps of max(AUC, 1 − AUC)
 *
 * because a map may be high or low where there is a shape. Ties count half, so a map that is zero everywhere has
 * an area of ½.
 *
 * @see Yang et al., arXiv:1911.10477, appendix B and Fig. 3
 */

import type { Model, Session } from "acsconv";
import { areaUnderCurve } from "acsconv/metrics";
import { plainGrid, resample, withData } from "acsconv/volume";
import type { Samples } from "./data.ts";
import { CANVAS, CLASSES_3D } from "./shapes.ts";

/** Of all channels of a feature map: max(AUC, 1 − AUC) of each, and their mean. */
export interface MeanAuc {
  readonly mean: number;
  readonly channels: readonly number[];
}

/** How to watch {@link meanAuc}, and how to end it. */
export interface MeanAucOptions {
  readonly signal?: AbortSignal;
  /** Volumes that went through the network and maps that were ranked, of all. */
  readonly onProgress?: (done: number, total: number) => void;
}

const BACKGROUND = CLASSES_3D.length - 1;
const VOXELS = CANVAS ** 3;
/** The maps' voxels are this many of the volume's to each side. */
const FACTOR = 2;
const COARSE = CANVAS / FACTOR;
const COARSE_VOXELS = COARSE ** 3;

/**
 * The mAUC of a network's features. What is kept meanwhile are the maps as they are, 1.8 MB a volume, and one
 * map of all volumes enlarged.
 *
 * @param features - a lifted network from volumes [N, 1, 48, 48, 48] to its maps [N, channels, 24, 24, 24]
 * @param volumes - how many samples are taken, from number 0 on
 * @throws the signal's reason
 */
export async function meanAuc(
  features: Model,
  samples: Samples,
  volumes: number,
  { signal, onProgress }: MeanAucOptions = {},
): Promise<MeanAuc> {
  const maps: Float32Array[] = [];
  const isShape: Uint8Array[] = [];
  let positives = 0;
  const session = await features.session({ size: [CANVAS, CANVAS, CANVAS] });
  try {
    for (let i = 0; i < volumes; i++) {
      signal?.throwIfAborted();
      const { image, labels } = samples(i);
      isShape.push(labels.map((label) => (label === BACKGROUND ? 0 : 1)));
      for (const label of labels) if (label !== BACKGROUND) positives++;
      maps.push(await mapsOf(session, image));
      onProgress?.(i + 1, volumes + channelsIn(maps[0]!));
    }
  } finally {
    await session.dispose();
  }

  const channels: number[] = [];
  const count = channelsIn(maps[0]!);
  // Used again for every channel: ranking leaves no scores in them.
  const inside = new Float32Array(positives);
  const outside = new Float32Array(volumes * VOXELS - positives);
  for (let channel = 0; channel < count; channel++) {
    await nextTask();
    signal?.throwIfAborted();
    let [ins, outs] = [0, 0];
    for (const [i, truth] of isShape.entries()) {
      const map = enlarged(maps[i]!, channel);
      for (let at = 0; at < VOXELS; at++) {
        if (truth[at] === 1) inside[ins++] = map[at]!;
        else outside[outs++] = map[at]!;
      }
    }
    const area = areaUnderCurve(inside, outside);
    channels.push(Math.max(area, 1 - area));
    onProgress?.(volumes + channel + 1, volumes + count);
  }
  return { mean: channels.reduce((sum, area) => sum + area, 0) / count, channels };
}

/**
 * The feature maps of one volume, each enlarged to [48, 48, 48].
 *
 * @param features - as {@link meanAuc} takes it
 * @param image - [48, 48, 48]
 */
export async function featureMaps(features: Model, image: Float32Array): Promise<Float32Array[]> {
  const session = await features.session({ size: [CANVAS, CANVAS, CANVAS] });
  try {
    const maps = await mapsOf(session, image);
    return Array.from({ length: channelsIn(maps) }, (_, channel) => enlarged(maps, channel));
  } finally {
    await session.dispose();
  }
}

const channelsIn = (maps: Float32Array): number => maps.length / COARSE_VOXELS;

/** [channels, 24, 24, 24] */
async function mapsOf(session: Session, image: Float32Array): Promise<Float32Array> {
  const [input, output] = [session.inputs[0]!.name, session.outputs[0]!.name];
  const volume = { dtype: "float32" as const, dims: [1, 1, CANVAS, CANVAS, CANVAS], data: image };
  const result = await session.run({ [input]: volume });
  return result[output]!.data as Float32Array;
}

/** One of the maps, [48, 48, 48]. */
const enlarged = (maps: Float32Array, channel: number): Float32Array => {
  const map = maps.slice(channel * COARSE_VOXELS, (channel + 1) * COARSE_VOXELS);
  const volume = withData(plainGrid([COARSE, COARSE, COARSE]), map);
  return resample(volume, [1 / FACTOR, 1 / FACTOR, 1 / FACTOR], "linear").data as Float32Array;
};

/** Lets a signal come through between two pieces of work that hold the thread. */
const nextTask = (): Promise<void> => new Promise((resolve) => setTimeout(resolve));
