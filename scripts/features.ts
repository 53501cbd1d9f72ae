/** @file Writes FEATURES.md: what the rule table and the registries say, and notes that only a person can add. */

import { TARGETS } from "../src/compile/targets/index.ts";
import { elementCount } from "../src/graph/tensor.ts";
import { lift, type Model } from "../src/model/model.ts";
import { ARCHITECTURES, architecture } from "../src/models/registry.ts";
import { onnxOps } from "../src/ops/index.ts";
import { KINDS } from "../src/ops/kinds/index.ts";
import type { OpRule } from "../src/ops/rule.ts";
import { METRIC_NAMES } from "../src/metrics/registry.ts";
import { costsByKind } from "../src/report/lift-report.ts";
import { AUGMENTATION_NAMES, LOSS_NAMES, OPTIMISER_NAMES, SCHEDULE_NAMES } from "../src/train/choices.ts";
import { parametersOf } from "../src/train/parameters.ts";
import { NAME_MAPS } from "../src/weights/name-maps.ts";

type Op = keyof typeof onnxOps;

/** How an operator lifts that does not simply take depth along; what of it is refused. */
const LIFT_NOTES: Partial<Record<Op, string>> = {
  Conv: "by kind, see below; not with a kernel that is computed while running",
  ConvTranspose: "by kind, see below; not with a kernel that is computed while running",
  MaxPool: "depth pooled as height; not with indices as second output",
  AveragePool: "depth pooled as height",
  LpPool: "depth pooled as height",
  GlobalAveragePool: "over depth too",
  GlobalMaxPool: "over depth too",
  GlobalLpPool: "over depth too",
  BatchNormalization: "yes; not in training mode",
  InstanceNormalization: "statistics over depth too",
  GroupNormalization: "statistics over depth too",
  LayerNormalization:
    "over features unchanged; over pixels: statistics over depth too, scale and bias repeated along it",
  LpNormalization: "not along a spatial axis",
  MeanVarianceNormalization: "statistics over depth too",
  Softmax: "over features, or all pixels together; not along height alone",
  LogSoftmax: "as Softmax",
  Hardmax: "as Softmax",
  Einsum: "height's letter gets one for depth before it; not contracted with a constant",
  Gemm: "over features unchanged; a flattened C·H·W map by option `fc`",
  MatMul: "over features, or pixels with pixels; not over planes of height × width",
  Concat: "along features or batch; not along a spatial axis, not with a constant map",
  Split: "along features or batch; not along a spatial axis",
  Slice: "depth cut as height",
  Gather: "along features or batch, by constant indices; not along a spatial axis",
  Pad: "depth padded as height",
  Reshape: "where it merges axes, or splits features; not where it splits height or width (windows, patches)",
  Expand: "depth expanded as height",
  Tile: "along features; not along a spatial axis",
  Resize: "linear becomes trilinear, cubic two passes; depth scaled as height; not `tf_crop_and_resize`",
  ReduceMean: "depth reduced with height (all `Reduce…`)",
  ArgMax: "along features; not along one spatial axis",
  ArgMin: "as ArgMax",
  DepthToSpace: "as the transposed convolution it equals",
  SpaceToDepth: "as the convolution it equals",
};

/** What a gradient does where mathematics leaves it open, or covers in part. */
const GRADIENT_NOTES: Partial<Record<Op, string>> = {
  Dropout: "by a mask that the training step feeds",
};

/** What FEATURES.md holds. */
export function features(): string {
  const rules = Object.entries(onnxOps) as [Op, OpRule][];
  const liftable = rules.filter(([op, rule]) => !liftOf(op, rule).startsWith("no:"));
  return `# Features

Written by \`npm run features\`; \`npm test\` fails while it is out of date.

## Operators

${rules.length} of ONNX's own operators have a rule; ${liftable.length} of them lift. Operators without a rule are read and
written as they are, and refused by name where lifting meets one.

- **shape**: sizes and types of the outputs are inferred, with symbolic sizes.
- **value**: elements are computed where the inputs' are known; this folds the shape arithmetic of exports.
- **lift**: "yes" means that depth comes along. "no" says why; such an operator is copied where no image reaches it.
- **gradient**: "yes" means that what lies before it can be trained. "–" means that its result is no
  real number, or that we know no rule: refused by name where a parameter is behind it.

${table(
  ["operator", "shape", "value", "lift", "gradient"],
  rules.map(([op, rule]) => [op, "yes", rule.value ? "yes" : "–", liftOf(op, rule), gradientOf(op, rule)]),
)}

ONNX operator sets 7 to 22 are read; forms before set 18 are brought to that of set 18 first. Operators of other
domains (\`com.microsoft\` …) have no rules.

## Kinds of lifting

A 2D kernel K×K in a volume. 1×1 convolutions become 1×1×1 in every kind.

${table(
  ["kind", "the kernel", "parameters", "runs as"],
  Object.entries(KINDS).map(([kind, { describes }]) => [
    `\`${kind}\``,
    describes.kernel,
    describes.parameters,
    describes.run,
  ]),
)}

