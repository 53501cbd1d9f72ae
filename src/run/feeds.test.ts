import { expect, test } from "vitest";
import { owned } from "./feeds.ts";

test.each([
  { name: "an array", data: Float32Array.of(1, 2, 3), given: true },
  { name: "a view of a larger buffer", data: new Float32Array(8).subarray(2, 5), given: false },
  { name: "a view of a shared buffer", data: new Int32Array(new SharedArrayBuffer(8)), given: false },
  { name: "a Buffer, whose slice is a view", data: Buffer.from("abc"), given: false },
  { name: "64-bit integers", data: BigInt64Array.of(1n, -2n), given: true },
  { name: "strings", data: ["a", "b"], given: false },
])("$name is copied, and given away only on request and if it is all of its buffer", ({ data, given }) => {
  const copy = owned(data, false);
  expect([...copy]).toEqual([...data]);
  expect(copy).not.toBe(data);
  if (ArrayBuffer.isView(copy) && ArrayBuffer.isView(data)) {
    expect(copy.buffer).not.toBe(data.buffer);
    expect(copy.buffer).toBeInstanceOf(ArrayBuffer);
    expect(copy.byteLength).toBe(copy.buffer.byteLength);
  }
  expect(owned(data, true) === data).toBe(given);
});
