/** @file The DICOM series in a folder, and choosing one of them. */

import { formatError, inputError } from "../../base/errors.ts";
import { printable } from "../../base/printable.ts";
import { type DicomInput, inputName, listFiles } from "./files.ts";
import { type DicomFile, readHeader } from "./headers.ts";
import { isSegmentationClass } from "./segmentation-class.ts";

/** Files whose headers are read at once. */
const BATCH = 16;
/** An error that lists series or volumes names this many. */
const MAX_LISTED = 20;

/** One series of a study: files that were made, or are to be seen, together. */
export interface DicomSeries {
  readonly uid: string;
  readonly number: number;
  /** As it is written; shown by {@link printable}. */
  readonly description: string;
  readonly modality: string;
  readonly sopClass: string;
  /** In the order of their names. */
  readonly files: readonly DicomFile[];
}

/** What a user says: the UID of a series, or its place in the list, and the place of a volume in it. */
export interface SeriesChoice {
  readonly series?: string | number;
  readonly volume?: number;
}

/** `"1.2.3"`, `2`, `"2"`, `"1.2.3:1"`, `"2:1"`: a series, and a volume of it. */
export function seriesChoice(wanted: string | number | undefined): SeriesChoice {
  if (typeof wanted !== "string") return { series: wanted };
  const [, series = "", volume] = /^([^:]*)(?::(\d+))?$/.exec(wanted) ?? [];
  if (series === "" && volume === undefined) return { series: wanted };
  return {
    ...(series !== "" && { series: /^\d+$/.test(series) ? Number(series) : series }),
    ...(volume !== undefined && { volume: Number(volume) }),
  };
}

/**
 * All series of a folder (subfolders included), of files, or of one file, by their headers alone. In the order of their
 * numbers, so that places in the list are always the same.
 *
 * @throws {@link AcsconvError} `io`; `format` if there is no DICOM image at all
 */
export async function openDicom(
  input: DicomInput,
  onWarning: (sentence: string) => void,
): Promise<readonly DicomSeries[]> {
  const sources = await listFiles(input);
  const files: DicomFile[] = [];
  const others: string[] = [];
  for (let i = 0; i < sources.length; i += BATCH) {
    const batch = sources.slice(i, i + BATCH);
    const read = await Promise.all(batch.map(readHeader));
    read.forEach((file, k) => (file ? files.push(file) : others.push(batch[k]!.name)));
  }
  if (files.length === 0)
    throw formatError(`"${inputName(input)}" holds no DICOM images, only ${sources.length} other files.`);
  const misnamed = others.filter((name) => /\.(dcm|ima)$/i.test(name));
  if (misnamed.length > 0)
    onWarning(
      `Files without a DICOM image are left out: ${misnamed.length}, such as "${printable(misnamed[0]!)}".`,
    );
  const bySeries = new Map<string, DicomFile[]>();
  for (const file of files) {
    // Broken anonymisers give the series of several studies one UID.
    const key = JSON.stringify([file.series || file.seriesNumber, file.study]);
    const others = bySeries.get(key);
    if (others) others.push(file);
    else bySeries.set(key, [file]);
  }
  return [...bySeries.values()]
    .map((files) => ({
      uid: files[0]!.series,
      number: files[0]!.seriesNumber,
      description: files[0]!.description,
      modality: files[0]!.modality,
      sopClass: files[0]!.sopClass,
      files,
    }))
    .sort((a, b) => a.number - b.number || (a.uid < b.uid ? -1 : 1));
}

/**
 * The series that is wanted, or the only one.
 *
 * @param wanted - see {@link seriesChoice}
 * @throws {@link AcsconvError} `input`, listing them, if there are several or not that one
 */
export function chooseSeries(
  all: readonly DicomSeries[],
  input: DicomInput,
  wanted?: string | number,
): DicomSeries {
  const { series: choice } = seriesChoice(wanted);
  // A segmentation beside its images is no image to choose from.
  const images = all.filter(({ sopClass }) => !isSegmentationClass(sopClass));
  const some = images.length > 0 ? images : all;
  const named = all.filter(({ uid }) => uid === choice);
  const chosen =
    choice === undefined
      ? some.length === 1 && some[0]
      : named.length > 0
        ? named.length === 1 && named[0]
        : typeof choice === "number" && some[choice];
  if (chosen) return chosen;
  const problem =
    choice === undefined
      ? "choose one with `series`, by number or UID"
      : named.length > 0
        ? `${named.length} of them, of different studies, have the UID "${printable(String(choice))}": choose one by number`
        : `none of them is "${printable(String(choice))}"`;
  throw inputError(
    `"${inputName(input)}" holds ${some.length} DICOM series, ${problem} (${listed(some.map(describe))}).`,
    { code: "E_AMBIGUOUS" },
  );
}

/** Rows of a list that an error shows, with their places. */
export function listed(rows: readonly string[]): string {
  const more = rows.length > MAX_LISTED ? `; and ${rows.length - MAX_LISTED} more` : "";
  return (
    rows
      .slice(0, MAX_LISTED)
      .map((row, i) => `${i}: ${row}`)
      .join("; ") + more
  );
}

function describe({ modality, description, files, uid }: DicomSeries): string {
  const kind = [modality, description && `"${description}"`].filter(Boolean).join(" ") || "unnamed";
  const images = files.reduce((sum, { frames }) => sum + Math.max(1, frames.length), 0);
  const sizes = [...new Set(files.map(({ columns, rows }) => `${columns} × ${rows}`))];
  const size = sizes.length === 1 ? `${sizes[0]!} pixels` : "several sizes";
  return printable(`${kind}, ${images} images, ${uid}, ${size}`);
}

/** How messages call a series. */
export const seriesName = ({ description, uid }: DicomSeries, input: DicomInput): string =>
  `DICOM series "${printable(description || uid)}" in "${inputName(input)}"`;

/** Throws what is wrong with a file of the series, if anything is. */
export function checkFiles({ files }: DicomSeries): void {
  const fault = files.find((file) => file.fault)?.fault;
  if (fault) throw fault;
}
