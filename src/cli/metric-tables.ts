/** @file Measured values as tables: a line for each class, a column for each metric. */

import { formatTable } from "../report/text-table.ts";
import type { Metrics } from "../model/evaluate.ts";
import type { LabelledData } from "../data/open.ts";
import { partsOf } from "../train/events.ts";

/** 0.8132; `–` for what nothing says anything about. */
export const formatValue = (value: number | undefined): string =>
  value === undefined || Number.isNaN(value) ? "–" : value.toFixed(4);

/**
 * @param metrics - as metrics give them: `dice` and `dice.liver`; `confusion.liver as tumour` become a table of their own
 * @param classes - in the order of their lines
 * @param counted - what a confusion matrix counts
 */
export function metricTables(metrics: Metrics, classes: readonly string[], counted: string): string {
  const names = Object.keys(metrics).map(partsOf);
  const columns = [...new Set(names.map(({ metric }) => metric))].filter((metric) => metric !== CONFUSION);
  const hasPart = (part: string): boolean => columns.some((metric) => `${metric}.${part}` in metrics);
  const lines = [
    ...classes
      .filter(hasPart)
      .map((part) => [part, ...columns.map((metric) => formatValue(metrics[`${metric}.${part}`]))]),
    ["all", ...columns.map((metric) => formatValue(metrics[metric]))],
  ];
  const tables = columns.length > 0 ? [formatTable(["class", ...columns], lines)] : [];
  const isCounted = names.some(({ metric }) => metric === CONFUSION);
  return [...tables, ...(isCounted ? [confusionTable(metrics, classes, counted)] : [])].join("\n\n");
}

/** What a confusion matrix of a data set counts. */
export const countedIn = ({ kind }: Pick<LabelledData, "kind">): string =>
  kind === "segmentation" ? "voxels" : "scans";

const CONFUSION = "confusion";

const confusionTable = (metrics: Metrics, classes: readonly string[], counted: string): string =>
  formatTable(
    [`${counted} that are`, ...classes.map((name) => `as ${name}`)],
    classes.map((truth) => [
      truth,
      ...classes.map((predicted) => String(metrics[`${CONFUSION}.${truth} as ${predicted}`])),
    ]),
  );
