/**
 * @file What headers say of an image beside its place: by which images at one position can be told apart, in time, by echo, by
 * the kind of their values.
 */

import type { Tag, Tags } from "./tags.ts";

/** An element, and the functional group in which frames of enhanced objects have it. */
interface Fact {
  readonly tag: Tag;
  readonly in?: readonly Tag[];
  /** Of its values, for people. */
  readonly unit?: string;
}

const FRAME = ["FrameContentSequence"] as const;
const DIFFUSION = ["MRDiffusionSequence"] as const;

/** The surest first: where two part images differently, the first does. */
const FACTS: readonly Fact[] = [
  { tag: "TemporalPositionIndex", in: FRAME },
  { tag: "TemporalPositionIdentifier" },
  { tag: "EchoTime", unit: "ms" },
  { tag: "EffectiveEchoTime", in: ["MREchoSequence"], unit: "ms" },
  { tag: "EchoNumbers" },
  { tag: "FrameType", in: ["MRImageFrameTypeSequence"] },
  { tag: "FrameType", in: ["CTImageFrameTypeSequence"] },
  { tag: "ComplexImageComponent", in: ["MRImageFrameTypeSequence"] },
  { tag: "ImageType" },
  { tag: "DiffusionBValue", in: DIFFUSION, unit: "s/mm²" },
  {
    tag: "DiffusionGradientOrientation",
    in: [...DIFFUSION, "DiffusionGradientDirectionSequence"],
  },
  { tag: "NominalCardiacTriggerDelayTime", in: ["CardiacSynchronizationSequence"], unit: "ms" },
  { tag: "TriggerTime", unit: "ms" },
  { tag: "NominalPercentageOfCardiacPhase", in: ["CardiacSynchronizationSequence"], unit: "%" },
  { tag: "InversionTime", unit: "ms" },
  { tag: "FlipAngle", unit: "°" },
  { tag: "KVP", unit: "kV" },
  { tag: "ConvolutionKernel" },
  { tag: "FrameReferenceTime", unit: "ms" },
  { tag: "AcquisitionNumber" },
  { tag: "FrameAcquisitionNumber", in: FRAME },
  { tag: "FrameAcquisitionDateTime", in: FRAME },
  { tag: "FrameReferenceDateTime", in: FRAME },
  { tag: "AcquisitionDateTime" },
  { tag: "AcquisitionTime" },
  { tag: "ContentTime" },
];

/** Values by the names of their elements, in the order of {@link FACTS}; those that are absent are left out. */
export type Facts = Readonly<Record<string, string>>;

/**
 * @param tags - of the file
 * @param groupOf - where the elements of a functional group stand; in the file's own if it has no groups
 */
export function factsOf(tags: Tags, groupOf: (group: Tag) => Tags): Facts {
  const facts: Record<string, string> = {};
  for (const { tag, in: [group, ...inner] = [] } of FACTS) {
    let place = group ? groupOf(group) : tags;
    for (const sequence of inner) place = place.items(sequence)[0] ?? place;
    const value = place.any(tag);
    if (value) facts[tag] ??= value;
  }
  const indices = groupOf("FrameContentSequence").any("DimensionIndexValues");
  for (const [i, value] of indices.split("\\").entries()) if (value) facts[`${INDEX} ${i + 1}`] = value;
  return facts;
}

const INDEX = "DimensionIndexValues";

/** Indices are surer than numbers of acquisitions, and say less to people than what they are indices of. */
const INDEX_RANK = FACTS.findIndex(({ tag }) => tag === "AcquisitionNumber") - 0.5;

/** The names of facts, the surest first. */
export const inOrder = (names: Iterable<string>): readonly string[] =>
  [...names].sort((a, b) => rankOf(a) - rankOf(b));

const rankOf = (name: string): number =>
  name.startsWith(INDEX) ? INDEX_RANK : FACTS.findIndex(({ tag }) => tag === name);

/** A fact, for people: `EchoTime 10 ms`. */
export function describeFact(name: string, value: string): string {
  const unit = FACTS.find(({ tag }) => tag === name)?.unit;
  const number = Number(value);
  const shown = unit && Number.isFinite(number) ? `${+number.toPrecision(6)} ${unit}` : value;
  return `${name} ${shown.replaceAll("\\", " ") || "none"}`;
}
