/** @file Numbers over seeds, as data and as text. */

/** Over seeds. Parts of 1, seconds … as measured. */
export interface Statistic {
  /** In the order of the seeds; null where there is none yet. */
  readonly perSeed: readonly (number | null)[];
  /** Of those that there are. */
  readonly mean: number;
  /** Of the sample (divided by n − 1), from two seeds on. */
  readonly std?: number;
}

/** undefined where no seed has a number. */
export function statistic(values: readonly (number | undefined)[]): Statistic | undefined {
  const known = values.filter((value): value is number => Number.isFinite(value));
  if (known.length === 0) return undefined;
  const mean = known.reduce((sum, value) => sum + value, 0) / known.length;
  const squares = known.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return {
    perSeed: values.map((value) => (Number.isFinite(value) ? value! : null)),
    mean,
    ...(known.length > 1 && { std: Math.sqrt(squares / (known.length - 1)) }),
  };
}

/** 95.4, 95.4 ± 0.3: parts of 1 as per cent; a dash for what is not known. */
export function percent(value: number | Statistic | undefined, digits = 1): string {
  if (value === undefined) return "–";
  const { mean, std } = typeof value === "number" ? { mean: value } : value;
  const text = (part: number): string => (100 * part).toFixed(digits);
  return std === undefined ? text(mean) : `${text(mean)} ± ${text(std)}`;
}

/** 46.8 MB, 1.56 GB: powers of ten, as model files are listed */
export function bytesText(bytes: number): string {
  const power = Math.max(0, Math.min(4, Math.floor(Math.log10(bytes || 1) / 3)));
  const value = bytes / 1000 ** power;
  return `${power === 0 ? value : value.toFixed(value >= 100 ? 0 : value >= 10 ? 1 : 2)} ${["B", "kB", "MB", "GB", "TB"][power]}`;
}
