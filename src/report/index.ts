/**
 * @file What a network costs, and pictures of volumes. Public as `acsconv/report`.
 *
 * @module
 */

export { encodePng, type Rgb, type RgbImage } from "./image.ts";
export {
  costsByKind,
  type KindCost,
  type LiftReport,
  liftReport,
  type NodeCost,
  sizesFor,
} from "./lift-report.ts";
export { grid, montage, type MontageOptions, type Overlay } from "./montage.ts";
export { renderLabels } from "./rendering.ts";
export { type Elements, greys, type Slice, slicePicture } from "./slices.ts";
export { type LayerSummary, type NetworkSummary, summarise } from "./summary.ts";
