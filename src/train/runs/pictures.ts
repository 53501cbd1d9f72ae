/** @file Pictures for the report of a run: a few scans with their labels or classes, and with what the network says. */

import { IGNORED } from "../../data/labels.ts";
import type { Model } from "../../model/model.ts";
import type { Prediction } from "../../metrics/metric.ts";
import type { Picture } from "../../report/html/pictures.ts";
import { type RgbImage, encodePng } from "../../report/image.ts";
import { grid, middleOfLabels, montage } from "../../report/montage.ts";
import { evaluate } from "../../model/evaluate.ts";
import { type Volume, withData } from "../../volume/volume.ts";
import type { TrainPlan } from "./plan.ts";

/** More would make a page of many megabytes, and take long to predict. */
const MOST_CASES = 3;

/** The first cases that are validated, or without any those that were trained on. */
export async function casePictures(plan: TrainPlan, model: Model): Promise<readonly Picture[]> {
  const { store, whole: all } = plan.validation ?? plan.training;
  const some = { ...all, length: Math.min(all.length, MOST_CASES) };
  const predictions: Prediction[] = [];
  const collect = { add: (prediction: Prediction) => void predictions.push(prediction), value: () => ({}) };
  const { size, session = {} } = plan.options;
  await evaluate(model, some, [collect], { size, session });
  return Promise.all(
    predictions.map(async ({ name, classes, truth }, i) => {
      const { image } = await store.load(i);
      if (plan.data.kind === "classification") {
        const [said, is] = [classes, truth].map(([k]) => plan.data.classes.names[k!]);
        return { title: `${name}: ${said}, and is ${is}`, png: encodePng(montage(image, { size: SIZE })) };
      }
      const shown = truth.map((label) => (label === IGNORED ? 0 : label));
      const picture = comparison(image, withData(image, shown), withData(image, classes.slice()));
      return { title: name, png: encodePng(picture) };
    }),
  );
}

/** The longest side of a plane, in pixels: three planes fit half a page. */
const SIZE = 240;

/**
 * The three planes of a scan with its true labels, and the same with the predicted ones, through the middle of the true
 * ones (of the predicted where there are none).
 */
export function comparison(scan: Volume, truth: Volume, prediction: Volume): RgbImage {
  const at = middleOfLabels(truth) ?? middleOfLabels(prediction);
  const draw = (volume: Volume): RgbImage =>
    montage(scan, { overlay: { kind: "labels", volume }, size: SIZE, ...(at && { at }) });
  return grid([draw(truth), draw(prediction)], 1, ["truth", "prediction"]);
}
