/** dcmjs brings no types: `dcmjs.ts` says what we use of it. */
declare module "dcmjs" {
  const dcmjs: { readonly data: unknown };
  export default dcmjs;
}
