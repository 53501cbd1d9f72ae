/** @file Numbers as people read them. */

/** 11.7 M, 4.66 k, 389 */
export function compact(value: number | undefined): string {
  if (value === undefined) return "?";
  const units = [
    [1e12, "T"],
    [1e9, "G"],
    [1e6, "M"],
    [1e3, "k"],
  ] as const;
  const unit = units.find(([size]) => Math.abs(value) >= size);
  return unit ? `${significant(value / unit[0])} ${unit[1]}` : String(Math.round(value));
}

/** 46.8 MB (powers of ten, as model files are listed) */
export const bytes = (value: number | undefined): string =>
  value === undefined ? "?" : `${compact(value)}B`.replace(/^(\d+)B$/, "$1 B");

const significant = (value: number): string =>
  value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
