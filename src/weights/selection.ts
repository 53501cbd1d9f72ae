/**
 * @file Which weights of a network are meant: by name, and as transfer learning speaks of them. A pretrained
 * network is taken over whole, or its encoder alone, as Table 7 of the paper compares.
 *
 * @see Yang et al., arXiv:1911.10477
 */

/**
 * Names of weights: a text in which `*` stands for any letters (`layer1.*`, `*.bias`), an expression that
 * finds something in the name, or a function; of several, one has to hold.
 */
export type NamePattern = string | RegExp | ((name: string) => boolean) | readonly NamePattern[];

/** What of a pretrained network is taken over. */
export type Transfer =
  "whole" | "encoder" | { readonly include?: NamePattern; readonly exclude?: NamePattern };

/** Whether a pattern holds for a name. */
export function matches(pattern: NamePattern, name: string): boolean {
  if (typeof pattern === "function") return pattern(name);
  if (pattern instanceof RegExp) return name.search(pattern) >= 0;
  if (typeof pattern === "string") return isGlob(pattern, name);
  return pattern.some((one) => matches(one, name));
}

/** `*` stands for any letters: the parts between follow each other, the first at the start, the last at the end. */
function isGlob(pattern: string, name: string): boolean {
  const [first = "", ...rest] = pattern.split("*");
  const last = rest.pop();
  if (last === undefined) return name === first;
  let at = first.length;
  for (const part of rest) {
    const found = name.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return name.startsWith(first) && name.endsWith(last) && name.length - last.length >= at;
}

/** What encoders are called: torchvision's `backbone`, `features` and `layer1`, the U-Net's `enc1`, H-DenseUNet's `conv2_1_x1` … */
const ENCODER =
  /^(backbone|encoder|enc\d+|down_?tr\d+|features|(3d)?conv1|bn1|layer\d+|(3d)?conv\d+_(\d+_x[12]|blk|bn|scale)(_bn|_scale)?)\./;

/**
 * The weights that a transfer takes, as the `only` of {@link loadWeights}. `encoder` goes by the usual names:
 * `backbone.`, `encoder.`, `enc1.`, `features.`, `layer1.` …; networks with others need `include`.
 *
 * @example
 * await loadWeights(deeplab, "deeplabv3_resnet101_coco.pth", { only: transferred("encoder") });
 */
export function transferred(transfer: Transfer): (name: string) => boolean {
  if (transfer === "whole") return () => true;
  const { include = () => true, exclude = [] } = transfer === "encoder" ? { include: ENCODER } : transfer;
  return (name) => matches(include, name) && !matches(exclude, name);
}
