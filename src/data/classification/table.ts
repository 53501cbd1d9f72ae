/**
 * @file A table of scans and their classes:
 *
 *   file,label,split
 *   scans/a.nii.gz,benign,train
 *   scans/b/,malignant,test
 *
 * Paths start at the table's folder. The column `split` is optional; its values are train, val and test. Columns of
 * other names that hold these are taken for it where the name is usual, and else refused, but never ignored.
 */

import { parse } from "csv-parse/sync";
import { type AcsconvError, formatError, ioError, messageOf } from "../../base/errors.ts";
import { builtin, ioErrors } from "../../base/files.ts";
import { withoutEnding } from "../file-names.ts";
import type { ArrayNames } from "../folders.ts";
import { canReadVolume } from "../../volume/read.ts";
import {
  type ClassificationSet,
  classificationSet,
  type NamedScan,
  type SplitName,
  splitNamed,
} from "./data-set.ts";
import { requireNoSlice, scanIn } from "./files.ts";

/** A million rows of long paths. */
const MAX_BYTES = 2 ** 28;

/** Names of columns, without blanks, dashes and capitals. */
const COLUMNS = {
  file: ["file", "filename", "filepath", "path", "image", "imagepath", "scan"],
  label: ["label", "class", "target"],
  split: ["split", "subset"],
} as const;

/** Titles that may stand for the split, and for much else: their cells decide. */
const MAYBE_SPLIT: readonly string[] = ["set", "partition", "phase", "usage"];

const DELIMITERS = [",", ";", "\t"] as const;

/** A row, by the line of the file that it ends in. */
interface Row {
  readonly line: number;
  readonly cells: readonly string[];
}

/**
 * Reads a table, and makes sure that all of its files are there.
 *
 * @throws {@link AcsconvError} `io` for files that are missing; `format` for columns that are, rows without a label, files
 *   that are listed twice, a single class
 */
export async function openTable(path: string, arrays: ArrayNames): Promise<ClassificationSet> {
  const paths = builtin("node:path");
  const { readFile, stat } = builtin("node:fs/promises");
  const { size } = await ioErrors("read", path, () => stat(path));
  if (size > MAX_BYTES)
    throw formatError(`"${path}" has ${size} bytes, too many for a table of scans.`, { code: "E_LIMIT" });
  const text = await ioErrors("read", path, () => readFile(path, "utf8"));
  const { rows, columns } = parseTable(text, path);
  const root = paths.dirname(path);
  const where = `"${path}"`;
  requireCells(rows, columns.file, "a file", where);
  requireCells(rows, columns.label, "a label", where);
  const lines = new Map<string, number>();
  const scans: NamedScan[] = [];
  const missing: string[] = [];
  for (const { line, cells } of rows) {
    const name = cells[columns.file]!.replaceAll("\\", "/");
    const file = paths.resolve(root, name);
    const before = lines.get(file);
    if (before !== undefined)
      throw formatError(
        `${where} lists "${name}" twice, in lines ${before} and ${line}: a scan has one row.`,
      );
    lines.set(file, line);
    const found = await stat(file).catch(() => undefined);
    if (!found) missing.push(`"${name}" of line ${line}`);
    else if (found.isFile() && !canReadVolume(file) && /\.(?!dcm|ima)[a-z_]\w*$/i.test(name))
      throw formatError(
        `Line ${line} of ${where}: "${name}" is no volume that we read: expected .nii.gz, .nii, .nrrd, .mha, .npy, .npz, or a DICOM folder.`,
      );
    else if (found.isFile() && !canReadVolume(file)) await requireNoSlice(file, `Line ${line} of ${where}`);
    const split = columns.split === undefined ? undefined : splitOf(cells[columns.split]!, line, where);
    scans.push(scanIn(file, { name, label: cells[columns.label]!, split }, arrays));
  }
  if (missing.length > 0)
    throw ioError(
      `Files that ${where} lists are missing, ${missing.length} of ${rows.length}: the first is ${missing[0]}, looked for from "${root}".`,
      { code: "E_NOT_FOUND" },
    );
  return classificationSet(withoutEnding(paths.basename(path)), scans, where);
}

type Columns = { readonly [K in keyof typeof COLUMNS]: K extends "split" ? number | undefined : number };

