/** @file Broken and hostile files: read or refused, nothing else. 10,060 more in the slow tests. */

import { expect, test } from "vitest";
import { fuzzedFile, fuzzedHdf5, readsOrRefuses } from "../../test/helpers/fuzzed.ts";

test.each([
  ["400", fuzzedFile, 400],
  // Each in a thread of its own.
  ["12 HDF5", fuzzedHdf5, 12],
] as const)("%s files with faults are read or refused", async (_, file, count) => {
  let readable = 0;
  for (let i = 0; i < count; i++) {
    try {
      if (await readsOrRefuses(file(i))) readable++;
    } catch (error) {
      throw new Error(`file ${i}`, { cause: error });
    }
  }
  // Faults in elements go unnoticed, most others do not.
  expect(readable).toBeGreaterThan(count / 20);
  expect(readable).toBeLessThan(count / 2);
});
