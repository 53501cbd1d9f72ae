/**
 * @file Whether the images of a series make up evenly spaced volumes, and where these lie: images that are missing, of
 * different kinds, or lie beside the others make none.
 *
 * @see https://dicom.nema.org/medical/dicom/current/output/chtml/part03/sect_C.7.6.2.html
 */

import { formatError } from "../../base/errors.ts";
import { printable } from "../../base/printable.ts";
import { gridFromSteps } from "../geometry.ts";
import { type Mat3, type Vec3, cross, dot, norm, scale, subtract, unit } from "../vec3.ts";
import { type Grid, plainGrid } from "../volume.ts";
import type { DicomFile } from "./headers.ts";
import { type Image, type Part, partsOf } from "./parts.ts";

/** Volumes of a series, all at one place. */
export interface Stack {
  readonly grid: Grid;
  /** One, or as many as there are images at each position: time points, echoes … */
  readonly volumes: readonly Part[];
}

/** Tells what is odd: `<the series> <problem>.` */
type Tell = (problem: string) => void;
/** Refuses a series: `<the series> <problem>.` */
type Refuse = (problem: string) => never;

/** Direction cosines are written with few digits; larger differences are other orientations. */
const SAME_DIRECTION = 1e-3;
/** Cosines whose lengths differ from 1, or whose axes from a right angle, by more than this are no rounding. */
const ORTHONORMAL = 1e-2;
/** Positions closer than this, in mm, are one position. */
const SAME_POSITION = 1e-3;
/** Gaps that differ by more than this part of the spacing are worth a word. */
const UNEVEN = 0.02;
/** Gaps of more than this many spacings are where slices are missing. */
const MISSING = 1.5;
/** Slices that lie further than this part of the spacing from where even ones would be make no volume. */
const MAX_OFF = 0.1;
/** In pixels: images that lie beside the line of the others by more are told of, and refused. */
const BESIDE = { told: 0.1, refused: 0.5 } as const;
/** No gantry tilts so far that a slice lies more beside the next than above it. */
const MAX_TILT = Math.SQRT1_2;

/** An image that says where it lies. */
interface Placed extends Image {
  readonly position: Vec3;
  readonly orientation: readonly [Vec3, Vec3];
  readonly pixelSpacing: readonly [number, number];
}

/**
 * Spacing is that of the positions; thickness tags say nothing about gaps. A tilted gantry makes a sheared grid.
 *
 * @param what - the series, for messages
 * @param warn - told where the gaps differ a little
 * @throws {@link AcsconvError} `format` where images differ in size or orientation, are missing, or lie beside the others
 */
export function stackImages(
  files: readonly DicomFile[],
  what: string,
  warn: (sentence: string) => void,
): Stack {
  const refuse: Refuse = (problem) => {
    throw formatError(`${what} ${problem}.`);
  };
  const tell: Tell = (problem) => warn(`${what} ${problem}.`);
  checkAlike(files, refuse);
  if (files.some(isPlainStack)) {
    if (files.length > 1)
      refuse(
        `holds ${files.length} files, some of several frames, each a volume of its own: read one by its path`,
      );
    return {
      grid: storedOrder(files[0]!, refuse, tell),
      volumes: [{ label: "", images: imagesOf(files[0]!) }],
    };
  }
  return stackPlaced(files, refuse, tell);
}

const imagesOf = (file: DicomFile): readonly Image[] =>
  file.frames.map((frame, index) => ({ file, frame, index }));

/** What images of one volume have in common, whatever their places. */
function checkAlike(files: readonly DicomFile[], refuse: Refuse): void {
  const values = (of: (file: DicomFile) => string | number): readonly string[] => [
    ...new Set(files.map((file) => String(of(file)))),
  ];
  const mosaic = files.find(({ isMosaic }) => isMosaic);
  if (mosaic)
    refuse(
      `holds mosaics, whose images lie side by side as one, in "${printable(mosaic.source.name)}": convert it to NIfTI with dcm2niix`,
    );
  const sizes = values(({ columns, rows }) => `${columns}×${rows}`);
  if (sizes.length > 1) refuse(`mixes images of ${sizes.join(" and ")} pixels, which make no volume`);
  const frames = values(({ frameOfReference }) => frameOfReference);
  if (frames.length > 1)
    refuse(
      `mixes images of ${frames.length} frames of reference (FrameOfReferenceUID, 0020,0052), whose positions cannot be compared`,
    );
  const modalities = values(({ modality }) => modality || "none");
  if (modalities.length > 1)
    refuse(`mixes images of ${modalities.map(printable).join(" and ")} (0008,0060), which make no volume`);
  const kinds = values(({ format }) => `${format.allocated} bits`);
  if (kinds.length > 1) refuse(`mixes pixels of ${kinds.join(" and ")}, which make no volume`);
  const colours = values(({ format }) => format.colours || "no colours");
  const samples = values(({ format }) => format.samples);
  if (colours.length > 1 || samples.length > 1)
    refuse(`mixes images in ${colours.map(printable).join(" and ")} (0028,0004), which make no volume`);
}

