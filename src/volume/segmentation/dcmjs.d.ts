/** What we use of dcmjs, which brings no types. */
declare module "dcmjs" {
  type Dictionary = Record<string, { vr: string; Value?: unknown }>;
  const dcmjs: {
    readonly data: {
      /** sRGB from 0 to 1, to 16 bits each, not rounded. */
      readonly Colors: { rgb2DICOMLAB(rgb: readonly number[]): [number, number, number] };
      readonly DicomDict: new (meta: Dictionary) => { dict: Dictionary; write(): ArrayBuffer };
      readonly DicomMetaDictionary: {
        denaturalizeDataset(dataset: { readonly [name: string]: unknown }): Dictionary;
      };
    };
  };
  export default dcmjs;
}
