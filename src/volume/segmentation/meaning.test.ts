import { describe, expect, test } from "vitest";
import { dicomText } from "./characters.ts";
import { KNOWN_MEANINGS, meaningOfName } from "./codes.ts";
import { dicomLab } from "./colour.ts";
import { decimal } from "./decimal.ts";
import { newUid } from "./elements.ts";

test("names of classes find their codes, and only those", () => {
  const said = (name: string): string => {
    const { category, type, modifier } = meaningOfName(name);
    return [category.meaning, type.value, modifier?.meaning].filter(Boolean).join(" ");
  };
  expect(said("liver")).toBe("Anatomical Structure 10200004");
  expect(said("Right Kidney")).toBe("Anatomical Structure 64033007 Right");
  expect(said("kidneys")).toBe("Anatomical Structure 64033007");
  // The heart's left ventricle is a structure of its own, no ventricle to the left.
  expect(said("left ventricle")).toBe("Anatomical Structure 87878005");
  expect(said("CSF")).toBe("Anatomical Structure 65216001");
  expect(said("tumour")).toBe("Morphologically Abnormal Structure 108369006");
  expect(said("fat")).toBe("Tissue 55603005");
  for (const name of ["", "liver tumor core", "left right kidney", "left", "PZ", "label 1", "constructor"])
    expect(said(name)).toBe("Tissue 85756007");
  const values = KNOWN_MEANINGS.map(({ type }) => type.value);
  expect(new Set(values).size).toBe(values.length);
});

test("colours are L*a*b* under D50, as ICC's sRGB profile gives them", () => {
  const lab = (rgb: [number, number, number]): number[] => {
    const [l, a, b] = dicomLab(rgb);
    return [(l / 65535) * 100, (a / 65535) * 255 - 128, (b / 65535) * 255 - 128];
  };
  // B. Lindbloom's calculator, sRGB, D50, Bradford
  expect(lab([255, 0, 0])).toBeAllClose([54.2917, 80.8125, 69.8851], { rtol: 0, atol: 0.01 });
  expect(lab([0, 0, 255])).toBeAllClose([29.5676, 68.2986, -112.0294], { rtol: 0, atol: 0.01 });
  expect(lab([255, 255, 255])).toBeAllClose([100, 0, 0], { rtol: 0, atol: 0.01 });
  expect(dicomLab([0, 0, 0])).toEqual([0, 0x8080, 0x8080]);
});

describe("text", () => {
  const bytes = (text: string): Uint8Array => Uint8Array.from(text, (letter) => letter.charCodeAt(0));
  test.each([
    ["Smith^John", [""], "Smith^John"],
    ["M\xfcller", [""], "Müller"],
    ["Buc^J\xe9r\xf4me", ["ISO_IR 100"], "Buc^Jérôme"],
    ["\xc3\xa9", ["ISO_IR 192"], "é"],
    // PS3.5, annexes H, I and K
    ["Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B", ["", "ISO 2022 IR 87"], "Yamada^Tarou=山田^太郎"],
    ["Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7", ["", "ISO 2022 IR 149"], "Hong^Gildong=洪^吉洞"],
    ["Wang^XiaoDong=\xcd\xf5^\xd0\xa1\xb6\xab", ["GB18030"], "Wang^XiaoDong=王^小东"],
    ["\xff\xfe", ["ISO_IR 192"], undefined],
    ["\xe9", ["ISO_IR 999"], undefined],
  ])("%j in %j", (text, sets, right) => {
    expect(dicomText(bytes(text), sets)).toBe(right);
  });
});

test("decimals fit into 16 characters, with the digits that do", () => {
  expect(["-110.5", "0.7000000000001", "7.00052431752234"].map(Number).map(decimal)).toEqual([
    "-110.5",
    "0.7000000000001",
    "7.00052431752234",
  ]);
  for (const value of [-1 / 3, 1.23456789e-9 / 3, -1e300 / 3, 1e6 / 7, 0]) {
    expect(decimal(value).length).toBeLessThanOrEqual(16);
    expect([Number(decimal(value))]).toBeAllClose([value], { rtol: 1e-8, atol: 0 });
  }
});

test("UIDs are new each time", () => {
  const uids = Array.from({ length: 100 }, newUid);
  expect(new Set(uids).size).toBe(100);
  for (const uid of uids) expect(uid).toMatch(/^2\.25\.[1-9]\d{0,38}$/);
});