/** Frames in the order in which they are stored, which do not say each where it lies. */
const isPlainStack = ({ frames, framesPlaced }: DicomFile): boolean => frames.length > 1 && !framesPlaced;

function stackPlaced(files: readonly DicomFile[], refuse: Refuse, tell: Tell): Stack {
  const images = files.flatMap(imagesOf);
  const placed = images.map(placedOf).filter((image) => image !== undefined);
  const [start] = placed;
  if (!start || placed.length < images.length) {
    if (images.length > 1)
      refuse("has images without position, orientation or pixel spacing, which cannot be ordered");
    return { grid: unplaced(files[0]!, tell), volumes: [{ label: "", images }] };
  }
  for (const image of placed) checkCosines(image, refuse);
  // Written with few digits, cosines are not quite of length 1; spacing is to stay as it is written.
  const [alongRow, alongColumn] = [unit(start.orientation[0]), unit(start.orientation[1])];
  const odd = placed.filter(
    ({ orientation, pixelSpacing }) =>
      norm(subtract(orientation[0], alongRow)) > SAME_DIRECTION ||
      norm(subtract(orientation[1], alongColumn)) > SAME_DIRECTION ||
      pixelSpacing.some((mm, i) => Math.abs(mm - start.pixelSpacing[i]!) > SAME_DIRECTION * mm),
  );
  if (odd.length > 0)
    refuse(
      `mixes orientations or pixel spacings: ${odd.length} of its ${images.length} images differ from "${printable(start.file.source.name)}" (a localizer?)`,
    );

  const normal = cross(alongRow, alongColumn);
  const height = ({ position }: Placed): number => dot(position, normal);
  const sorted = placed.toSorted((a, b) => height(a) - height(b));
  const levels: Placed[][] = [];
  for (const image of sorted) {
    const level = levels.at(-1);
    if (level && height(image) - height(level[0]!) <= SAME_POSITION) level.push(image);
    else levels.push([image]);
  }
  const volumes = levels[0]!.length;
  if (levels.some((level) => level.length !== volumes))
    refuse(
      `holds ${images.length} images at ${levels.length} positions, not the same number at each: one volume needs one image per position`,
    );
  const [bottom, top] = [levels[0]![0]!, levels.at(-1)![0]!];
  const heights = levels.map(([image]) => height(image!));
  const gaps = gapsOf(heights);
  if (gaps.length > 0) {
    checkGaps(heights, refuse, tell);
    checkLine(sorted, bottom, top, normal, refuse, tell);
  }
  if (volumes === 1) checkAcquisitions(sorted, tell);

  const along =
    gaps.length > 0
      ? scale(subtract(top.position, bottom.position), 1 / gaps.length)
      : scale(normal, start.file.step?.mm ?? 1);
  const [betweenRows, betweenColumns] = start.pixelSpacing;
  const steps: Mat3 = [along, scale(alongColumn, betweenRows), scale(alongRow, betweenColumns)];
  const { rows, columns } = start.file;
  return {
    grid: gridFromSteps([levels.length, rows, columns], bottom.position, steps),
    volumes: partsOf(levels, refuse),
  };
}

function placedOf(image: Image): Placed | undefined {
  const { position, orientation, pixelSpacing } = image.frame;
  return position && orientation && pixelSpacing
    ? { ...image, position, orientation, pixelSpacing }
    : undefined;
}

function checkCosines({ file, orientation: [row, column] }: Placed, refuse: Refuse): void {
  const off = Math.max(Math.abs(norm(row) - 1), Math.abs(norm(column) - 1), Math.abs(dot(row, column)));
  if (off > ORTHONORMAL)
    refuse(
      `has no directions in "${printable(file.source.name)}": ImageOrientationPatient (0020,0037) is "${[...row, ...column].join("\\")}", where two unit vectors at a right angle should stand`,
    );
}

const gapsOf = (heights: readonly number[]): readonly number[] =>
  heights.slice(1).map((height, i) => height - heights[i]!);

