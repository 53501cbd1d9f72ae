/** @file A tiny network and data that it can learn: classes of a smooth random field, to be told from it. */

import type { Dataset } from "../../src/model/dataset.ts";
import { symbol } from "../../src/graph/dim.ts";
import { ints } from "../../src/graph/graph.ts";
import { normal, uniform } from "../../src/base/random.ts";
import { elementCount, floatTensor, type Tensor } from "../../src/graph/tensor.ts";
import { dice } from "../../src/metrics/overlap.ts";
import { lift, Model } from "../../src/model/model.ts";
import { crossEntropy } from "../../src/train/losses.ts";
import { adam } from "../../src/train/optimisers.ts";
import type { TrainerOptions } from "../../src/train/trainer-options.ts";
import { graphOf, node } from "./graphs.ts";

const CLASSES = ["background", "a", "b", "c"];

/** Conv, BatchNorm, Relu, Dropout, Conv: 1 channel in, 4 classes out, lifted. */
export function tinyNetwork(): Model {
  const random = normal(uniform(1));
  const drawn = (...dims: number[]): Tensor =>
    floatTensor(
      dims,
      Float32Array.from({ length: elementCount(dims) }, () => random() / 2),
    );
  const constant = (value: number, length: number): Tensor =>
    floatTensor([length], new Float32Array(length).fill(value));
  const nodes = [
    node("Conv", ["x", "first.weight", "first.bias"], ["a"], { pads: ints([1, 1, 1, 1]) }),
    node("BatchNormalization", ["a", "norm.weight", "norm.bias", "norm.mean", "norm.var"], ["b"]),
    node("Relu", ["b"], ["c"]),
    node("Dropout", ["c", "ratio"], ["d"]),
    node("Conv", ["d", "last.weight", "last.bias"], ["y"]),
  ];
  const graph = graphOf(nodes, {
    inputs: [{ name: "x", dtype: "float32", shape: [symbol("N"), 1, symbol("H"), symbol("W")] }],
    initializers: {
      "first.weight": drawn(6, 1, 3, 3),
      "first.bias": drawn(6),
      "norm.weight": constant(1, 6),
      "norm.bias": constant(0, 6),
      "norm.mean": constant(0, 6),
      "norm.var": constant(1, 6),
      ratio: floatTensor([], [0.1]),
      "last.weight": drawn(4, 6, 1, 1),
      "last.bias": drawn(4),
    },
  });
  return lift(new Model(graph), { kind: "acs" });
}

/** Volumes [1, n, n, n] of blobs with noise; a voxel's class is its intensity without the noise, in four steps. */
export const blobs = (length: number, size: number): Dataset => ({
  length,
  get(index, random) {
    const place = uniform(index);
    const [phaseD, phaseH, phaseW] = [0, 1, 2].map(() => 2 * Math.PI * place());
    const voxels = size ** 3;
    const [data, target] = [new Float32Array(voxels), new Uint8Array(voxels)];
    for (let i = 0; i < voxels; i++) {
      const [d, h, w] = [Math.floor(i / size ** 2), Math.floor(i / size) % size, i % size];
      const value = (Math.sin(d / 2 + phaseD!) + Math.sin(h / 2 + phaseH!) + Math.sin(w / 2 + phaseW!)) / 3;
      data[i] = value + 0.2 * (random() - 0.5);
      target[i] = Math.min(3, Math.floor((value + 1) * 2));
    }
    return {
      name: `blob ${index}`,
      image: { dtype: "float32", dims: [1, size, size, size], data },
      target: { dtype: "uint8", dims: [size, size, size], data: target },
    };
  },
});

/** Three epochs of three steps. */
export const tinyRun = (changes: Partial<TrainerOptions> = {}): TrainerOptions => ({
  data: blobs(7, 8),
  validation: { data: blobs(2, 12), metrics: () => [dice({ classes: CLASSES })] },
  loss: crossEntropy(),
  optimiser: adam(),
  learningRate: 0.01,
  schedule: { name: "cosine" },
  epochs: 3,
  batch: 2,
  size: [8, 8, 8],
  seed: 1,
  ...changes,
});
