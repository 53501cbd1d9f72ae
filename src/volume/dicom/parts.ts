/** @file Several images at each position, parted into volumes by what their headers say: times, echoes, phases. */

import { printable } from "../../base/printable.ts";
import { describeFact, inOrder } from "./facts.ts";
import type { DicomFile, Frame } from "./headers.ts";

export interface Image {
  readonly file: DicomFile;
  readonly frame: Frame;
  /** Its place among those of its file. */
  readonly index: number;
}

/** A volume: one image at each position. */
export interface Part {
  /** What tells it from the others; empty if there are none. */
  readonly label: string;
  /** Along D. */
  readonly images: readonly Image[];
}

/** An image at one of the positions, which are counted from the lowest on. */
interface Leveled {
  readonly image: Image;
  readonly level: number;
}

/** Images that may be several volumes. */
interface Group {
  readonly labels: readonly string[];
  readonly members: readonly Leveled[];
}

/**
 * Parts images so that each volume has one at each position.
 *
 * @param levels - the images at each position, as many at each
 * @param refuse - ends reading where nothing says which of them belong together
 */
export function partsOf(
  levels: readonly (readonly Image[])[],
  refuse: (problem: string) => never,
): readonly Part[] {
  const count = levels[0]!.length;
  const all = levels.flatMap((images, level) => images.map((image) => ({ image, level })));
  let groups: readonly Group[] = [{ labels: [], members: all }];
  const names = inOrder(new Set(all.flatMap(({ image }) => Object.keys(image.frame.facts))));
  for (const name of names) {
    if (groups.length === count) break;
    groups = byFact(groups, name, levels.length);
  }
  for (const [name, rankOf] of ORDERS) {
    if (groups.length === count) break;
    const parted = groups.map((group) => byOrder(group, name, rankOf, levels.length));
    if (parted.every((some) => some !== undefined)) groups = parted.flat();
  }
  if (groups.length < count)
    refuse(
      `holds ${all.length} images at ${levels.length} positions, and which of the ${count} images at each position belong together cannot be told: nothing in their headers tells them apart alike`,
    );
  return groups.map(({ labels, members }) => ({
    label: labels.join(", "),
    images: members.toSorted((a, b) => a.level - b.level).map(({ image }) => image),
  }));
}

/** Parts groups by the values of a fact, if each value then has as many images at every position as at the first. */
function byFact(groups: readonly Group[], name: string, levels: number): readonly Group[] {
  const valueOf = ({ image }: Leveled): string => image.frame.facts[name] ?? "";
  const parted = groups.map(({ labels, members }): readonly Group[] => {
    const byValue = new Map<string, Leveled[]>();
    for (const member of members) {
      const value = valueOf(member);
      const alike = byValue.get(value);
      if (alike) alike.push(member);
      else byValue.set(value, [member]);
    }
    if (byValue.size < 2) return [{ labels, members }];
    return [...byValue]
      .sort(([a], [b]) => compare(a, b))
      .map(([value, some]) => ({ labels: [...labels, printable(describeFact(name, value))], members: some }));
  });
  const isEven = ({ members }: Group): boolean => new Set(countsOf(members, levels)).size === 1;
  return parted.flat().every(isEven) ? parted.flat() : groups;
}

/** How many images lie at each position. */
function countsOf(members: readonly Leveled[], levels: number): readonly number[] {
  const counts = new Array<number>(levels).fill(0);
  for (const { level } of members) counts[level]! += 1;
  return counts;
}

/** Numbers before texts. */
function compare(a: string, b: string): number {
  const [first, second] = [Number(a), Number(b)];
  if (first !== second && !Number.isNaN(first) && !Number.isNaN(second)) return first - second;
  return a < b ? -1 : a > b ? 1 : 0;
}

/** What images follow one another by, the surest first. */
const ORDERS: readonly (readonly [name: string, of: (image: Image) => number])[] = [
  ["InstanceNumber", ({ file, index }) => file.instanceNumber * 2 ** 20 + index],
  ...[
    "TriggerTime",
    "FrameReferenceTime",
    "FrameAcquisitionDateTime",
    "AcquisitionDateTime",
    "AcquisitionTime",
    "ContentTime",
  ].map((name) => [name, ({ frame }: Image) => Number(frame.facts[name] ?? NaN)] as const),
];

/**
 * Parts a group where its images follow one another volume by volume, or position by position; undefined if they do
 * neither.
 */
function byOrder(
  group: Group,
  name: string,
  rankOf: (image: Image) => number,
  levels: number,
): readonly Group[] | undefined {
  const { labels, members } = group;
  const count = members.length / levels;
  if (count === 1) return [group];
  const sorted = members
    .map((member) => ({ ...member, rank: rankOf(member.image) }))
    .sort((a, b) => a.rank - b.rank);
  // Equal numbers have no order, nor has what is no number.
  const follows = (i: number): boolean => sorted[i]!.rank > sorted[i - 1]!.rank;
  const ranks = Array.from({ length: count }, (_, i) => i);
  const volumes = ranks.map((i) => sorted.slice(i * levels, (i + 1) * levels));
  const isByVolume =
    ranks.slice(1).every((i) => follows(i * levels)) &&
    volumes.every((volume) => new Set(volume.map(({ level }) => level)).size === levels);
  const runs = Array.from({ length: levels }, (_, i) => sorted.slice(i * count, (i + 1) * count));
  const order = runs.map(([first]) => first!.level);
  const isByPosition =
    name === "InstanceNumber" &&
    sorted.every((_, i) => i === 0 || follows(i)) &&
    runs.every((run) => run.every(({ level }) => level === run[0]!.level)) &&
    (order.every((level, i) => level === i) || order.every((level, i) => level === levels - 1 - i));
  if (!isByVolume && !isByPosition) return undefined;
  return ranks.map((i) => ({
    labels: [...labels, `${i + 1} of ${count} by ${name}`],
    members: isByVolume ? volumes[i]! : runs.map((run) => run[i]!),
  }));
}
