/**
 * @file H-DenseUNet for liver and its tumours in CT: a 2D DenseUNet-161 reads each slice with its neighbours; a smaller 3D
 * one reads the volume together with what the 2D one made of it; the features of both are added.
 *
 *   volume ─ slices of three ─ 2D DenseUNet ─┬─ ac_up4 ──────────────────────── + ─ fianl_conv ─ 2d3dclassifer
 *      │                                     └─ dense167classifer · 250 ─┐      │
 *      └──────────────────────────────────────────────────────────────── ⊕ ─ 3D DenseUNet
 *
 * Layers are called as in the authors' Keras code, slips of the pen included, so that their files fit: a parameter is
 * the layer's name and `weight`, `bias`, `running_mean` or `running_var` (see weights/keras.ts). Every BatchNorm of the
 * dense parts is followed by a factor and a shift for each channel, Caffe's `Scale`, which are parameters of their own.
 *
 * As in the authors' `hybridnet.py`, neither part has connections from encoder to decoder here, whatever the paper's
 * figures show; {@link denseunet2d}, their `denseunet.py`, has them. Their axes are H, W, D: kernels of their files
 * have depth last. At both ends of a volume, the stack of three has the end slice twice. 2D layers are 3D ones of
 * depth 1, which is the same as a batch of slices but for BatchNorm's statistics, which are the batch's either way.
 *
 * Decided here, since their networks come in one size: the decoder's widths follow from the encoder's maps, which they
 * equal in theirs (504, 224, 192 in 3D; 768, 384 in 2D). The authors kept the dense blocks' running statistics fixed in the
 * hybrid's training; here that is for the training to say (`batchNorm: "frozen"`).
 *
 * @see Li et al., arXiv:1709.07330; https://github.com/xmengli/H-DenseUNet/blob/3226de3/hybridnet.py
 */

import { inputError } from "../base/errors.ts";
import { Model } from "../model/model.ts";
import { KERAS_AXES } from "../formats/keras.ts";
import type { Layers, PerAxis } from "./layers.ts";
import { begin, beginVolume, complete, type NetworkOptions, wholeNumber } from "./options.ts";

/** How large a dense encoder is. */
export interface DenseDesign {
  /** Layers of each block. */
  readonly blocks?: readonly number[];
  /** Channels that a layer adds. */
  readonly growth?: number;
}

interface DenseUnetOptions extends NetworkOptions {
  /** Classes of voxels. Default 3: neither, liver, tumour. */
  readonly classes?: number;
  /** How many of the last features are dropped in training. Default 0.3. */
  readonly dropout?: number;
}

/** Of {@link denseunet2d}. */
export interface DenseUnet2dOptions extends DenseUnetOptions, DenseDesign {}

/** Of {@link hDenseunet}. */
export interface HDenseunetOptions extends DenseUnetOptions {
  /** Channels of the volume. Default 1. */
  readonly channels?: number;
  /** The 2D part. Default: blocks of 6, 12, 36 and 24 layers that add 48 channels each, as in DenseNet-161. */
  readonly dense2d?: DenseDesign;
  /** The 3D part. Default: blocks of 3, 4, 12 and 8 layers that add 32 channels each. */
  readonly dense3d?: DenseDesign;
}

/** Channels of the stem, and of the last features. */
const STEM = 96;
const FEATURES = 64;
/** Channels of a layer's convolution 1×1, in those it adds. */
const BOTTLENECK = 4;
const DROPOUT = 0.3;
/** Brings the logits of the 2D part to the range of Hounsfield units. */
const LOGITS_TO_UNITS = 250;
/** Added to variances: in the dense parts, and Keras's own. */
const [EPSILON, KERAS_EPSILON] = [1.1e-5, 1e-3];

/** A size along all axes, or in the plane of slices only; `neutral` is what changes nothing. */
type Extent = (size: number, neutral?: number) => PerAxis;
const everywhere: Extent = (size) => size;
const inPlane: Extent = (size, neutral = 1) => [neutral, size, size];

type Design = Required<DenseDesign>;

