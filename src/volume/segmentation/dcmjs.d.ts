/** What we use of dcmjs, which brings no types. */
declare module "dcmjs" {
  type Dictionary = Record<string, { vr: string; Value?: unknown }>;
  const dcmjs: {
    readonly data: {
      readonly DicomDict: new (meta: Dictionary) => { dict: Dictionary; write(): ArrayBuffer };
      readonly DicomMetaDictionary: {
        denaturalizeDataset(dataset: { readonly [name: string]: unknown }): Dictionary;
      };
    };
    readonly log: { setLevel(level: "error"): void };
  };
  export default dcmjs;
}
