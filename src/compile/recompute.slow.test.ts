/** @file Values that are computed again take less memory, and come to the same bits. */

import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { uniform } from "../base/random.ts";
import { liftGraph } from "../lift/index.ts";
import { readModel } from "../onnx/model-file.ts";
import { dice } from "../train/losses.ts";
import { sgd } from "../train/optimisers.ts";
import { TrainingSession } from "../train/session.ts";
import { trainingStep, type TrainingStep } from "../train/step.ts";
import { estimateMemory } from "./memory.ts";
import { withinMemory } from "./recompute.ts";

describe("withinMemory", async () => {
  const file = new URL("../../test/fixtures/models/unet_train.onnx", import.meta.url);
  const { graph } = liftGraph(await readModel(new Uint8Array(readFileSync(file))), { kind: "acs" });
  const whole = trainingStep(graph, { loss: dice(), optimiser: sgd(), batch: 2, size: [48, 48, 48] });

  const trained = async (step: TrainingStep): Promise<ReadonlyMap<string, readonly number[]>> => {
    const session = await TrainingSession.open(step, { threads: 1 });
    const next = uniform(1);
    const count = (dims: readonly number[]): number => dims.reduce((a, b) => a * b, 1);
    const whole = (dims: readonly number[]): number[] => [dims[0]! * step.accumulate, ...dims.slice(1)];
    const [images, targets] = [whole(step.image.dims), whole(step.target.dims)];
    const image = Float32Array.from({ length: count(images) }, next);
    const target = Uint8Array.from({ length: count(targets) }, () => Math.floor(4 * next()));
    for (let i = 0; i < 2; i++)
      await session.run(
        {
          image: { dtype: "float32", dims: images, data: image.slice() },
          target: { dtype: "uint8", dims: targets, data: target.slice() },
        },
        { learningRate: 0.1, seed: 0 },
      );
    const state = new Map([...session.state].map(([name, { bytes }]) => [name, [...bytes]] as const));
    await session.dispose();
    return state;
  };

  test("takes less memory and comes to the same bits", async () => {
    const now = estimateMemory(whole.graph);
    const budget = now.peakBytes - 1e6;
    const less = withinMemory(whole, budget);
    const convolutions = (step: TrainingStep): number =>
      step.graph.nodes.filter(({ op }) => op === "Conv" || op === "BatchNormalization").length;
    expect(convolutions(less)).toBeGreaterThan(convolutions(whole));
    expect(await trained(less)).toEqual(await trained(whole));
  }, 30_000);

  test("comes to the same bits over micro-batches", async () => {
    const micro = trainingStep(graph, {
      loss: dice(),
      optimiser: sgd(),
      batch: 1,
      accumulate: 2,
      size: [48, 48, 48],
    });
    const now = estimateMemory(micro.graph).peakBytes;
    const less = withinMemory(micro, now - 1e6);
    expect(less.graph.nodes.length).toBeGreaterThan(micro.graph.nodes.length);
    expect(estimateMemory(less.graph).peakBytes).toBeLessThan(now);
    expect(await trained(less)).toEqual(await trained(micro));
  }, 30_000);
});
