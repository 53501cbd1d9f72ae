/** @file Bytes of numbers: byte order, the order of axes, pieces put together. */

/** The chunks, one after the other; a single one is not copied. */
export function concatBytes(chunks: readonly Uint8Array[]): Uint8Array {
  if (chunks.length === 1) return chunks[0]!;
  const joined = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    joined.set(chunk, at);
    at += chunk.length;
  }
  return joined;
}

/** Reverses the bytes of each element in place: big-endian files. */
export function swapBytes(bytes: Uint8Array, elementSize: number): void {
  for (let start = 0; start < bytes.length; start += elementSize)
    bytes.subarray(start, start + elementSize).reverse();
}

/** Elements in memory: [i, j, …] is at `offset + i·strides[0] + j·strides[1] + …`, all counted in elements. */
export interface Strided {
  readonly dims: readonly number[];
  readonly strides: readonly number[];
  readonly offset?: number;
}

/**
 * The elements in row-major order, copied.
 *
 * @param width - bytes of an element
 */
export function gatherBytes(
  source: Uint8Array,
  { dims, strides, offset = 0 }: Strided,
  width: number,
): Uint8Array {
  // A scalar is a row of one.
  const [sizes, steps] = dims.length === 0 ? [[1], [1]] : [dims, strides];
  const target = new Uint8Array(sizes.reduce((a, b) => a * b, width));
  const inner = sizes.length - 1;
  const [length, step] = [sizes[inner]!, steps[inner]! * width];
  const index = sizes.map(() => 0);
  let from = offset * width;
  for (let to = 0; to < target.length;) {
    for (let i = 0, at = from; i < length; i++, at += step)
      for (let b = 0; b < width; b++) target[to++] = source[at + b]!;
    // The next row: the innermost of the outer axes goes on first.
    for (let axis = inner - 1; axis >= 0; axis--) {
      from += steps[axis]! * width;
      if (++index[axis]! < sizes[axis]!) break;
      from -= steps[axis]! * width * sizes[axis]!;
      index[axis] = 0;
    }
  }
  return target;
}