Transposed convolutions lie in the same planes; along the axis that a plane omits, values are repeated by the
stride, so that no holes appear. They have no soft form (channels are dealt as in \`acs\`) and are not drawn anew (in
\`3d\` and \`psc\` the 2D kernel is repeated along depth); lifting says so in a warning.

## Networks

\`architecture(name)\` of \`acsconv/models\`, \`acsconv new\`. Those of 2D have torchvision's names, of themselves and of their parameters,
and one definition; their 3D forms come from lifting alone. "3D by birth" are networks to compare with, with the names that
published files have.

${table(
  ["", "names"],
  [
    ...GROUPS.map(({ title, dimensions, task }) => [
      title,
      listed(
        ARCHITECTURES.filter((one) => one.dimensions === dimensions && one.task === task).map(
          ({ name }) => name,
        ),
      ),
    ]),
    [
      "heads for any encoder, built or from ONNX",
      "`segmentationHead` (the paper's FCN decoder), `classificationHead`; `replaceHead` for other classes",
    ],
    ["names of weights that are mapped", listed(Object.keys(NAME_MAPS))],
  ],
)}

Sizes that the paper gives, beside ours (parameters in float32, 10⁶ bytes):

${table(
  ["network", "paper", "ours", ""],
  paperSizes().map(({ network, paper, ours, why }) => [network, paper, ours, why]),
)}

## Training

What a network may hold is the gradient column above, and every kind of lifting. Names are those of configurations.

${table(
  ["", "there are"],
  [
    ["losses", `${listed(LOSS_NAMES)}; in code also \`meanSquaredError\``],
    ["optimisers", `${listed(OPTIMISER_NAMES)}, with PyTorch's update rules`],
    ["learning rate", `${listed(SCHEDULE_NAMES)}, each with warm-up`],
    ["augmentation", `${listed(AUGMENTATION_NAMES)}; in code also \`randomCentreCrop\``],
    ["metrics", listed(METRIC_NAMES)],
    [
      "also",
      "clipping by norm, accumulation, parameter groups, frozen parts, frozen BatchNorm, Dropout, a new head, early stop, recomputation within a memory budget",
    ],
    [
      "data",
      "labels of voxels: Medical Segmentation Decathlon, nnU-Net v1 and v2, a list of pairs, DICOM SEG as labels; patches with foreground oversampling. A class for each scan: a folder per class, a table, MedMNIST3D's npz",
    ],
    ["checkpoints", "safetensors; a resumed run ends with the same bits"],
    [
      "not there",
      "mixed precision, several devices, GPUs (untested), 4D targets, overlapping regions as labels",
    ],
  ],
)}

## Where we differ from the authors' package

The authors' Python package [ACSConv](https://github.com/M3DV/ACSConv) (compared at 95dc860) is the reference for
ordinary cases: odd kernels, with any padding and stride undilated, with "same" padding dilated, give the same numbers.
Ours follows one definition everywhere, a 3D convolution whose K³ kernel is zero off the centre plane, and so differs
where the package leaves it:

${table(
  ["case", "ACSConv", "acsconv"],
  [
    ['dilation without "same" padding', "reads off the centre", "centred"],
    [
      "even kernels that halve (k2s2p0, k4s2p1 …: ConvNeXt)",
      "tap k/2 − 1 on even sizes, k/2 on odd ones",
      'tap k/2; `compat: "acsconv-py"` takes k/2 − 1, for weights trained there',
    ],
    ["some sizes just above the kernel's reach", "throws, or returns another size than Conv3d", "works"],
    ["depthwise with stride on odd sizes", "throws", "works"],
    ["grouped convolutions (ResNeXt, RegNet)", "throws", "whole groups are dealt to the planes"],
    ["non-square kernels and strides (Inception)", "throws", "works; depth takes height's"],
    ["transposed convolutions", "not converted", "lifted"],
    ["padding mode reflect, replicate; circular", "zeros; throws", "as in 2D, along depth too"],
    ["interpolation and pooling called as functions", "stay 2D: throws, or pools H and W only", "lifted"],
    ["flattened heads (VGG, AlexNet)", "throws", "mean over depth, or `fc`"],
    ["PixelShuffle", "takes depth for channels", "lifted"],
    ["mean-acs, soft-acs", "three convolutions", "one convolution: a third of the activations"],
    ["BatchNorm after conversion", "in training mode until `.eval()`", "as exported"],
  ],
)}

