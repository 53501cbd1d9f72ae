/** @file What is trained in 3D is found again in 2D, under its name. */

import { expect, test } from "vitest";
import { network } from "../../test/helpers/networks.ts";
import { numbersOf, tensorOf } from "../graph/tensor.ts";
import { lift, Model, unlift } from "../model/model.ts";
import { crossEntropy } from "./losses.ts";
import { adam } from "./optimisers.ts";
import { trainingStep } from "./step.ts";

test.each(["convnext", "unet_train", "mobilenet_v2", "densenet"])("%s", async (name) => {
  const model = lift(await network(name));
  const step = trainingStep(model.graph, {
    loss: crossEntropy(),
    optimiser: adam(),
    batch: 2,
    size: [64, 64, 64],
  });
  const trained = new Map(
    step.parameters.map(({ name: parameter, dims }) => {
      const values = numbersOf(step.state.get(parameter)!);
      return [
        parameter,
        tensorOf(
          "float32",
          dims,
          Float32Array.from(values, (value) => value + 1),
        ),
      ] as const;
    }),
  );
  const back = unlift(new Model(step.network, model.lifted).withWeights(trained));
  for (const [parameter, tensor] of trained)
    expect(back.graph.initializers.get(parameter)?.bytes, parameter).toEqual(tensor.bytes);
});
