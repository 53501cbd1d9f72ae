/** @file `acsconv models`: figures of networks by name, and how they are shown. */

import { expect, test } from "vitest";
import { acsconv } from "../../test/helpers/command-line.ts";

interface Listed {
  readonly networks: readonly {
    readonly name: string;
    readonly dimensions: number;
    readonly kinds: readonly {
      readonly kind: string;
      readonly parameters: number;
      readonly parameterBytes: number;
      readonly multiplyAdds: number;
    }[];
  }[];
}

test("an overview fits 100 columns, and has the paper's sizes of the U-Net", async () => {
  const { code, stdout } = await acsconv("models", "--grep", "^(poc_unet|mobilenet_v2|models_genesis)$");
  expect(code).toBe(0);
  expect(stdout).toMatch(/^2D networks for 64×64 pixels, 3D ones for 64×64×64 voxels$/m);
  // 1.6 MB with ACS's kernels and 4.7 MB with 3D ones (Table 2).
  expect(stdout).toMatch(/^poc_unet +389 k +1\.56 MB +4\.66 MB +512 M +21\.3 G +63\.9 G$/m);
  expect(stdout).toMatch(/^classification .*\n─.*\nmobilenet_v2 +3\.50 M +14\.0 MB/m);
  expect(stdout).toMatch(/^3D segmentation .*\n─.*\nmodels_genesis +19\.1 M +76\.3 MB/m);
  const tables = stdout.split("\n").filter((line) => !/^(Slices|2\.5d|--kind)/.test(line));
  expect(Math.max(...tables.map((line) => line.length))).toBeLessThanOrEqual(100);
});

test("one kind, for another size", async () => {
  const args = ["--kind", "2.5d", "--size", "16,32,32", "--grep", "^(poc_unet|med3d10)$"];
  const { stdout } = await acsconv("models", ...args);
  expect(stdout).toMatch(/^2\.5d, for 16×32×32 voxels\n\n/);
  // A sixteenth of 64³, and pixels that are read are K².
  expect(stdout).toMatch(/^poc_unet +389 k +1\.56 MB +1\.33 G +39\.3 MB$/m);
  expect(stdout).not.toMatch(/med3d/);
});

test("parallel separable convolutions, of any form", async () => {
  const args = ["--kind", "psc", "--grep", "^poc_unet$"];
  // Of C → O in three streams 27·M·C + 3·M·O and the rest, where M = 2, 48, 76, 96, 57, 27: 979 k of 1.16 M in 3D.
  expect((await acsconv("models", ...args)).stdout).toMatch(/^poc_unet +979 k +3\.92 MB /m);
  // 9·M·C + 3·M·O and the rest, where M = 8, 64, 128, 128, 64, 32.
  expect((await acsconv("models", ...args, "--psc", "1,1")).stdout).toMatch(/^poc_unet +516 k /m);
});

test("JSON has every kind; what the overview says of the others holds", async () => {
  const { stdout } = await acsconv("models", "--json", "--grep", "^(unet|med3d10|vgg11)$");
  const { networks } = JSON.parse(stdout) as Listed;
  expect(networks.map(({ name, dimensions }) => [name, dimensions])).toEqual([
    ["vgg11", 2],
    ["unet", 2],
    ["med3d10", 3],
  ]);
  expect(networks[2]!.kinds.map(({ kind, parameters }) => [kind, parameters])).toEqual([["3d", 14_514_464]]);
  for (const { kinds } of networks.slice(0, 2)) {
    const by = new Map(kinds.map((costs) => [costs.kind, costs]));
    expect([...by.keys()].sort()).toEqual(["2.5d", "2d", "3d", "acs", "i3d", "mean-acs", "psc", "soft-acs"]);
    expect(by.get("2.5d")).toEqual({ ...by.get("acs"), kind: "2.5d" });
    for (const kind of ["acs", "mean-acs", "i3d"])
      expect(by.get(kind)!.parameters).toBe(by.get("2d")!.parameters);
    for (const kind of ["mean-acs", "soft-acs", "i3d"]) {
      const share = by.get(kind)!.multiplyAdds / by.get("3d")!.multiplyAdds;
      expect(Math.abs(share - 1)).toBeLessThan(0.05);
    }
  }
  expect(networks[0]).toMatchObject({ fixed: [224, 224] });
});

test.each([
  ["nothing that matches", ["--grep", "zzz"], /No network matches \/zzz\/; the names are resnet18, /],
  ["a broken pattern", ["--grep", "("], /expected a regular expression/],
  ["a kind there is not", ["--kind", "4d"], /allowed choices are 2d, acs, /],
  ["two sizes", ["--size", "1,2"], /expected depth,height,width/],
  ["psc of a kind that is not shown", ["--psc", "3,1"], /--psc is for --kind psc or --json/],
  [
    "streams that there are not",
    ["--kind", "psc", "--psc", "4,1"],
    /psc\.streams must be one of 1, 2, 3, got "4"/,
  ],
])("says in one sentence what is wrong: %s", async (_, args, message) => {
  const { code, stdout, stderr } = await acsconv("models", ...args);
  expect(stderr).toMatch(message);
  expect(stderr).toMatch(/^acsconv: [^\n]+\.\n$/);
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
});
