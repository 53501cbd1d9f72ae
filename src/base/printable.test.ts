import { expect, test } from "vitest";
import { AcsconvError } from "./errors.ts";
import { printable, printableLines } from "./printable.ts";

test("what a terminal would obey is written as JSON writes it; all else stays", () => {
  expect(printable("a\u001b[31m\u0007\u009b2J\r\n\t\u007f")).toBe(
    "a\\u001b[31m\\u0007\\u009b2J\\r\\n\\t\\u007f",
  );
  expect(printable("\u202egnp.exe\u2066\u200f\u2028\ufeff")).toBe(
    "\\u202egnp.exe\\u2066\\u200f\\u2028\\ufeff",
  );
  expect(printable("\ud800x\udc00")).toBe("\\ud800x\\udc00");
  const usual = "Leber (µm³) – 肝臓 × 👍🏽 naïve \\ \"'";
  expect(printable(usual)).toBe(usual);
  expect(JSON.parse(printable(JSON.stringify("a\u009b\u001b\u202e")))).toBe("a\u009b\u001b\u202e");
});

test("lines of our own stay lines", () => {
  expect(printableLines("a\nb\r\u001b")).toBe("a\nb\\r\\u001b");
});

test("errors are one line, whatever they quote", () => {
  const { message } = new AcsconvError("input", 'No value "a\nacsconv: done\u001b[2K".');
  expect(message).toBe('No value "a\\nacsconv: done\\u001b[2K".');
});
