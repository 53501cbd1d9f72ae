/**
 * @file Pages of tables, curves and pictures. Public as `acsconv/report/page`, apart from `acsconv/report`: curves are
 * drawn by libraries that a browser's worker, which only wants a picture of a scan, should neither load nor bundle.
 *
 * @module
 */

export type { Column } from "./html/table.ts";
export {
  type ReportChart,
  type ReportGallery,
  type ReportPage,
  type ReportSection,
  type ReportTable,
  reportPage,
} from "./report-page.ts";
