/** @file Balls and boxes in noise, as data of whole scans, and a small network that tells them apart. */

import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { bytesOf, floatTensor, type Tensor } from "../../src/graph/tensor.ts";
import { uniform } from "../../src/base/random.ts";
import { symbol } from "../../src/graph/dim.ts";
import { int, ints } from "../../src/graph/graph.ts";
import { encodeNpz } from "../../src/formats/npz.ts";
import { Model } from "../../src/model/model.ts";
import { type Volume, plainGrid, withData, writeVolume } from "../../src/volume/index.ts";
import { graphOf, node } from "./graphs.ts";

export const SHAPES = ["ball", "box"] as const;

/** A ball (label 0) or a box (1) of about the same volume, anywhere, in noise; uint8. */
export function shapeScan(label: number, seed: number, size: number): Volume {
  const random = uniform(seed);
  const radius = size * (0.22 + 0.08 * random());
  const centre = [0, 1, 2].map(() => size / 2 + (random() - 0.5) * size * 0.25);
  const half = radius * 0.806;
  const data = new Uint8Array(size ** 3);
  for (let d = 0, i = 0; d < size; d++)
    for (let h = 0; h < size; h++)
      for (let w = 0; w < size; w++, i++) {
        const from = [d, h, w].map((x, axis) => Math.abs(x - centre[axis]!));
        const isIn = label === 0 ? Math.hypot(...from) <= radius : Math.max(...from) <= half;
        data[i] = 40 + 40 * random() + (isIn ? 120 : 0);
      }
  return withData(plainGrid([size, size, size]), data);
}

/** A scan with its class and part. */
export interface Shape {
  readonly split: "train" | "val" | "test";
  readonly label: number;
  readonly scan: Volume;
}

/** Balls first, then boxes, in each part. */
export function shapes(counts: Readonly<Record<Shape["split"], number>>, size: number): readonly Shape[] {
  return (["train", "val", "test"] as const).flatMap((split, part) =>
    Array.from({ length: counts[split] }, (_, i): Shape => {
      const label = i < counts[split] / 2 ? 0 : 1;
      return { split, label, scan: shapeScan(label, 1000 * part + i + 1, size) };
    }),
  );
}

const numbered = (i: number): string => String(i).padStart(4, "0");

/** `train/ball/0000.npy` … */
export async function saveAsFolders(all: readonly Shape[], root: string): Promise<string> {
  for (const [i, { split, label, scan }] of all.entries()) {
    const path = join(root, split, SHAPES[label]!, `${numbered(i)}.npy`);
    mkdirSync(dirname(path), { recursive: true });
    await writeVolume(scan, path);
  }
  return root;
}

/** `table.csv` beside `scans/0000.npy` … */
export async function saveAsTable(all: readonly Shape[], root: string): Promise<string> {
  mkdirSync(join(root, "scans"), { recursive: true });
  for (const [i, { scan }] of all.entries())
    await writeVolume(scan, join(root, "scans", `${numbered(i)}.npy`));
  const rows = all.map(({ split, label }, i) => `scans/${numbered(i)}.npy,${SHAPES[label]},${split}`);
  const path = join(root, "table.csv");
  writeFileSync(path, ["file,label,split", ...rows, ""].join("\n"));
  return path;
}

/** As MedMNIST has them. */
export function saveAsArchive(all: readonly Shape[], path: string): string {
  const arrays = new Map<string, Tensor>();
  for (const split of ["train", "val", "test"] as const) {
    const own = all.filter((one) => one.split === split);
    if (own.length === 0) continue;
    const data = Uint8Array.from(own.flatMap(({ scan }) => Array.from(scan.data)));
    const dims = [own.length, ...own[0]!.scan.shape];
    arrays.set(`${split}_images`, { dtype: "uint8", dims, bytes: bytesOf(data) });
    const labels = Uint8Array.from(own, ({ label }) => label);
    arrays.set(`${split}_labels`, { dtype: "uint8", dims: [own.length, 1], bytes: labels });
  }
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, Buffer.concat(encodeNpz(arrays)));
  return path;
}

/** Two convolutions, the mean of their maps, a fully connected layer: [N, 1, H, W] → [N, scores]. */
export function shapeClassifier(scores: number, width = 8, seed = 3): Model {
  const next = uniform(seed);
  const weights = (fan: number, ...dims: number[]): Tensor =>
    floatTensor(
      dims,
      Array.from({ length: dims.reduce((a, b) => a * b) }, () => (2 * next() - 1) * Math.sqrt(6 / fan)),
    );
  const strided = { pads: ints([1, 1, 1, 1]), strides: ints([2, 2]) };
  return new Model(
    graphOf(
      [
        node("Conv", ["x", "first.weight", "first.bias"], ["a"], strided),
        node("Relu", ["a"], ["b"]),
        node("Conv", ["b", "second.weight", "second.bias"], ["c"], strided),
        node("Relu", ["c"], ["d"]),
        node("GlobalAveragePool", ["d"], ["e"]),
        node("Flatten", ["e"], ["f"]),
        node("Gemm", ["f", "head.weight", "head.bias"], ["y"], { transB: int(1) }),
      ],
      {
        inputs: [{ name: "x", dtype: "float32", shape: [symbol("N"), 1, symbol("H"), symbol("W")] }],
        outputs: [{ name: "y", dtype: "float32", shape: [symbol("N"), scores] }],
        initializers: {
          "first.weight": weights(9, width, 1, 3, 3),
          "first.bias": floatTensor([width], new Float32Array(width)),
          "second.weight": weights(9 * width, 2 * width, width, 3, 3),
          "second.bias": floatTensor([2 * width], new Float32Array(2 * width)),
          "head.weight": weights(2 * width, scores, 2 * width),
          "head.bias": floatTensor([scores], new Float32Array(scores)),
        },
      },
    ),
  );
}
