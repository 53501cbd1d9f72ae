/**
 * @file Weights and volumes that `oracle/poc.py` computes to the same bits, so
 * that its fixture only holds results.
 */

import { readFileSync } from "node:fs";
import { crc32 } from "node:zlib";
import { readNpz } from "../../src/formats/npz.ts";
import { elementCount, floatTensor, type Tensor } from "../../src/graph/tensor.ts";
import type { Model } from "../../src/model/model.ts";

const fixture = (file: string): Buffer => readFileSync(new URL(`../fixtures/${file}`, import.meta.url));

/** What PyTorch computed, by names such as `acs/features/nearest`. */
export const outputs: ReadonlyMap<string, Tensor> = readNpz(fixture("poc_unet.npz"));

/** What else PyTorch says. */
export const facts = JSON.parse(fixture("poc_unet.json").toString()) as {
  /** Of the state dicts of the 2D network with 3 classes and the 3D one with 6. */
  readonly shapes: Readonly<Record<"2d" | "3d", Readonly<Record<string, readonly number[]>>>>;
  readonly parameters: Readonly<Record<string, number>>;
  /** max(AUC, 1 − AUC) of every channel over volumes 0 and 1, by interpolation, for kind acs. */
  readonly auc: Readonly<Record<"linear" | "nearest", readonly number[]>>;
};

/** The channel of the decoder that a BatchNorm shift of −100 kills. */
export const DEAD = 5;

/** Numbers in [0, 1) that a name determines: murmur3's finaliser over CRC-32(name) + i · golden ratio. */
function hashed(name: string, count: number): Float64Array {
  const start = crc32(name);
  return Float64Array.from({ length: count }, (_, i) => {
    let z = (start + Math.imul(i, 0x9e3779b1)) >>> 0;
    z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
    z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
    return ((z ^ (z >>> 16)) >>> 0) / 2 ** 32;
  });
}

/** A tensor of numbers between bounds. */
export const formulaTensor = (
  name: string,
  dims: readonly number[],
  [low, high]: readonly [number, number],
): Tensor =>
  floatTensor(
    dims,
    hashed(name, elementCount(dims)).map((u) => low + (high - low) * u),
  );

/** The network with formula weights; scales of upsampling stay. */
export function withFormulaWeights(model: Model): Model {
  const weights = [...model.graph.initializers].filter(([name]) => name.includes("."));
  return model.withWeights(
    new Map(
      weights.map(([name, { dims }]) => {
        const tensor = formulaTensor(name, dims, boundsOf(name, dims));
        if (name !== "dec1.decode.4.bias") return [name, tensor];
        const shifts = new Float32Array(tensor.bytes.buffer);
        shifts[DEAD] = -100;
        return [name, floatTensor(dims, shifts)];
      }),
    ),
  );
}

function boundsOf(name: string, dims: readonly number[]): readonly [number, number] {
  if (name.endsWith(".soft_w_core")) return [0, 2];
  if (name.endsWith(".weight") && dims.length > 1) {
    const bound = Math.sqrt(6 / elementCount(dims.slice(1)));
    return [-bound, bound];
  }
  return /\.(weight|running_var)$/.test(name) ? [0.5, 1.5] : [-0.2, 0.2];
}

/** A volume [48, 48, 48]: two boxes (class 0) in uniform noise, placed by its number. */
export function formulaSample(number: number): { readonly image: Float32Array; readonly labels: Uint8Array } {
  const labels = new Uint8Array(48 ** 3).fill(5);
  type Range = readonly [from: number, to: number];
  const fill = ([d0, d1]: Range, [h0, h1]: Range, [w0, w1]: Range): void => {
    for (let d = d0; d < d1; d++)
      for (let h = h0; h < h1; h++) labels.fill(0, (d * 48 + h) * 48 + w0, (d * 48 + h) * 48 + w1);
  };
  fill([4 + number, 20 + number], [6, 18], [8, 28 - number]);
  fill([30, 40], [26 + 2 * number, 44], [30, 34 + number]);
  const noise = hashed(`volume ${number}`, labels.length);
  return {
    labels,
    image: Float32Array.from(labels, (label, i) => (label === 0 ? 1 : 0) + 2 * noise[i]! - 1),
  };
}