function parseTable(
  text: string,
  path: string,
): { readonly rows: readonly Row[]; readonly columns: Columns } {
  const where = `"${path}"`;
  const first = text.split(/\r?\n|\r/).find((line) => line.trim() !== "") ?? "";
  // What parts the titles into names that are known.
  const delimiter =
    DELIMITERS.find((one) => {
      const titles = first.split(one).map((title) => title.replaceAll(/["\uFEFF]/g, "").trim());
      return columnsOf(titles, "label").length > 0;
    }) ?? ",";
  const [header, ...rows] = records(text, delimiter, where);
  const titles = header?.cells ?? [];
  const [file, label, split] = (["file", "label", "split"] as const).map((what) =>
    columnOf(titles, what, where),
  );
  if (file === undefined || label === undefined) {
    const lacks =
      file === undefined
        ? label === undefined
          ? "neither"
          : "no column for the file"
        : "no column for the label";
    throw formatError(
      `${where} should begin with a line of titles, ${COLUMNS.file.join("/")} and ${COLUMNS.label.join("/")}, with commas, semicolons or tabs between: it has ${lacks} among ${titles.map((title) => `"${title.slice(0, 40)}"`).join(", ") || "none"}.`,
    );
  }
  const odd = rows.find(({ cells }) => cells.length !== titles.length);
  if (odd)
    throw formatError(
      `Line ${odd.line} of ${where} has ${odd.cells.length} cells, and there are ${titles.length} titles: put a cell that holds "${delimiter}" into quotes.`,
    );
  return { rows, columns: { file, label, split: split ?? splitColumn(titles, rows, [file, label], where) } };
}

/** The column that divides the data without being called `split`; rows to test with must not be trained on. */
function splitColumn(
  titles: readonly string[],
  rows: readonly Row[],
  used: readonly number[],
  where: string,
): number | undefined {
  const found = titles.flatMap((title, column) => {
    if (used.includes(column)) return [];
    const cells = rows.map(({ cells }) => cells[column]!).filter((cell) => cell !== "");
    const splits = cells.filter((cell) => splitNamed(cell)).length;
    const isUsual = MAYBE_SPLIT.includes(plainTitle(title));
    return splits > 0 && (isUsual || splits === cells.length) ? [{ title, column, isUsual }] : [];
  });
  const [first, second] = found;
  if (second)
    throw formatError(
      `${where} has several columns that hold train, val or test, "${first!.title}" and "${second.title}": keep one of them, called split.`,
    );
  if (first && !first.isUsual)
    throw formatError(
      `The column "${first.title}" of ${where} holds train, val or test: call it split if it divides the data, or remove it.`,
    );
  return first?.column;
}

function records(text: string, delimiter: string, where: string): Row[] {
  try {
    const found = parse(text, {
      bom: true,
      delimiter,
      info: true,
      relax_column_count: true,
      skip_empty_lines: true,
      trim: true,
    }) as unknown as { readonly record: string[]; readonly info: { readonly lines: number } }[];
    return found
      .map(({ record, info }) => ({ line: info.lines, cells: record }))
      .filter(({ cells }) => cells.some((cell) => cell !== ""));
  } catch (cause) {
    throw formatError(`${where} is no table: ${messageOf(cause).replace(/\.$/, "")}.`, { cause });
  }
}

/** The columns of such a title. */
function columnsOf(titles: readonly string[], what: keyof typeof COLUMNS): readonly number[] {
  const known: readonly string[] = COLUMNS[what];
  return titles.flatMap((title, i) => (known.includes(plainTitle(title)) ? [i] : []));
}

const plainTitle = (title: string): string => title.toLowerCase().replaceAll(/[\s_-]/g, "");

function columnOf(titles: readonly string[], what: keyof typeof COLUMNS, where: string): number | undefined {
  const found = columnsOf(titles, what);
  if (found.length > 1)
    throw formatError(
      `${where} has several columns for the ${what}, ${found.map((i) => `"${titles[i]}"`).join(" and ")}: keep one of them.`,
    );
  return found[0];
}

/** @throws {@link AcsconvError} for rows whose cell is empty */
function requireCells(rows: readonly Row[], column: number, what: string, where: string): void {
  const empty = rows.filter(({ cells }) => cells[column] === "");
  if (empty.length === 0) return;
  throw formatError(
    `${where} has ${empty.length === 1 ? "a row" : `${empty.length} rows`} without ${what}, ${empty.length === 1 ? "" : "the first "}in line ${empty[0]!.line}: fill it in, or leave the row out.`,
  );
}

function splitOf(cell: string, line: number, where: string): SplitName {
  const split = splitNamed(cell);
  if (split) return split;
  throw unknownSplit(cell, line, where);
}

const unknownSplit = (cell: string, line: number, where: string): AcsconvError =>
  formatError(`Line ${line} of ${where} has the split "${cell}": expected train, val or test.`);
