/**
 * @file Folders of labelled scans as data sets come in them.
 *
 * - Medical Segmentation Decathlon: `dataset.json` lists pairs of an image and a label; several channels are a fourth
 *   dimension of the image. A list of any pairs of files elsewhere is written in the same way; an "image" may also be a
 *   list of files.
 * - nnU-Net v1: the same list, but `CASE.nii.gz` in it stands for `CASE_0000.nii.gz`, `CASE_0001` …, a file for each channel.
 * - nnU-Net v2: `imagesTr/CASE_0000.nii.gz`, `CASE_0001` …, and `labelsTr/CASE.nii.gz`; or a list of cases by name.
 *
 * Only names are looked at here; scans are read when they are needed.
 */

import { formatError, ioError } from "../base/errors.ts";
import { openSource } from "../base/byte-source.ts";
import { builtin, ioErrors } from "../base/files.ts";
import { decodeText } from "../base/text.ts";
import { looksLikeDicom } from "../volume/dicom/parse.ts";
import { canReadVolume } from "../volume/read.ts";
import { type Description, type Pair, parseDescription } from "./dataset-json.ts";
import {
  type ChannelName,
  channelName,
  endingOf,
  isLeftover,
  parseChannelName,
  withoutEnding,
} from "./file-names.ts";
import type { LabelTable } from "./labels.ts";
import { ListedFiles } from "./listed-files.ts";

/** The files of a labelled scan. */
export interface CaseFiles {
  readonly name: string;
  /** One file with all channels, or one for each. */
  readonly images: readonly string[];
  readonly label: string;
}

/** Which arrays of .npz files are read, where they hold several. */
export interface ArrayNames {
  readonly array?: string | undefined;
  readonly labelArray?: string | undefined;
}

/** A data set on disk. */
export interface DataFolder extends ArrayNames {
  readonly kind: "segmentation";
  readonly name: string;
  /** Sorted by name; at least one. */
  readonly cases: readonly CaseFiles[];
  /** Names of the images' channels; undefined where dataset.json has none. */
  readonly channels: readonly string[] | undefined;
  readonly classes: LabelTable;
}

/** Larger than the list of any data set there is: a hundred thousand cases. */
const MAX_DESCRIPTION_BYTES = 2 ** 25;

/**
 * Finds the labelled cases of a data set, and makes sure that all files are there.
 *
 * @param path - the folder with dataset.json, or a file such as that
 * @param arrays - of .npz files, which may also hold image and label in one
 * @throws {@link AcsconvError} `io` (files that are missing) or `format` (a dataset.json that is none)
 */
export async function openFolder(path: string, { array, labelArray }: ArrayNames = {}): Promise<DataFolder> {
  const paths = builtin("node:path");
  const { readFile, stat } = builtin("node:fs/promises");
  const isFolder = (await ioErrors("read", path, () => stat(path))).isDirectory();
  const file = isFolder ? paths.join(path, "dataset.json") : path;
  const found = await stat(file).catch(() => undefined);
  if (!found?.isFile())
    throw ioError(
      `There is no dataset.json in "${path}": expected a data set in the layout of the Medical Segmentation Decathlon or nnU-Net, or, of classes of whole scans, a folder for each class.`,
    );
  if (found.size > MAX_DESCRIPTION_BYTES)
    throw formatError(`"${file}" has ${found.size} bytes, too many for the description of a data set.`);
  const text = decodeText(await ioErrors("read", file, () => readFile(file)));
  const description = parseDescription(text, file);
  const root = paths.resolve(paths.dirname(file));
  const cases =
    "pairs" in description.cases
      ? await listedCases(description.cases.pairs, root, description.channels)
      : await nnunetCases(root, description, description.cases.fileEnding);
  if (cases.length === 0)
    throw ioError(`The data set "${path}" is empty: dataset.json and its folders hold no labelled case.`);
  checkOnce(cases, description.cases, file);
  await checkFiles(cases, path);
  return {
    kind: "segmentation",
    name: description.name ?? paths.basename(root),
    cases: cases.sort((a, b) => (a.name < b.name ? -1 : 1)),
    channels: description.channels,
    classes: description.classes,
    array,
    labelArray,
  };
}