## What is read and written

${table(
  ["", "read", "written", "in browsers"],
  [
    [
      "ONNX, with external data",
      "path, URL, Blob, bytes",
      "yes; external beyond 1.5 GB",
      "Blob, bytes, URL; without external data",
    ],
    ["NIfTI `.nii`, `.nii.gz`", "yes", "yes", "yes; written as bytes"],
    ["NRRD `.nrrd`, `.nhdr` (raw, gzip, text)", "yes", "`.nrrd`", "`.nrrd`; written as bytes"],
    ["MetaImage `.mha`, `.mhd`", "yes", "–", "`.mha`"],
    ["NumPy `.npy`, `.npz`", "yes", "yes", "yes; `.npz` written as bytes"],
    [
      "DICOM series: plain, RLE, JPEG, JPEG-LS, JPEG 2000",
      "folder or file",
      "–",
      "yes, from all files of a folder",
    ],
    [
      "DICOM segmentation (SEG)",
      "as labels, on an image's grid",
      "of a DICOM series",
      "yes; written as bytes",
    ],
    ["PNG montage", "–", "yes", "yes"],
    ["weights: PyTorch `.pth`, safetensors", "yes", "safetensors", "Blob, bytes"],
    ["weights: Keras `.h5`, `.hdf5` (gzip or none)", "yes", "–", "–"],
  ],
)}

## Devices

Through ONNX Runtime 1.30.

${table(
  ["device", "where", "tested"],
  Object.entries(TARGETS).map(([device, { where, tested }]) => [`\`${device}\``, where, tested]),
)}
`;
}

const GROUPS = [
  { title: "2D, classification", dimensions: 2, task: "classification" },
  { title: "2D, segmentation", dimensions: 2, task: "segmentation" },
  { title: "3D by birth, classification", dimensions: 3, task: "classification" },
  { title: "3D by birth, segmentation", dimensions: 3, task: "segmentation" },
] as const;

interface PaperSize {
  readonly network: string;
  readonly paper: string;
  readonly ours: string;
  readonly why: string;
}

/** Of tables 3, 4 and 7 of the paper. */
function paperSizes(): PaperSize[] {
  const megabytes = (parameterBytes: number): string => (parameterBytes / 1e6).toFixed(1);
  const built = (name: string, classes?: number): Model =>
    architecture(name, { kernels: "none", ...(classes !== undefined && { classes }) });
  const sizeOf = ({ graph }: Model, only = /./): string => {
    const names = parametersOf(graph, true).filter((name) => only.test(name));
    const counts = names.map((name) => elementCount(graph.initializers.get(name)!.dims));
    return megabytes(4 * counts.reduce((a, b) => a + b, 0));
  };
  const [unet, fcn] = [lift(built("poc_unet", 6)), lift(built("resnet18_fcn", 2))];
  const [deeplab, genesis] = [built("deeplabv3_resnet101"), built("models_genesis")];
  const dense = (model: Model): string =>
    megabytes(costsByKind(model, [48, 48, 48]).find(({ kind }) => kind === "3d")!.summary.parameterBytes);
  const file = "the paper's are sizes of files, as it seems, which hold a little more";
  return [
    { network: "U-Net, ACS", paper: "1.6", ours: sizeOf(unet), why: "" },
    { network: "U-Net, 3D", paper: "4.7", ours: dense(unet), why: "" },
    { network: "ResNet-18 FCN, ACS", paper: "49.8", ours: sizeOf(fcn), why: file },
    { network: "ResNet-18 FCN, 3D", paper: "142.5", ours: dense(fcn), why: file },
    {
      network: "Models Genesis",
      paper: "65.4",
      ours: sizeOf(genesis),
      why: `as published; without the three transposed convolutions, for which others interpolate, it has ${sizeOf(genesis, /^(?!.*\.up_conv\.)/)}`,
    },
    { network: "DeepLabV3 (the paper: v3+)", paper: "234.5", ours: sizeOf(deeplab), why: "" },
    { network: "… its backbone", paper: "170.0", ours: sizeOf(deeplab, /^backbone\./), why: "" },
  ];
}

function liftOf(op: Op, { lift }: OpRule): string {
  const note = LIFT_NOTES[op];
  if (note !== undefined) return note;
  return typeof lift === "function" ? "yes" : `no: ${lift.refuse}`;
}

const listed = (names: readonly string[]): string => names.map((name) => `\`${name}\``).join(", ");

function gradientOf(op: Op, { gradient }: OpRule): string {
  return gradient ? (GRADIENT_NOTES[op] ?? "yes") : "–";
}

function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(header), `|${header.map(() => "---|").join("")}`, ...rows.map(line)].join("\n");
}
