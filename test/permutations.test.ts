/**
 * @file A lifted network does not know which axis is which: permuting the axes
 * of the input and of the views permutes the output.
 *
 * A view lays kernel rows and columns on two axes, in ascending order: axial
 * (H, W), coronal (D, W), sagittal (D, H). A permutation σ moves them to
 * (σ(rows), σ(columns)); if those descend, the kernel is transposed.
 *
 *   lift(w, view)(x)  then σ   =   lift(w or wᵀ, σ(view))(σ x)
 *
 * Depth follows height, so D and H may be swapped for any geometry where rows
 * lie on one of them and columns on W; other permutations need one geometry
 * for height and width.
 */

import fc from "fast-check";
import { expect, test } from "vitest";
import { ints } from "../src/graph/graph.ts";
import { floatTensor } from "../src/graph/tensor.ts";
import { liftGraph } from "../src/lift/index.ts";
import type { LiftOptions } from "../src/lift/options.ts";
import { omittedAxis, planeAxes, VIEWS } from "../src/ops/views.ts";
import { lower } from "../src/passes/lower.ts";
import type { View } from "../src/ops/rule.ts";
import { anyStages, fits, networkOf, type Stage } from "./helpers/compositions.ts";
import { relativeDeviation } from "./helpers/compare.ts";
import { evaluate, graphOf, node, type Floats } from "./helpers/graphs.ts";
import { random, transposed } from "./helpers/networks.ts";

const CLOSE = 1e-5;
/** σ as numpy.transpose takes it: axis i of the result is axis perm[i] of [D, H, W]. */
const PERMUTATIONS = [
  [0, 2, 1],
  [1, 0, 2],
  [2, 1, 0],
  [1, 2, 0],
  [2, 0, 1],
] as const;
type Permutation = (typeof PERMUTATIONS)[number];

const permute = (x: Floats, perm: Permutation): Floats =>
  transposed(x, [0, 1, ...perm.map((axis) => axis + 2)]);
const movedTo = (axis: number, perm: Permutation): number => perm.indexOf(axis as 0 | 1 | 2);

/** Where σ takes a view, and whether its kernel is transposed on the way. */
function moved(view: View, perm: Permutation): { view: View; flipped: boolean } {
  const [rows, columns] = planeAxes(view).map((axis) => movedTo(axis, perm)) as [number, number];
  return { view: VIEWS[movedTo(omittedAxis(view), perm)]!, flipped: rows > columns };
}

const optionsFor = (kind: "acs" | "2.5d", view: View): LiftOptions =>
  kind === "acs"
    ? { kind, split: [0, 0, 0].with(omittedAxis(view), 1) as [number, number, number] }
    : { kind, view };

async function permutes(
  stages: readonly Stage[],
  kind: "acs" | "2.5d",
  view: View,
  perm: Permutation,
  sizes: readonly number[],
) {
  const to = moved(view, perm);
  const from = liftGraph(networkOf(stages), optionsFor(kind, view)).graph;
  fc.pre(fits(from, [1, 4, ...sizes]));
  const x = random([1, 4, ...sizes], 7);
  const expected = permute((await evaluate(lower(from).graph, { x })).y!, perm);
  const turned = liftGraph(networkOf(stages, to.flipped), optionsFor(kind, to.view)).graph;
  const actual = (await evaluate(lower(turned).graph, { x: permute(x, perm) })).y!;
  expect(actual.dims).toEqual(expected.dims);
  expect(relativeDeviation(actual, expected)).toBeLessThan(CLOSE);
}

const side = fc.integer({ min: 5, max: 11 });
const anySizes = fc.tuple(side, side, side);
const anyView = fc.constantFrom(...VIEWS);
const anyKind = fc.constantFrom("acs" as const, "2.5d" as const);

test("one geometry for height and width: any permutation", async () => {
  await fc.assert(
    fc.asyncProperty(anyStages(true), anyKind, anyView, fc.constantFrom(...PERMUTATIONS), anySizes, permutes),
    { numRuns: 150 },
  );
});

test("any geometry: depth and height swapped, rows on one of them", async () => {
  await fc.assert(
    fc.asyncProperty(
      anyStages(false),
      anyKind,
      fc.constantFrom("axial", "coronal"),
      anySizes,
      (stages, kind, view, sizes) => permutes(stages, kind, view, [1, 0, 2], sizes),
    ),
    { numRuns: 150 },
  );
});

test("a split among all three views: its parts are permuted with their channels", async () => {
  const anySplit = fc
    .tuple(fc.nat(4), fc.nat(4), fc.nat(4))
    .filter((split) => split.some((count) => count > 0));
  await fc.assert(
    fc.asyncProperty(
      anySplit,
      fc.constantFrom(...PERMUTATIONS),
      fc.integer({ min: 1, max: 4 }),
      async (split, perm, k) => {
        const channels = split[0] + split[1] + split[2];
        const w = random([channels, 2, k, k], 8);
        const x = random([1, 2, 5, 6, 7], 9);
        const conv = (kernel: Floats, parts: readonly number[]) => {
          const graph = graphOf([node("Conv", ["x", "w"], ["y"], { pads: ints([1, 1, 1, 1]) })], {
            inputs: [{ name: "x", dtype: "float32", shape: [1, 2, 8, 8] }],
            initializers: { w: floatTensor(kernel.dims, kernel.data) },
          });
          return lower(liftGraph(graph, { split: parts as [number, number, number] }).graph).graph;
        };
        // The channels of each view, in the order of the views they move to.
        const per = w.data.length / channels;
        const rows = (view: number, of: Floats): Float32Array => {
          const start = split.slice(0, view).reduce((a, b) => a + b, 0);
          return of.data.slice(start * per, (start + split[view]!) * per);
        };
        const kernels = perm.flatMap((view) => {
          const { flipped } = moved(VIEWS[view]!, perm);
          return [...rows(view, flipped ? transposed(w, [0, 1, 3, 2]) : w)];
        });
        const order = perm.flatMap((view) =>
          Array.from({ length: split[view] }, (_, i) => split.slice(0, view).reduce((a, b) => a + b, 0) + i),
        );
        const expected = permute((await evaluate(conv(w, split), { x })).y!, perm);
        const turned = conv(
          { dims: w.dims, data: Float32Array.from(kernels) },
          perm.map((view) => split[view]),
        );
        const actual = (await evaluate(turned, { x: permute(x, perm) })).y!;
        const volume = expected.data.length / channels;
        const reordered = new Float32Array(expected.data.length);
        order.forEach((channel, to) => {
          reordered.set(expected.data.subarray(channel * volume, (channel + 1) * volume), to * volume);
        });
        expect(relativeDeviation(actual, { dims: expected.dims, data: reordered })).toBeLessThan(CLOSE);
      },
    ),
    { numRuns: 60 },
  );
});
