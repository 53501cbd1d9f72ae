/** @file Formats of scans that are not read here, by the ends of their names, and what to do with them. */

import { openSource } from "../base/byte-source.ts";
import { type AcsconvError, formatError } from "../base/errors.ts";
import { headOf } from "./raw-voxels.ts";

const PAIR =
  'is half of a scan in two files, .hdr and .img: make one .nii.gz of them first, in Python with nibabel.save(nibabel.load("scan.hdr"), "scan.nii.gz")';
const FREESURFER = "is in FreeSurfer's format: make a .nii.gz of it first, with mri_convert or nibabel";

const OTHER_FORMATS: Readonly<Record<string, string>> = {
  ".hdr": PAIR,
  ".hdr.gz": PAIR,
  ".img": PAIR,
  ".img.gz": PAIR,
  ".mgz": FREESURFER,
  ".mgh": FREESURFER,
  ".mnc": "is in MINC's format: make a .nii.gz of it first, with mnc2nii or nibabel",
  ".par": "is a Philips header: make a .nii.gz of the scan first, with dcm2niix or parrec2nii",
  ".rec": "holds a Philips scan: make a .nii.gz of it first, with dcm2niix or parrec2nii",
};

/** Why a file by that name is not read; undefined for other names, and for DICOM files, which may have any. */
export async function refusalOf(input: string | File): Promise<AcsconvError | undefined> {
  const name = typeof input === "string" ? input : input.name;
  const end = Object.keys(OTHER_FORMATS).find((suffix) => name.toLowerCase().endsWith(suffix));
  if (end === undefined) return undefined;
  const head = await headOf(await openSource(input));
  if (head.slice(128, 132) === "DICM") return undefined;
  return formatError(`"${name}" ${OTHER_FORMATS[end]}.`, { code: "E_UNSUPPORTED" });
}
