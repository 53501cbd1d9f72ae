/** @file dcmjs, the encoder of DICOM, loaded when it is needed: it takes a tenth of a second and 1.4 MB. */

// oxlint-disable-next-line typescript/triple-slash-reference -- projects with these sources among theirs find it by this
/// <reference path="./dcmjs-types.d.ts" />

/** Elements by their tags. */
type Dictionary = Record<string, { readonly vr: string; readonly Value?: unknown }>;

/** What we use of it. */
export interface Dcmjs {
  /** A file, made of the elements before its data set. */
  readonly DicomDict: new (meta: Dictionary) => { dict: Dictionary; write(): ArrayBuffer };
  readonly DicomMetaDictionary: {
    /** From elements by their standard names. */
    denaturalizeDataset(elements: { readonly [name: string]: unknown }): Dictionary;
  };
}

export const loadDcmjs = async (): Promise<Dcmjs> => (await import("dcmjs")).default.data as Dcmjs;
