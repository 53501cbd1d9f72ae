/**
 * @file A data set as dicom-parser gives it, as far as it is used here. Its own types want those of Node, which whoever
 * uses this package in a browser need not have.
 */

/** Elements by dicom-parser's names, such as `x00280010`. */
export interface ElementSet {
  readonly byteArray: Uint8Array;
  readonly elements: Readonly<Record<string, Element | undefined>>;
  string(key: string, index?: number): string | undefined;
  uint16(key: string, index?: number): number | undefined;
  uint32(key: string, index?: number): number | undefined;
  double(key: string, index?: number): number | undefined;
}

interface Element {
  readonly vr?: string;
  readonly length: number;
  readonly dataOffset: number;
  readonly items?: readonly { readonly dataSet?: ElementSet }[];
  readonly hadUndefinedLength?: boolean;
  readonly encapsulatedPixelData?: boolean;
}
