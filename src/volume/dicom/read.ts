/** @file Volumes from DICOM: headers tell series and volumes apart and place their images, dcm2niix decodes them. */

import { formatError, inputError } from "../../base/errors.ts";
import { failOf } from "../../formats/foreign.ts";
import { printable } from "../../base/printable.ts";
import type { Volume } from "../volume.ts";
import { convert } from "./convert.ts";
import { withoutCopies } from "./copies.ts";
import type { DicomInput } from "./files.ts";
import type { DicomFile } from "./headers.ts";
import { isSegmentationClass } from "./segmentation-class.ts";
import { chooseSeries, checkFiles, listed, openDicom, seriesChoice, seriesName } from "./series.ts";
import { type Stack, stackImages } from "./stack.ts";
import { SYNTAX_KINDS } from "./syntaxes.ts";
import type { Part } from "./parts.ts";
import { formatFault } from "./pixel-format.ts";
import { volumeOf } from "./voxels.ts";
import { warningsOf } from "./warnings.ts";

export interface DicomOptions {
  /** Which series, and which volume of it: see {@link seriesChoice}. */
  readonly series?: string | number;
  /** Told of what is odd but can be read. */
  readonly onWarning: (sentence: string) => void;
}

/**
 * Reads a volume of one series.
 *
 * @throws {@link AcsconvError} `format` or `io`; `input`, listing them, if there are several series, or several volumes in
 *   one, and none is chosen
 */
export async function readDicom(
  input: DicomInput,
  { series: wanted, onWarning }: DicomOptions,
): Promise<Volume> {
  const series = chooseSeries(await openDicom(input, onWarning), input, wanted);
  const what = seriesName(series, input);
  if (isSegmentationClass(series.sopClass))
    throw formatError(`${what} is a segmentation, not an image: it can only be read as labels.`, {
      code: "E_UNSUPPORTED",
    });
  checkFiles(series);
  const files = await withoutCopies(series.files);
  const stack = stackImages(files, what, onWarning);
  checkFormats(files);
  const { images } = chooseVolume(stack, seriesChoice(wanted).volume, what);
  tellValues(files, what, onWarning);
  const { bytes, lines } = await convert(images, what);
  for (const warning of warningsOf(lines)) onWarning(`${what}: ${warning.replace(/\.$/, "")}.`);
  return volumeOf(bytes, images, stack.grid, what);
}

/** Refuses what dcm2niix does not decode. */
function checkFormats(files: readonly DicomFile[]): void {
  for (const file of files) {
    const fault = formatFault(file);
    if (fault) failOf(file.source.name)(fault, "E_UNSUPPORTED");
  }
}

/** The volume that is wanted, or the only one. */
export function chooseVolume(
  { grid: { shape }, volumes }: Stack,
  wanted: number | undefined,
  what: string,
): Part {
  const chosen = wanted === undefined ? volumes.length === 1 && volumes[0] : volumes[wanted];
  if (chosen) return chosen;
  const problem =
    wanted === undefined
      ? "choose one with `series`, by its place in this list behind a colon, as in `0:1`"
      : `none of them is "${wanted}"`;
  const [depth, height, width] = shape;
  const size = `${depth} images of ${width} × ${height} pixels`;
  const rows = volumes.map(({ label }) => (label ? `${label}, ${size}` : size));
  throw inputError(
    `${what} holds ${volumes.length * depth} images at ${depth} positions, which make ${volumes.length} volumes (time points, echoes?); ${problem} (${listed(rows)}).`,
    { code: "E_AMBIGUOUS" },
  );
}

/** What stored numbers mean beyond slope and intercept. */
function tellValues(files: readonly DicomFile[], what: string, onWarning: (sentence: string) => void): void {
  if (files.some(({ hasLut }) => hasLut))
    onWarning(
      `${what} gives its values by a table, ModalityLUTSequence (0028,3000), which is not applied: voxels hold the stored numbers.`,
    );
  const { format, transferSyntax } = files[0]!;
  const { colours } = format;
  const kind = SYNTAX_KINDS[transferSyntax];
  const coded = colours.startsWith("YBR") && (kind === "raw" || kind === "RLE");
  if (coded || colours.startsWith("PALETTE"))
    onWarning(
      `${what} codes its colours as ${printable(colours)} (0028,0004), which is not decoded: voxels hold the stored numbers.`,
    );
  const dose = files.find(({ doseScaling }) => doseScaling !== undefined)?.doseScaling;
  if (dose !== undefined && dose !== 1)
    onWarning(
      `${what} is a dose, whose DoseGridScaling (3004,000e) of ${dose} is not applied: voxels hold the stored numbers.`,
    );
}
