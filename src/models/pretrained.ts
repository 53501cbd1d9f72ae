/**
 * @file Networks that come with the package, weights and all. What they are and how they were made
 * stands in `assets/README.md`.
 */

import { load, type Model } from "../model/model.ts";
import { unknownName } from "../base/names.ts";

/** A network that comes with the package. `poc-unet-2d`: squares and circles in noisy images, {@link pocUnet} in 2D. */
export type PretrainedName = "poc-unet-2d";

/** Bundlers find a file that is written like this, and put it beside their script. */
const FILES: Readonly<Record<PretrainedName, URL>> = {
  "poc-unet-2d": new URL("../../assets/poc-unet-2d.onnx", import.meta.url),
};

/**
 * A pretrained 2D network; in a browser it is downloaded from where the bundler has put it.
 *
 * `poc-unet-2d` takes images [N, 1, H, W] (H and W multiples of 4; it was trained on 48 × 48, see
 * `experiments/src/poc/data.ts`) and gives logits [N, 3, H, W] of square, circle, background.
 *
 * @throws {@link AcsconvError} `input` for a name that there is not, `io` if the file cannot be read
 *
 * @example
 * const model3d = lift(await pretrained("poc-unet-2d"));
 */
export async function pretrained(name: PretrainedName): Promise<Model> {
  if (!Object.hasOwn(FILES, name)) throw unknownName("pretrained network", name, Object.keys(FILES));
  return load(FILES[name]);
}
