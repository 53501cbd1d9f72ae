/** @file Which files make one scan for a network: nnU-Net numbers the channels of a case, `case_0000.nii.gz` and on. */

import { inputError } from "../base/errors.ts";
import { builtin, isFolder, isThere } from "../base/files.ts";
import { canReadVolume, readChannelCount } from "../volume/read.ts";
import { type ChannelName, channelName, parseChannelName, withoutEnding } from "./file-names.ts";

/** The files of a scan: one with all channels, or one for each. */
export interface ScanFiles {
  readonly name: string;
  readonly files: readonly string[];
}

type Channel = ChannelName & { readonly path: string };

/**
 * Files as the scans that they make, in their order.
 *
 * @param paths - files or folders; those that are not numbered are scans of their own
 * @param channels - of the images that the network was made for; undefined where it takes any number
 * @param onWarning - told of numbers that cannot be channels, because the network takes a single one
 * @throws {@link AcsconvError} `input` for a case that lacks a channel, or has more than the network takes
 */
export async function scanCases(
  paths: readonly string[],
  channels: number | undefined,
  onWarning: (sentence: string) => void,
): Promise<readonly ScanFiles[]> {
  const groups = new Map<string, Channel[]>();
  for (const path of paths) {
    // Folders of DICOM slices may have any name.
    const parsed = canReadVolume(path) && !(await isFolder(path)) ? parseChannelName(path) : undefined;
    const key = parsed ? JSON.stringify([parsed.stem, parsed.ending]) : path;
    const channel = parsed ?? { stem: path, channel: 0, ending: "" };
    groups.set(key, [...(groups.get(key) ?? []), { ...channel, path }]);
  }
  const cases: ScanFiles[] = [];
  let numbered: readonly Channel[] | undefined;
  for (const group of groups.values()) {
    group.sort((a, b) => a.channel - b.channel);
    const [first, last] = [group[0]!, group.at(-1)!];
    const areScans =
      first.stem === first.path ||
      (channels === 1 && last.channel > 0) ||
      (await holdsAll(first.path, channels)) ||
      (first.channel > 0 && !(await isThere(fileOf(first, 0))));
    if (areScans) {
      cases.push(...(await Promise.all(group.map(ownScan))));
      // Numbers from 0 on look like channels.
      if (channels === 1 && first.channel === 0 && last.channel > 0) numbered ??= group;
    } else cases.push(await caseOf(group, channels));
  }
  if (numbered)
    onWarning(
      `The network is for images of one channel, so "${numbered[0]!.path}", "${numbered[1]!.path}" and the like are taken as scans of their own.`,
    );
  return cases;
}

async function ownScan({ path }: Channel): Promise<ScanFiles> {
  const paths = builtin("node:path");
  const name = paths.basename(paths.resolve(path));
  return { name: (await isFolder(path)) ? name : withoutEnding(name), files: [path] };
}

/** Whether a file, however it is numbered, has all of several channels, as the Decathlon's do, by a header that says so. */
const holdsAll = async (path: string, channels = 1): Promise<boolean> =>
  channels > 1 && (await readChannelCount(path).catch(() => undefined)) === channels;

const fileOf = (of: Channel, channel: number): string => channelName({ ...of, channel });

/** @param group - sorted by channel */
async function caseOf(group: readonly Channel[], channels: number | undefined): Promise<ScanFiles> {
  const [first, last] = [group[0]!, group.at(-1)!];
  const count = channels ?? last.channel + 1;
  const name = builtin("node:path").basename(first.stem);
  const why =
    channels === undefined
      ? `one of its files is "${last.path}"`
      : `the network takes ${channels} channels, a file for each`;
  for (let channel = 0; channel < count; channel++) {
    if (group[channel]?.channel === channel) continue;
    const path = fileOf(first, channel);
    if (await isThere(path))
      throw inputError(`Case "${name}": ${why}, and "${path}" is not among the scans: name it, too.`);
    throw inputError(
      `Case "${name}": ${why}, and there is no "${path}" beside "${first.path}": add it, or, if one file should feed all channels, name that without its number.`,
    );
  }
  if (group.length > count)
    throw inputError(
      `Case "${name}": ${why}, and there are ${group.length}, up to "${last.path}": leave out what is no channel, or predict numbered scans one by one.`,
    );
  return { name, files: group.map(({ path }) => path) };
}
