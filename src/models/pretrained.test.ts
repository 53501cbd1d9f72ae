import { expect, test } from "vitest";
import { elementCount } from "../graph/tensor.ts";
import { datasetOf, samples2d } from "../../experiments/src/poc/data.ts";
import { CANVAS, CLASSES_2D } from "../../experiments/src/poc/shapes.ts";
import { dice } from "../metrics/overlap.ts";
import { evaluate } from "../model/evaluate.ts";
import { type PretrainedName, pretrained } from "./pretrained.ts";
import { pocUnet } from "./unet.ts";

test("poc-unet-2d is the U-Net of the proof of concept, and knows squares from circles", async () => {
  const model = await pretrained("poc-unet-2d");
  const shapesOf = ({ graph }: typeof model): [string, readonly number[]][] =>
    [...graph.initializers].map(([name, { dims }]) => [name, dims]);
  const built = pocUnet({ classes: CLASSES_2D.length });
  expect(Object.fromEntries(shapesOf(model))).toEqual(Object.fromEntries(shapesOf(built)));
  const statistics = /running_|scales/;
  const parameters = shapesOf(model).filter(([name]) => !statistics.test(name));
  expect(parameters.reduce((sum, [, dims]) => sum + elementCount(dims), 0)).toBe(389_187);

  // Images of a seed that it was not trained with. Untrained weights have a Dice of about 0.2.
  const fresh = datasetOf(samples2d({ part: "test", seed: 4711 }), 40, 2);
  const overlap = dice({ classes: CLASSES_2D, background: CLASSES_2D.indexOf("background") });
  const scores = await evaluate(model, fresh, [overlap], { size: [CANVAS, CANVAS] });
  expect(scores["dice.square"]).toBeGreaterThan(0.85);
  expect(scores["dice.circle"]).toBeGreaterThan(0.85);
});

test("a name that there is not is refused, with the nearest one", async () => {
  await expect(pretrained("poc-unet2d" as PretrainedName)).rejects.toMatchObject({
    kind: "input",
    message: expect.stringMatching(/no pretrained network "poc-unet2d".*nearest is "poc-unet-2d"/) as unknown,
  });
  await expect(pretrained("toString" as PretrainedName)).rejects.toMatchObject({ kind: "input" });
});