/** One of the dense U-Nets. */
interface Part extends Design {
  /** Before the names of layers. */
  readonly prefix: "" | "3d";
  /** Of kernels, and of what halves at the beginning and is undone at the end. */
  readonly extent: Extent;
  /** Of what halves between blocks. */
  readonly between: Extent;
  /** Whether the encoder's maps are added to the decoder's. */
  readonly skips: boolean;
}

const DESIGN_2D = { blocks: [6, 12, 36, 24], growth: 48 };
const DESIGN_3D = { blocks: [3, 4, 12, 8], growth: 32 };

/**
 * H-DenseUNet, 61,195,054 parameters. Volumes [N, 1, D, H, W] in Hounsfield units from −200 to 250, less 48; logits
 * [N, 3, D, H, W]. D must be a multiple of 4, H and W of 32; the authors' windows have 8 × 224 × 224 voxels. `ac_up4` are
 * the features of the 2D part, `dense167classifer` its logits, `3dac_up4` the features of the 3D part.
 *
 * @example
 * const { model } = await loadWeights(hDenseunet({ kernels: "none" }), "model_best.hdf5");
 */
export function hDenseunet(options: HDenseunetOptions = {}): Model {
  const { channels = 1, dropout = DROPOUT, dense2d, dense3d } = options;
  const net = beginVolume(channels);
  const classes = wholeNumber("classes", options.classes ?? 3);
  const slices = net.adjacentSlices("slices", net.input);
  const flat = { prefix: "", extent: inPlane, between: inPlane, skips: false } as const;
  const features2d = denseUnet(net, slices, { ...flat, ...design("dense2d", DESIGN_2D, dense2d) });
  const logits2d = net.conv("dense167classifer", features2d, { out: classes, kernel: 1 });
  const both = net.concat("input3d", [net.input, net.multiplyBy("logits2d", logits2d, LOGITS_TO_UNITS)]);
  const deep = { prefix: "3d", extent: everywhere, between: inPlane, skips: false } as const;
  const features3d = denseUnet(net, both, { ...deep, ...design("dense3d", DESIGN_3D, dense3d) });

  const fused = net.add("final", features3d, features2d);
  const last = dropped(net, net.conv("fianl_conv", fused, { out: FEATURES, kernel: 3, padding: 1 }), dropout);
  const active = net.relu("final_ac", net.batchNorm("final_bn", last, "final_bn", KERAS_EPSILON));
  const output = net.conv("2d3dclassifer", active, { out: classes, kernel: 1 });
  const { graph } = complete(net, "h_denseunet", [output], options);
  return new Model({ ...graph, metadata: new Map([...graph.metadata, [KERAS_AXES, "HWD"]]) });
}

/**
 * The 2D DenseUNet-161 that H-DenseUNet begins with when it is trained by itself, 49,747,779 parameters; to be lifted, it is
 * H-DenseUNet's rival. Images [N, 3, H, W] of three adjacent slices, logits [N, 3, H, W] of the middle one. H and W must be
 * multiples of 32.
 */
export function denseunet2d(options: DenseUnet2dOptions = {}): Model {
  const { dropout = DROPOUT } = options;
  const net = begin(options);
  const classes = wholeNumber("classes", options.classes ?? 3);
  const image = { prefix: "", extent: everywhere, between: everywhere, skips: true } as const;
  const features = denseUnet(net, net.input, { ...image, ...design("", DESIGN_2D, options) }, dropout);
  const output = net.conv("dense167classifer", features, { out: classes, kernel: 1 });
  return complete(net, "denseunet2d", [output], options);
}

function design(name: string, standard: Design, given: DenseDesign = {}): Design {
  const { blocks = standard.blocks, growth = standard.growth } = given;
  const option = (of: string): string => (name ? `${name}.${of}` : of);
  if (blocks.length !== standard.blocks.length)
    throw inputError(
      `${option("blocks")} must be ${standard.blocks.length} numbers of layers, got ${blocks.length}.`,
    );
  return {
    blocks: blocks.map((count, i) => wholeNumber(`${option("blocks")}[${i}]`, count)),
    growth: wholeNumber(option("growth"), growth),
  };
}

