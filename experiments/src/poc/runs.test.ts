/** @file Which trainings the table takes, and what each network starts from. */

import { describe, expect, test } from "vitest";
import type { Model } from "acsconv";
import { type Tensor, numbersOf } from "acsconv/graph";
import { pocUnet } from "acsconv/models";
import { withFormulaWeights } from "../../../test/helpers/poc-formula.ts";
import { PAPER } from "./config.ts";
import { ROWS, type Run, networkOf, runsOf } from "./runs.ts";

const pretrained = withFormulaWeights(pocUnet({ classes: 3 }));
const runs = new Map(runsOf(ROWS).map((run) => [run.id, run]));
const start = (id: string, seed = 3, options: Parameters<typeof networkOf>[3] = {}): Model =>
  networkOf(runs.get(id)!, seed, pretrained, options);

const names = ({ graph }: Model): string[] =>
  [...graph.initializers.keys()].filter((name) => name.includes("."));
const tensor = ({ graph }: Model, name: string): Tensor => graph.initializers.get(name)!;
const values = (model: Model, name: string): Float32Array => numbersOf(tensor(model, name)) as Float32Array;
const areEqual = (a: Model, b: Model, name: string): boolean =>
  Buffer.from(tensor(a, name).bytes).equals(tensor(b, name).bytes);
const isHead = (name: string): boolean => name.startsWith("final.");

describe("trainings", () => {
  const brief = (runs: readonly Run[]): string[][] =>
    runs.map(({ id, row, kernels }) => [id, row.id, row.kind, kernels]);

  test("every row has one, and 3D from random weights a second one that starts like the others", () => {
    expect(brief(runsOf(ROWS))).toEqual([
      ["2.5d-r", "2.5d-r", "2.5d", "default"],
      ["2.5d-p", "2.5d-p", "2.5d", "default"],
      ["3d-r", "3d-r", "3d", "kaiming"],
      ["3d-r-default", "3d-r", "3d", "default"],
      ["acs-r", "acs-r", "acs", "default"],
      ["acs-p", "acs-p", "acs", "default"],
      ["mean-acs-p", "mean-acs-p", "mean-acs", "default"],
      ["soft-acs-p", "soft-acs-p", "soft-acs", "default"],
      ["i3d-p", "i3d-p", "i3d", "default"],
    ]);
    expect(ROWS.filter((row) => row.pretrained).map((row) => row.id)).toEqual(
      ROWS.map((row) => row.id).filter((id) => id.endsWith("-p")),
    );
  });

  test("of some rows are theirs only; the paper's rows exist", () => {
    expect(brief(runsOf(ROWS.filter(({ id }) => id === "acs-p")))).toEqual([
      ["acs-p", "acs-p", "acs", "default"],
    ]);
    expect(PAPER.models.filter((id) => !ROWS.some((row) => row.id === id))).toEqual([]);
  });
});

describe("pretrained networks", () => {
  const random = start("acs-r");

  test.each(["2.5d-p", "acs-p", "mean-acs-p", "soft-acs-p", "i3d-p"])(
    "%s keeps all of the 2D network but the head, statistics of BatchNorm included",
    (id) => {
      const model = start(id);
      const kept = names(pretrained).filter((name) => !isHead(name));
      expect(kept).toHaveLength(6 * 2 + 6 * 4);
      for (const name of kept) expect(areEqual(model, pretrained, name), name).toBe(true);
      // The head is as fresh as that of a network from random weights.
      for (const name of ["final.weight", "final.bias"])
        expect(areEqual(model, random, name), name).toBe(true);
    },
  );

  test("their features are of the same weights", () => {
    const features = start("acs-p", 3, { output: "features", interpolation: "nearest" });
    expect(names(features)).toEqual(names(start("acs-p")).filter((name) => !isHead(name)));
    for (const name of names(features)) expect(areEqual(features, pretrained, name), name).toBe(true);
  });
});

describe("networks from random weights", () => {
  test("ACS and 2.5D start equal; other seeds start elsewhere", () => {
    const [acs, flat, other] = [start("acs-r"), start("2.5d-r"), start("acs-r", 4)];
    expect(names(acs)).toEqual(names(flat));
    for (const name of names(acs)) expect(areEqual(acs, flat, name), name).toBe(true);
    expect(areEqual(acs, other, "dec1.decode.0.weight")).toBe(false);
  });

  test("nothing of the 2D network is in them", () => {
    for (const id of ["acs-r", "3d-r", "3d-r-default"]) {
      const model = start(id);
      for (const name of names(model)) {
        if (/running|\.[14]\./.test(name)) expect(new Set(values(model, name)).size).toBe(1);
        else expect(values(model, name)[0]).not.toBe(values(pretrained, name)[0]);
      }
    }
  });

  test("3D as published has kernels √6 wider than 3D that starts like the others", () => {
    const [published, honest] = [start("3d-r"), start("3d-r-default")];
    for (const name of names(honest)) {
      const isKernel = /(\.[03]|final)\.weight$/.test(name);
      const expected = values(honest, name).map((x) => (isKernel ? Math.sqrt(6) * x : x));
      expect(values(published, name), name).toBeAllClose(expected, { rtol: 1e-6, atol: 0 });
    }
  });
});
