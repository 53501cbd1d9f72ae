/** @file Volumes from DICOM: headers tell series apart and place their images, dcm2niix sorts and decodes them. */

import { formatError, inputError } from "../../base/errors.ts";
import { printable } from "../../base/printable.ts";
import { UNCOMPRESSED } from "./extent.ts";
import { type Vec3, cross } from "../vec3.ts";
import { type Volume, voxelCount } from "../volume.ts";
import { type Converted, convert } from "./convert.ts";
import { withoutCopies } from "./copies.ts";
import type { DicomInput } from "./files.ts";
import type { DicomFile } from "./headers.ts";
import { isSegmentationClass } from "./segmentation-class.ts";
import { chooseSeries, checkFiles, listed, openDicom, seriesChoice, seriesName } from "./series.ts";
import { type Stack, stackImages } from "./stack.ts";
import { type Contents, contentsOf, signsOf, turnedGrid, volumeOf } from "./voxels.ts";
import { warningsOf } from "./warnings.ts";

export interface DicomOptions {
  /** Which series, and which volume of it: see {@link seriesChoice}. */
  readonly series?: string | number;
  /** Told of what is odd but can be read. */
  readonly onWarning: (sentence: string) => void;
}

/** A volume that can be chosen. */
interface Candidate {
  readonly output: Converted;
  readonly contents: Contents;
  /** Which of those in the file. */
  readonly place: number;
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
  tellValues(files, what, onWarning);

  const pixels = files.reduce((sum, file) => sum + file.frames.length * file.rows * file.columns, 0);
  const { outputs, lines } = await convert(files, pixels * files[0]!.bytesPerPixel, stack, what);
  for (const warning of warningsOf(lines)) onWarning(`${what}: ${warning.replace(/\.$/, "")}.`);
  const unsigned32 = files.every((file) => file.unsigned32);
  if (unsigned32 && !sharesRescale(files))
    throw formatError(
      `${what} has unsigned pixels of 32 bits whose slopes differ, which dcm2niix takes for signed ones: convert it with other software.`,
      { code: "E_UNSUPPORTED" },
    );
  const candidates = outputs.flatMap((output): Candidate[] => {
    const contents = contentsOf(output, unsigned32, what);
    return Array.from({ length: contents.header.channels }, (_, place) => ({ output, contents, place }));
  });
  const decoded = candidates.reduce((sum, { contents }) => sum + voxelCount(contents.header.grid), 0);
  if (decoded < pixels)
    throw formatError(
      `${what} holds ${pixels} pixels, of which dcm2niix decodes ${decoded}: some of its images are damaged or of another kind.`,
    );
  const chosen = chooseVolume(candidates, seriesChoice(wanted).volume, stack, what);
  return place(chosen, files, stack);
}

/** Headers place a volume more exactly than NIfTI does; where dcm2niix has parted the images, it places the parts. */
function place({ contents, place }: Candidate, files: readonly DicomFile[], stack: Stack): Volume {
  const from = contents.header.grid;
  const whole = from.shape.every((size, i) => size === stack.grid.shape[i]);
  const [row, column] = files[0]!.frames[0]!.orientation ?? [
    stack.grid.direction[2],
    stack.grid.direction[1],
  ];
  const signs = signsOf(from, whole ? stack.grid.direction : [cross(row, column), column, row]);
  const [, h, w] = signs;
  const turned: Vec3 = stack.asStored ? [1, h, w] : signs;
  const rescales = stack.frames?.map(({ rescale }) => rescale);
  return whole
    ? volumeOf(contents, place, stack.grid, turned, rescales)
    : volumeOf(contents, place, turnedGrid(from, turned), turned, undefined);
}

function chooseVolume(
  all: readonly Candidate[],
  wanted: number | undefined,
  { grid, volumes }: Stack,
  what: string,
): Candidate {
  const chosen = wanted === undefined ? all.length === 1 && all[0] : all[wanted];
  if (chosen) return chosen;
  const images = volumes * grid.shape[0];
  const problem =
    wanted === undefined
      ? "choose one with `series`, by its place in this list behind a colon, as in `0:1`"
      : `none of them is "${wanted}"`;
  throw inputError(
    `${what} holds ${images} images at ${grid.shape[0]} positions, which make ${all.length} volumes (time points, echoes?); ${problem} (${listed(all.map(describe))}).`,
    { code: "E_AMBIGUOUS" },
  );
}

function describe({ output: { suffix, about }, contents: { header }, place }: Candidate): string {
  const [depth, height, width] = header.grid.shape;
  const { EchoTime: echo } = about;
  return [
    suffix && `"${suffix}"`,
    typeof echo === "number" && `echo time ${+(1000 * echo).toFixed(3)} ms`,
    header.channels > 1 && `${place + 1} of ${header.channels} in time`,
    `${depth} images of ${width} × ${height} pixels`,
  ]
    .filter(Boolean)
    .join(", ");
}

/** Whether all images have the same slope and intercept. */
function sharesRescale(files: readonly DicomFile[]): boolean {
  const [first, ...others] = files.flatMap(({ frames }) => frames.map(({ rescale }) => rescale));
  return others.every(([slope, inter]) => slope === first![0] && inter === first![1]);
}

/** What stored numbers mean beyond slope and intercept. */
function tellValues(files: readonly DicomFile[], what: string, onWarning: (sentence: string) => void): void {
  if (files.some(({ hasLut }) => hasLut))
    onWarning(
      `${what} gives its values by a table, ModalityLUTSequence (0028,3000), which is not applied: voxels hold the stored numbers.`,
    );
  const colours = files[0]!.colours;
  const coded = colours.startsWith("YBR") && UNCOMPRESSED.includes(files[0]!.transferSyntax);
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
