/** @file Published names and torchvision's, checked against the names that torchvision 0.14 gives its networks. */

import { expect, test } from "vitest";
import { NAME_MAPS, type NameMapName } from "./name-maps.ts";

test.each<[NameMapName, string, string | undefined]>([
  [
    "torchvision",
    "features.denseblock1.denselayer2.norm.1.running_mean",
    "features.denseblock1.denselayer2.norm1.running_mean",
  ],
  [
    "torchvision",
    "features.denseblock4.denselayer16.conv.2.weight",
    "features.denseblock4.denselayer16.conv2.weight",
  ],
  ["torchvision", "features.transition1.norm.weight", "features.transition1.norm.weight"],
  ["torchvision", "layer1.0.downsample.1.weight", "layer1.0.downsample.1.weight"],
  ["torchvision-backbone", "layer4.2.conv3.weight", "backbone.layer4.2.conv3.weight"],
  ["torchvision-backbone", "fc.weight", undefined],
  ["torchvision-coco", "classifier.0.convs.4.1.weight", "classifier.0.convs.4.1.weight"],
  ["torchvision-coco", "aux_classifier.4.bias", undefined],
  ["timm-resnet", "layer1.0.conv1.weight", "layer1.0.conv1.weight"],
  ["timm-resnet", "head.fc.weight", "fc.weight"],
  ["facebook-convnext", "downsample_layers.0.0.weight", "features.0.0.weight"],
  ["facebook-convnext", "downsample_layers.0.1.bias", "features.0.1.bias"],
  ["facebook-convnext", "downsample_layers.3.1.weight", "features.6.1.weight"],
  ["facebook-convnext", "stages.0.2.gamma", "features.1.2.layer_scale"],
  ["facebook-convnext", "stages.2.8.dwconv.weight", "features.5.8.block.0.weight"],
  ["facebook-convnext", "stages.3.0.norm.bias", "features.7.0.block.2.bias"],
  ["facebook-convnext", "stages.1.1.pwconv1.weight", "features.3.1.block.3.weight"],
  ["facebook-convnext", "stages.1.1.pwconv2.bias", "features.3.1.block.5.bias"],
  ["facebook-convnext", "norm.weight", "classifier.0.weight"],
  ["facebook-convnext", "head.bias", "classifier.2.bias"],
])("%s: %s → %s", (map, name, expected) => {
  expect(NAME_MAPS[map](name)).toBe(expected);
});
