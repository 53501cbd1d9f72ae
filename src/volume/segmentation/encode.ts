/**
 * @file A data set as the bytes of a DICOM file, by dcmjs. Its own derivation of segmentations is not used: it wants
 * the pixels of the whole series in one object, holds a byte for each bit, and numbers what it is given by itself.
 */

import { inputError, messageOf, readable } from "../../base/errors.ts";
import { SEGMENTATION } from "../dicom/segmentation-class.ts";
import { loadDcmjs } from "./dcmjs.ts";
import type { Elements } from "./elements.ts";

const EXPLICIT_LITTLE_ENDIAN = "1.2.840.10008.1.2.1";
/** Of this program: a UUID of its own, made once. */
const IMPLEMENTATION = "2.25.202658844518043813907530171676957373561";

/**
 * @param bits - the pixels; the last element of such a file, so they are not copied
 * @throws {@link AcsconvError} `input` if dcmjs does not take a value
 */
export async function encodeDicom(
  dataset: Elements,
  bits: Uint8Array<ArrayBuffer>,
): Promise<Uint8Array<ArrayBuffer>[]> {
  const { DicomDict, DicomMetaDictionary } = await loadDcmjs();
  const header = (): ArrayBuffer => {
    const file = new DicomDict(
      DicomMetaDictionary.denaturalizeDataset({
        FileMetaInformationVersion: Uint8Array.of(0, 1).buffer,
        MediaStorageSOPClassUID: SEGMENTATION,
        MediaStorageSOPInstanceUID: dataset["SOPInstanceUID"],
        TransferSyntaxUID: EXPLICIT_LITTLE_ENDIAN,
        ImplementationClassUID: IMPLEMENTATION,
        ImplementationVersionName: "acsconv",
      }),
    );
    file.dict = DicomMetaDictionary.denaturalizeDataset(dataset);
    return file.write();
  };
  try {
    return [new Uint8Array(header()), pixelHeader(bits.length), bits];
  } catch (error) {
    throw inputError(
      `The DICOM segmentation would hold what its encoder does not take (${readable(messageOf(error))}): correct the images' headers, or write .nii.gz.`,
      { cause: error },
    );
  }
}

/** PixelData (7FE0,0010), OB, two bytes reserved, and its length. */
function pixelHeader(length: number): Uint8Array<ArrayBuffer> {
  const header = Uint8Array.of(0xe0, 0x7f, 0x10, 0x00, 0x4f, 0x42, 0, 0, 0, 0, 0, 0);
  new DataView(header.buffer).setUint32(8, length, true);
  return header;
}
