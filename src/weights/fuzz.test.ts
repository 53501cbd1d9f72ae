/** @file Broken and hostile files: read or refused, nothing else. 10,000 more in the slow tests. */

import { expect, test } from "vitest";
import { fuzzedFile, readsOrRefuses } from "../../test/helpers/fuzzed.ts";

const FILES = 400;

test(`${FILES} files with faults are read or refused`, async () => {
  let readable = 0;
  for (let i = 0; i < FILES; i++) {
    try {
      if (await readsOrRefuses(fuzzedFile(i))) readable++;
    } catch (error) {
      throw new Error(`file ${i}`, { cause: error });
    }
  }
  // Faults in elements go unnoticed, most others do not.
  expect(readable).toBeGreaterThan(FILES / 20);
  expect(readable).toBeLessThan(FILES / 2);
});