/** @param heights - of the slices, ascending */
function checkGaps(heights: readonly number[], refuse: Refuse, tell: Tell): void {
  const gaps = gapsOf(heights);
  const ordered = gaps.toSorted((a, b) => a - b);
  const usual = ordered[Math.floor(ordered.length / 2)]!;
  const [smallest, largest] = [ordered[0]!, ordered.at(-1)!];
  if (largest > MISSING * usual) {
    const missing = gaps.reduce((sum, gap) => sum + Math.max(0, Math.round(gap / usual) - 1), 0);
    refuse(
      `has a gap of ${largest.toFixed(2)} mm where its slices are ${usual.toFixed(2)} mm apart: about ${Math.max(1, missing)} of them are missing`,
    );
  }
  const step = (heights.at(-1)! - heights[0]!) / gaps.length;
  const off = Math.max(...heights.map((height, i) => Math.abs(height - heights[0]! - i * step)));
  const apart = `${smallest.toFixed(3)} to ${largest.toFixed(3)} mm apart`;
  if (off > MAX_OFF * step)
    refuse(
      `has slices ${apart}, up to ${off.toFixed(2)} mm off where they would be if they were evenly spaced: some are missing, or they make no volume`,
    );
  if (largest - smallest > UNEVEN * usual)
    tell(`has slices ${apart}: it is read as if they were evenly spaced`);
}

/** All first pixels lie on one line, that of the normal or, behind a tilted gantry, another. */
function checkLine(
  images: readonly Placed[],
  bottom: Placed,
  top: Placed,
  normal: Vec3,
  refuse: Refuse,
  tell: Tell,
): void {
  const line = subtract(top.position, bottom.position);
  if (dot(unit(line), normal) < MAX_TILT)
    refuse(
      `has slices that lie ${norm(subtract(line, scale(normal, dot(line, normal)))).toFixed(2)} mm beside one another, more than above: they make no volume`,
    );
  const slope = scale(line, 1 / dot(line, normal));
  const besides = images.map(({ position }) => {
    const offset = subtract(position, bottom.position);
    return norm(subtract(offset, scale(slope, dot(offset, normal))));
  });
  const most = Math.max(...besides);
  const pixel = Math.min(...bottom.pixelSpacing);
  if (most <= BESIDE.told * pixel) return;
  const { file } = images[besides.indexOf(most)]!;
  const where = `${most.toFixed(2)} mm beside the line of the others, as "${printable(file.source.name)}" does`;
  if (most > BESIDE.refused * pixel) refuse(`has slices that lie ${where}: they make no volume`);
  tell(`has slices that lie ${where}: it is read as if they were in line`);
}

/** Acquisitions that follow one another are stations of one scan; slices of one between those of another are not. */
function checkAcquisitions(sorted: readonly Placed[], tell: Tell): void {
  const numbers = sorted.map(({ file }) => file.acquisition);
  const acquisitions = new Set(numbers);
  const changes = numbers.filter((number, i) => i > 0 && number !== numbers[i - 1]).length;
  if (changes < acquisitions.size) return;
  const named = [...acquisitions]
    .sort()
    .slice(0, 5)
    .map((number) => `"${printable(number)}"`);
  tell(
    `mixes the slices of ${acquisitions.size} acquisitions, by AcquisitionNumber (0020,0012) ${named.join(", ")}: they are read as one volume`,
  );
}

/** A single image without a place. */
function unplaced(file: DicomFile, tell: Tell): Grid {
  tell(
    file.frames.length > 1
      ? `does not say where its ${file.frames.length} frames lie: they are placed at the origin, in the order in which they are stored`
      : "does not say where its image lies: it is placed at the origin",
  );
  const [height, width] = file.frames[0]!.pixelSpacing ?? [1, 1];
  return plainGrid([file.frames.length, file.rows, file.columns], [file.step?.mm ?? 1, height, width]);
}

function storedOrder(file: DicomFile, refuse: Refuse, tell: Tell): Grid {
  const { frames, rows, columns, step, otherwise } = file;
  if (otherwise?.refused)
    refuse(`has frames that ${otherwise.says}, which is not read: convert it with other software`);
  if (otherwise) tell(`has frames that ${otherwise.says}: they are read as if they were slices`);
  const first = placedOf(imagesOf(file)[0]!);
  const last = placedOf(imagesOf(file).at(-1)!);
  if (!first || !last) return unplaced(file, tell);
  checkCosines(first, refuse);
  const [alongRow, alongColumn] = [unit(first.orientation[0]), unit(first.orientation[1])];
  const normal = cross(alongRow, alongColumn);
  const line = subtract(last.position, first.position);
  let along = scale(line, 1 / (frames.length - 1));
  if (norm(line) > SAME_POSITION) {
    const heights = frames.map(({ position }) => Math.abs(dot(subtract(position!, first.position), normal)));
    checkGaps(heights, refuse, tell);
  } else {
    if (step?.from !== "SpacingBetweenSlices")
      tell(
        `says of its ${frames.length} frames no more than where the first lies: they are read as ${step ? `${step.mm} mm apart, their thickness` : "1 mm apart"}, in the order in which they are stored`,
      );
    along = scale(normal, step?.mm ?? 1);
  }
  const steps: Mat3 = [
    along,
    scale(alongColumn, first.pixelSpacing[0]),
    scale(alongRow, first.pixelSpacing[1]),
  ];
  return gridFromSteps([frames.length, rows, columns], first.position, steps);
}
