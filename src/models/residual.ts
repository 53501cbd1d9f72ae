/**
 * @file What residual networks are built of, in 2D and 3D: blocks, layers of them, and the whole encoder. Values are named
 * `relu` (after the stem), `maxpool`, `layer1` … `layer4`.
 *
 * @see He et al., arXiv:1512.03385; Xie et al., arXiv:1611.05431; Zagoruyko and Komodakis, arXiv:1605.07146
 */

import { inputError } from "../base/errors.ts";
import type { Layers } from "./layers.ts";
import { oneOf, type Stem } from "./options.ts";

/** How a residual network treats its map's size. */
export interface ResnetStrides {
  /** Default: stride 2 and a pool. The paper has `{ stride: 1, pool: false }` for lung nodules. */
  readonly stem?: Stem;
  /** Of the four layers. Default [1, 2, 2, 2]. */
  readonly strides?: readonly (1 | 2)[];
  /**
   * How many pixels of the image a pixel of the last map stands for at most: strides beyond it are left out, and later
   * kernels dilated instead, as torchvision's `replace_stride_with_dilation` does (8 is its [false, true, true]). Of
   * basic blocks, which torchvision does not dilate, both convolutions are. Default: no limit.
   */
  readonly outputStride?: 1 | 2 | 4 | 8 | 16 | 32;
}

/** What tells residual networks apart. */
export interface Design {
  /** Two convolutions 3×3, or 1×1, 3×3, 1×1 with four times as many channels at the end. */
  readonly block: "basic" | "bottleneck";
  /** Blocks of each layer. */
  readonly blocks: readonly number[];
  readonly groups?: number;
  /** Channels of a group of the first layer. */
  readonly width?: number;
}

/** Those that other networks build on, too. */
export const BACKBONES = {
  resnet18: { block: "basic", blocks: [2, 2, 2, 2] },
  resnet34: { block: "basic", blocks: [3, 4, 6, 3] },
  resnet50: { block: "bottleneck", blocks: [3, 4, 6, 3] },
  resnet101: { block: "bottleneck", blocks: [3, 4, 23, 3] },
  resnet152: { block: "bottleneck", blocks: [3, 8, 36, 3] },
} as const satisfies Readonly<Record<string, Design>>;

/** Channels of the four layers, before those of a bottleneck's end. */
const CHANNELS = [64, 128, 256, 512];

/**
 * All but the head.
 *
 * @param prefix - of the names, such as `backbone.`
 */
export function resnetBackbone(net: Layers, prefix: string, design: Design, options: ResnetStrides): string {
  const { stem = {}, strides = [1, 2, 2, 2], outputStride = 32 } = options;
  const stride = oneOf("stem.stride", stem.stride ?? 2, [1, 2]);
  oneOf("outputStride", outputStride, [1, 2, 4, 8, 16, 32]);
  if (strides.length !== 4)
    throw inputError(`strides must be four numbers, one per layer, got [${strides.join(", ")}].`);
  const at = (name: string): string => `${prefix}${name}`;
  const first = net.conv(at("conv1"), net.input, { out: 64, kernel: 7, stride, padding: 3, bias: false });
  let x = net.relu(at("relu"), net.batchNorm(at("bn1"), first));
  if (stem.pool ?? true) x = net.maxPool(at("maxpool"), x, { kernel: 3, stride: 2, padding: 1 });

  let reduced = stride * (stem.pool === false ? 1 : 2);
  if (reduced > outputStride)
    throw inputError(
      `outputStride must be ${reduced} at least, by which the stem alone reduces the map, got ${outputStride}; give a stem that reduces less.`,
    );
  let dilation = 1;
  strides.forEach((wanted, i) => {
    oneOf("strides", wanted, [1, 2]);
    const stride = reduced * wanted > outputStride ? 1 : wanted;
    const before = dilation;
    dilation *= wanted / stride;
    reduced *= stride;
    // A layer's first block still sees the map as the layer before left it.
    x = residualLayer(net, prefix, i, x, { design, stride, dilation, firstDilation: before });
  });
  return x;
}

interface Layer {
  readonly design: Design;
  /** Of the first block. */
  readonly stride: 1 | 2;
  readonly dilation: number;
  /** Of the first block. Default: as the others. */
  readonly firstDilation?: number;
  /**
   * What x goes through where a block changes sizes: a convolution 1×1 with BatchNorm (the default; "B" in He et al.), or
   * nothing that has parameters: pixels are left out and channels of zeros added ("A").
   */
  readonly shortcut?: "convolution" | "zeros";
}

/** The blocks of `layer1` (i = 0) to `layer4`. */
export function residualLayer(net: Layers, prefix: string, i: number, x: string, layer: Layer): string {
  const { design, dilation, firstDilation = dilation } = layer;
  const name = `${prefix}layer${i + 1}`;
  const last = design.blocks[i]! - 1;
  const channels = CHANNELS[i]!;
  for (let j = 0; j <= last; j++) {
    const reach = j === 0 ? { dilation: firstDilation } : { stride: 1 };
    const output = j === last ? name : `${name}.${j}`;
    x = residual(net, `${name}.${j}`, x, { ...layer, ...reach, channels, output });
  }
  return x;
}

interface Block extends Pick<Layer, "design" | "dilation" | "shortcut"> {
  readonly channels: number;
  readonly stride: number;
  readonly output: string;
}

/** relu(x + branch(x)), with x as {@link Layer.shortcut} has it where sizes change. */
function residual(net: Layers, name: string, x: string, block: Block): string {
  const { design, channels, stride, dilation, output } = block;
  const { groups = 1, width = 64 } = design;
  const isBasic = design.block === "basic";
  const narrow = (i: number, map: string, out: number): string =>
    net.conv(`${name}.conv${i}`, map, { out, kernel: 1, bias: false });
  const wide = (i: number, map: string, out: number, stride: number, groups = 1): string => {
    const taps = { kernel: 3, stride, padding: dilation, dilation };
    return net.conv(`${name}.conv${i}`, map, { out, ...taps, groups, bias: false });
  };
  const active = (i: number, map: string): string =>
    net.relu(`${name}.relu${i}`, net.batchNorm(`${name}.bn${i}`, map));

  const inner = Math.floor((channels * width) / 64) * groups;
  const out = isBasic ? channels : 4 * channels;
  const first = active(1, isBasic ? wide(1, x, channels, stride) : narrow(1, x, inner));
  const last = isBasic
    ? wide(2, first, channels, 1)
    : narrow(3, active(2, wide(2, first, inner, stride, groups)), out);
  const branch = net.batchNorm(`${name}.bn${isBasic ? 2 : 3}`, last);
  const changes = stride !== 1 || net.channels(x) !== out;
  const shortcut = changes ? resized(net, `${name}.downsample`, x, { ...block, out }) : x;
  return net.relu(output, net.add(`${name}.add`, branch, shortcut));
}

function resized(
  net: Layers,
  name: string,
  x: string,
  { shortcut, stride, out }: Pick<Block, "shortcut" | "stride"> & { readonly out: number },
): string {
  if (shortcut === "zeros") {
    const fewer = stride === 1 ? x : net.averagePool(`${name}.pool`, x, { kernel: 1, stride });
    return net.padChannels(name, fewer, out);
  }
  return net.batchNorm(`${name}.1`, net.conv(`${name}.0`, x, { out, kernel: 1, stride, bias: false }));
}