async function listedCases(
  pairs: readonly Pair[],
  root: string,
  channels: readonly string[] | undefined,
): Promise<CaseFiles[]> {
  const files = new ListedFiles(root);
  const real = pairs.filter(({ images, label }) => ![...images, label].some(isLeftoverPath));
  const names = caseNames(real);
  const named = await Promise.all(real.flatMap(({ images }) => images.map((image) => files.find(image))));
  const listed = new Set(named);
  const isListed = (file: string): boolean => listed.has(file);
  const cases: CaseFiles[] = [];
  for (const [i, { images, label }] of real.entries())
    cases.push({
      name: names[i]!,
      images: await imagesOf(images, files, channels?.length, isListed),
      label: (await files.find(label)) ?? files.expected(label),
    });
  return cases;
}

/** Written with either slash. */
const lastPart = (path: string): string =>
  path.slice(Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\")) + 1);
const isLeftoverPath = (path: string): boolean => isLeftover(lastPart(path));

function caseNames(pairs: readonly Pair[]): readonly string[] {
  const files = pairs.map(({ images }) => lastPart(images[0]!));
  // A number that is the same for all counts channels, else it tells cases apart.
  const areFirst = files.every((file) => parseChannelName(file)?.channel === 0);
  const short = files.map((file) => (areFirst ? parseChannelName(file)!.stem : withoutEnding(file)));
  // Files of one name in several folders are told apart by their whole path.
  const isUnique = new Set(short).size === short.length;
  return pairs.map(
    ({ name, images }, i) =>
      name ?? (isUnique ? short[i]! : withoutEnding(images[0]!).replaceAll("\\", "/").replace(/^\.\//, "")),
  );
}

/**
 * The files of a case's image. A single one in a list may stand for one of each channel, as nnU-Net v1 numbers them on disk.
 *
 * @param count - of the channels, where the description names them
 * @param isListed - whether the description names a file as an image
 */
async function imagesOf(
  listed: readonly string[],
  files: ListedFiles,
  count: number | undefined,
  isListed: (file: string) => boolean,
): Promise<readonly string[]> {
  const found = await Promise.all(listed.map((path) => files.find(path)));
  const [path, ...more] = listed as [string, ...string[]];
  const [file] = found;
  if (more.length > 0) return listed.map((one, i) => found[i] ?? files.expected(one));

  const channelsFrom = async (first: ChannelName, most: number): Promise<readonly string[]> => {
    const channels: string[] = [];
    while (channels.length < most) {
      const next = await files.find(channelName({ ...first, channel: channels.length }));
      // What the list names as a case of its own is no channel of another one.
      if (next === undefined || (channels.length > 0 && isListed(next))) break;
      channels.push(next);
    }
    return channels;
  };
  const missing = (first: ChannelName, there: readonly string[]): readonly string[] =>
    Array.from({ length: Math.max(0, (count ?? 0) - there.length) }, (_, i) =>
      files.expected(channelName({ ...first, channel: there.length + i })),
    );

  const unnumbered = { stem: withoutEnding(path), channel: 0, ending: endingOf(path) };
  const numbered = await channelsFrom(unnumbered, count ?? Infinity);
  // Where there is none at all, the file of the list is what is missing.
  if (file === undefined)
    return numbered.length > 0 ? [...numbered, ...missing(unnumbered, numbered)] : [files.expected(path)];
  // `case_1_0000` is there as the first channel of `case_1`, beside its own, `case_1_0000_0000`.
  if (numbered.length > 0 && numbered.length >= (count ?? 1) && !isListed(numbered[0]!)) return numbered;

  // The list names first channels, or files that hold all channels themselves.
  const first = parseChannelName(path);
  if (first?.channel !== 0) return [file];
  const channels = await channelsFrom(first, count ?? 1);
  return channels.length > 1 ? [...channels, ...missing(first, channels)] : [file];
}

/** Cases by their labels and by their first channel, so that a case that lacks either is found and reported. */
async function nnunetCases(root: string, description: Description, ending: string): Promise<CaseFiles[]> {
  const paths = builtin("node:path");
  const file = paths.join(root, "dataset.json");
  if (!canReadVolume(`x${ending}`) && ending !== ".dcm")
    throw formatError(
      `The data set's files end in "${ending}", which is no format that we read: expected .nii.gz, .nii, .nrrd, .mha, .npy or .dcm.`,
    );
  const channels = description.channels;
  if (!channels) throw formatError(`"${file}" should name the images' channels in "channel_names".`);
  const [images, labels] = [paths.join(root, "imagesTr"), paths.join(root, "labelsTr")];
  const names = new Set<string>();
  let extra: ChannelName | undefined;
  for (const [folder, end] of [
    [labels, ending],
    [images, `_0000${ending}`],
  ] as const) {
    const there = (await ioErrors("read", folder, () => readdirOf(folder))).filter(
      (name) => !isLeftover(name),
    );
    const own = there.filter((name) => name.endsWith(end));
    const other = there.find(canReadVolume);
    if (own.length === 0 && other !== undefined) {
      const remedy = endingOf(other) === ending ? "" : `, or write "${endingOf(other)}" as "file_ending"`;
      throw formatError(
        `"${file}" says that files end in "${ending}", so those of "${folder}" should end in "${end}", and one is "${other}": rename them${remedy}.`,
      );
    }
    for (const name of own) names.add(name.slice(0, -end.length));
    if (folder === images)
      extra = there
        .map(parseChannelName)
        .find((parsed) => parsed && parsed.channel >= channels.length && parsed.ending === ending);
  }
  if (extra && names.has(extra.stem))
    throw formatError(
      `Case "${extra.stem}": "${file}" names ${channels.length} channels (${channels.join(", ")}), a file for each, and there is "${paths.join(images, channelName(extra))}": leave out what is no channel.`,
    );
  return [...names].map((stem) => ({
    name: stem,
    images: channels.map((_, channel) => paths.join(images, channelName({ stem, channel, ending }))),
    label: paths.join(labels, `${stem}${ending}`),
  }));
}

/**
 * One image cannot be two cases: the same one twice, or a name that was understood wrongly. Where a list names a file for
 * each channel, cases may share some of them, such as an atlas.
 */
function checkOnce(cases: readonly CaseFiles[], described: Description["cases"], file: string): void {
  const before = new Map<string, string>();
  const isByChannel = "pairs" in described && described.pairs.some(({ images }) => images.length > 1);
  for (const { name, images, label } of cases) {
    for (const image of isByChannel ? [[...images, label].join(", ")] : images) {
      const other = before.get(image);
      if (other !== undefined)
        throw formatError(
          other === name
            ? `"${file}" lists case "${name}" twice, with the image "${image}": leave one of them out.`
            : `"${image}" would be an image of two cases, "${other}" and "${name}", by "${file}": give each its own file, or leave one out.`,
        );
      before.set(image, name);
    }
  }
}

const readdirOf = (folder: string): Promise<readonly string[]> => builtin("node:fs/promises").readdir(folder);

async function checkFiles(cases: readonly CaseFiles[], path: string): Promise<void> {
  const { stat } = builtin("node:fs/promises");
  const missing: string[] = [];
  for (const { name, images, label } of cases) {
    for (const file of [...images, label]) {
      const found = await stat(file).catch(() => undefined);
      if (!found) missing.push(`"${file}" of case "${name}"`);
      // A folder may hold DICOM slices.
      else if (
        !found.isDirectory() &&
        !canReadVolume(file) &&
        !(await looksLikeDicom(await openSource(file)))
      )
        throw formatError(
          `Case "${name}": "${file}" is no volume that we read: expected .nii.gz, .nii, .nrrd, .mha, .npy or DICOM.`,
        );
    }
  }
  if (missing.length === 0) return;
  const more = missing.length > 1 ? ` and ${missing.length - 1} more` : "";
  throw ioError(`Files of the data set "${path}" are missing: ${missing[0]}${more}.`);
}
