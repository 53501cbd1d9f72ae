/**
 * @file Names of weights in published checkpoints, brought to those of torchvision, which our networks have.
 *
 * Only names change. Sizes may differ by axes of length 1 at the end, which `loadWeights` adds and drops: a linear layer
 * [O, I] is a convolution [O, I, 1, 1], and ConvNeXt's `gamma` [C] is torchvision's `layer_scale` [C, 1, 1].
 *
 * @see https://github.com/pytorch/vision/blob/v0.14.0/torchvision/models/densenet.py
 * @see https://github.com/facebookresearch/ConvNeXt/blob/048efcea897d999aed302f2639b6270aedf8d4c8/models/convnext.py
 */

/** The name that a weight of a file has in the network; nothing for one that is not wanted. */
export type NameMap = (name: string) => string | undefined;

/** A published family of checkpoints. */
export type NameMapName = keyof typeof NAME_MAPS;

/** Renames by the first rule that fits. */
const byRules =
  (...rules: readonly (readonly [RegExp, string])[]): NameMap =>
  (name) => {
    const rule = rules.find(([pattern]) => pattern.test(name));
    return rule ? name.replace(...rule) : name;
  };

const isHead = (name: string): boolean => /^(fc|classifier|head)\./.test(name);

/** Rules of the parts of a block: Facebook's names, torchvision's. */
const CONVNEXT_BLOCK = { dwconv: "block.0", norm: "block.2", pwconv1: "block.3", pwconv2: "block.5" };

/** Facebook counts stages and what leads to them apart, torchvision in one row: 0 the stem, 1 stage 0, 2 on to stage 1 … */
function convnext(name: string): string {
  const lead = /^downsample_layers\.(\d+)\.(.*)$/.exec(name);
  if (lead) return `features.${2 * Number(lead[1])}.${lead[2]}`;
  const block = /^stages\.(\d+)\.(\d+)\.(.*)$/.exec(name);
  if (!block) return name.replace(/^norm\./, "classifier.0.").replace(/^head\./, "classifier.2.");
  const within = block[3]!
    .replace(/^gamma$/, "layer_scale")
    .replace(
      /^(dwconv|norm|pwconv1|pwconv2)\./,
      (_, part: keyof typeof CONVNEXT_BLOCK) => `${CONVNEXT_BLOCK[part]}.`,
    );
  return `features.${2 * Number(block[1]) + 1}.${block[2]}.${within}`;
}

/** Checkpoints whose names are known. Nothing is needed for those of torchvision of today. */
export const NAME_MAPS = {
  /** torchvision's ImageNet classifiers; DenseNets of before 2018 have `norm.1` for `norm1`. */
  torchvision: byRules([/(denselayer\d+\.)(norm|conv)\.([12])\./, "$1$2$3."]),
  /** The same for a network that has the classifier as its `backbone`, without the classifier's head. */
  "torchvision-backbone": (name) => (isHead(name) ? undefined : `backbone.${name}`),
  /** torchvision's DeepLab and FCN of COCO, without the auxiliary classifier, which is for training. */
  "torchvision-coco": (name) => (name.startsWith("aux_classifier.") ? undefined : name),
  /** ResNets of timm: as torchvision's, but for a head that newer ones have in `head.fc`. */
  "timm-resnet": byRules([/^head\.fc\./, "fc."]),
  /** ConvNeXt as Facebook published it. */
  "facebook-convnext": convnext,
} as const satisfies Readonly<Record<string, NameMap>>;