/** All of a part but its classifier: features [N, 64, …] of the input's size. */
function denseUnet(net: Layers, input: string, part: Part, dropout = 0): string {
  const { prefix, blocks, extent, between, skips } = part;
  const at = (layer: string): string => prefix + layer;
  const window = { kernel: extent(7), stride: extent(2), padding: extent(3, 0) };
  const stem = net.conv(at("conv1"), input, { out: STEM, ...window, bias: false });
  let x = normal(net, at("conv1"), at("relu1"), stem);
  const maps = [x];
  x = net.maxPool(at("pool1"), x, { kernel: extent(3), stride: extent(2), padding: extent(1, 0) });
  blocks.forEach((layers, i) => {
    const stage = i + 2;
    x = denseBlock(net, part, stage, x, layers);
    if (i < blocks.length - 1) maps.push(x);
    x = normal(net, at(`conv${stage}_blk`), at(`relu${stage}_blk`), x);
    if (i === blocks.length - 1) return;
    x = net.conv(at(`conv${stage}_blk`), x, { out: Math.floor(net.channels(x) / 2), kernel: 1, bias: false });
    x = net.averagePool(at(`pool${stage}`), x, { kernel: between(2), stride: between(2) });
  });

  // Each step's width is that of the map that the next one meets; in 3D the first keeps what it reads.
  const [first, second] = [net.channels(maps[2]!), net.channels(maps[1]!)];
  const widths =
    prefix === "3d"
      ? [net.channels(x), first, second, STEM, FEATURES]
      : [first, second, STEM, STEM, FEATURES];
  widths.forEach((out, i) => {
    const up = net.upsample(at(`up${i}`), x, (i < 3 ? between : extent)(2), "nearest");
    const sum = skips ? added(net, i, up, maps[3 - i]) : up;
    const conv = net.conv(at(`conv_up${i}`), sum, { out, kernel: extent(3), padding: extent(1, 0) });
    const last = i === widths.length - 1 ? dropped(net, conv, dropout) : conv;
    const norm = net.batchNorm(at(`bn_up${i}`), last, at(`bn_up${i}`), KERAS_EPSILON);
    x = net.relu(at(`ac_up${i}`), norm);
  });
  return x;
}

function denseBlock(net: Layers, part: Part, stage: number, first: string, layers: number): string {
  const { prefix, extent, growth } = part;
  let x = first;
  for (let i = 1; i <= layers; i++) {
    const [conv, relu] = [`${prefix}conv${stage}_${i}`, `${prefix}relu${stage}_${i}`];
    const before = normal(net, `${conv}_x1`, `${relu}_x1`, x);
    const narrow = net.conv(`${conv}_x1`, before, { out: BOTTLENECK * growth, kernel: 1, bias: false });
    const again = normal(net, `${conv}_x2`, `${relu}_x2`, narrow);
    const window = { kernel: extent(3), padding: extent(1, 0) };
    const more = net.conv(`${conv}_x2`, again, { out: growth, ...window, bias: false });
    x = net.concat(`${prefix}concat_${stage}_${i}`, [x, more]);
  }
  return x;
}

/** BatchNorm, factor and shift, ReLU. */
const normal = (net: Layers, layer: string, relu: string, x: string): string =>
  net.relu(relu, net.affine(`${layer}_scale`, net.batchNorm(`${layer}_bn`, x, `${layer}_bn`, EPSILON)));

/** With the encoder's map of that size, the deepest of which is first brought to as many channels. */
function added(net: Layers, step: number, up: string, map: string | undefined): string {
  if (map === undefined) return up;
  const fitting = step === 0 ? net.conv("line0", map, { out: net.channels(up), kernel: 1 }) : map;
  return net.add(`up${step}_sum`, fitting, up);
}

const dropped = (net: Layers, x: string, ratio: number): string =>
  ratio > 0 ? net.dropout(`${x}/dropout`, x, ratio) : x;
