import { expect, test } from "vitest";
import { decodeText } from "./text.ts";

const TEXT = '{"größe": 1}';

test.each([
  ["UTF-8", Buffer.from(TEXT)],
  ["UTF-8 with a mark, as Windows' editor writes it", Buffer.from(`\uFEFF${TEXT}`)],
  ["UTF-16, as PowerShell writes it", Buffer.from(`\uFEFF${TEXT}`, "utf16le")],
  ["UTF-16 of the other order", Buffer.from(`\uFEFF${TEXT}`, "utf16le").swap16()],
  ["nothing", Buffer.of()],
])("decodes %s", (_, bytes) => {
  expect(decodeText(bytes)).toBe(bytes.length > 0 ? TEXT : "");
});
