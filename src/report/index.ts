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
export { grid, middleOfLabels, montage, type MontageOptions, type Overlay } from "./montage.ts";
export { renderLabels } from "./rendering.ts";
export { type Elements, greys, heat, labelPaint, type Slice, sliceIndices, slicePicture } from "./slices.ts";
export { type LayerSummary, type NetworkSummary, summarise } from "./summary.ts";
export { formatTable } from "./text-table.ts";
