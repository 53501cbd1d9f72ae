/** @file What names of scans' files say: the case, the channel, the format. */

/** `scan.nii.gz` → `scan` */
export const withoutEnding = (path: string): string => path.replace(/(\.nii)?\.[a-z]+$/i, "");

/** `scan.nii.gz` → `.nii.gz` */
export const endingOf = (path: string): string => path.slice(withoutEnding(path).length);

/** What macOS leaves beside files on other systems' disks. */
export const isLeftover = (name: string): boolean => name.startsWith("._");

/** nnU-Net's name of one channel of a case. */
export interface ChannelName {
  /** The case, with its folder where the path has one. */
  readonly stem: string;
  readonly channel: number;
  readonly ending: string;
}

/** `case_0001.nii.gz` → the case and channel 1, as nnU-Net names files; undefined for other names. */
export function parseChannelName(path: string): ChannelName | undefined {
  const [, stem, digits] = /^(.*[^/\\])_(\d{4})$/s.exec(withoutEnding(path)) ?? [];
  return stem === undefined ? undefined : { stem, channel: Number(digits), ending: endingOf(path) };
}

/** Inverse of {@link parseChannelName}. */
export const channelName = ({ stem, channel, ending }: ChannelName): string =>
  `${stem}_${String(channel).padStart(4, "0")}${ending}`;
