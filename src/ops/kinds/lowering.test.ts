/**
 * @file Lifted convolutions against one dense Conv whose kernels are zero but
 * for the 2D kernel in the plane of its view, for any geometry; transposed ones
 * against the 2D operator slice by slice; and the nodes that all become.
 */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  anyConv,
  anyConvTranspose,
  fits,
  networkOf,
  type Stage,
} from "../../../test/helpers/compositions.ts";
import { relativeDeviation } from "../../../test/helpers/compare.ts";
import { evaluate, graphOf, node, type Floats } from "../../../test/helpers/graphs.ts";
import { random, repeated, slices } from "../../../test/helpers/networks.ts";
import { plain } from "../../compile/targets/plain.ts";
import type { Graph, Node } from "../../graph/graph.ts";
import { int, ints } from "../../graph/graph.ts";
import { floatTensor, numbersOf } from "../../graph/tensor.ts";
import { liftGraph } from "../../lift/index.ts";
import type { LiftOptions } from "../../lift/options.ts";
import type { LiftKind } from "./index.ts";
import type { View } from "../rule.ts";
import { VIEWS } from "../views.ts";
import { foldBatchNorm } from "../../passes/fold-batch-norm.ts";
import { lower } from "../../passes/lower.ts";

const CLOSE = 1e-5;
type ConvStage = Stage & { op: "Conv" };

const lifted = (graph: Graph, options: LiftOptions): Graph =>
  lower(liftGraph(graph, options).graph, plain.fuses).graph;
const oneView = (view: View): LiftOptions => ({
  split: [0, 0, 0].with(VIEWS.indexOf(view), 1) as [number, number, number],
});

/** One axis of [D, H, W] as the operator is sized; depth as height. */
interface Axis {
  readonly k: number;
  readonly s: number;
  readonly d: number;
  readonly p0: number;
  readonly p1: number;
}

const axesOf = (c: ConvStage): Axis[] =>
  [0, 0, 1].map((i) => ({
    k: c.kernel[i]!,
    s: c.stride[i]!,
    d: c.dilation[i]!,
    p0: c.before[i]!,
    p1: c.after[i]!,
  }));

/** Share of each view (axial, coronal, sagittal) in an output channel. */
type Shares = (channel: number) => readonly number[];

/** The first views take what does not divide by three; groups stay whole. */
function dealt(channels: number, groups: number): Shares {
  const units = groups > 1 ? groups : channels;
  const [a, c] = [Math.ceil(units / 3), Math.ceil((units - 1) / 3)];
  return (channel) => {
    const unit = Math.floor((channel * units) / channels);
    return unit < a ? [1, 0, 0] : unit < a + c ? [0, 1, 0] : [0, 0, 1];
  };
}

/** A tap of the dense kernel, counted from where a kernel in the centre starts. */
interface Tap {
  readonly at: readonly number[];
  readonly row: number;
  readonly column: number;
}

/** Rows and columns of the 2D kernel on the axes of a view, about the centre d·⌊k/2⌋ of each axis. */
function tapsOf(c: ConvStage, axes: readonly Axis[], view: number): Tap[] {
  const centre = axes.map(({ d, k }) => d * Math.floor(k / 2));
  const [rows, columns] = [
    [1, 2],
    [0, 2],
    [0, 1],
  ][view] as [number, number];
  const [kh, kw] = c.kernel;
  return Array.from({ length: kh * kw }, (_, i): Tap => {
    const [row, column] = [Math.floor(i / kw), i % kw];
    const at = centre
      .with(rows, centre[rows]! + (row - Math.floor(kh / 2)) * c.dilation[0])
      .with(columns, centre[columns]! + (column - Math.floor(kw / 2)) * c.dilation[1]);
    return { at, row, column };
  });
}

/** Conv with undilated dense kernels: w in the planes of the views, weighted by their shares. */
function dense(graph: Graph, axes: readonly Axis[], taps: readonly Tap[][], shares: Shares): Graph {
  const weight = graph.initializers.get("w0")!;
  const [O, I, kh, kw] = weight.dims as [number, number, number, number];
  const used = [0, 1, 2].map((axis) => taps.flat().map(({ at }) => at[axis]!));
  // A kernel of another length on this axis reaches beyond it.
  const before = axes.map((_, axis) => Math.max(0, -Math.min(...used[axis]!)));
  const after = axes.map(({ d, k }, axis) => Math.max(0, Math.max(...used[axis]!) - d * (k - 1)));
  const size = axes.map(({ d, k }, axis) => d * (k - 1) + 1 + before[axis]! + after[axis]!);
  const values = numbersOf(weight);
  const kernel = new Float32Array(O * I * size[0]! * size[1]! * size[2]!);
  for (let o = 0; o < O; o++) {
    for (let i = 0; i < I; i++) {
      taps.forEach((view, v) => {
        for (const { at, row, column } of view) {
          const [z, y, x] = at.map((n, axis) => n + before[axis]!) as [number, number, number];
          const to = (((o * I + i) * size[0]! + z) * size[1]! + y) * size[2]! + x;
          kernel[to]! += shares(o)[v]! * values[((o * I + i) * kh + row) * kw + column]!;
        }
      });
    }
  }
  const conv = node("Conv", ["x", "dense", "b0"], ["y"], {
    kernel_shape: ints(size),
    strides: ints(axes.map(({ s }) => s)),
    pads: ints([...axes.map(({ p0 }, i) => p0 + before[i]!), ...axes.map(({ p1 }, i) => p1 + after[i]!)]),
    group: int(graph.nodes[0]!.attrs["group"]!.value as number),
  });
  const bias = graph.initializers.get("b0")!;
  return graphOf([conv], { initializers: { dense: floatTensor([O, I, ...size], kernel), b0: bias } });
}

const side = fc.integer({ min: 1, max: 11 });
const anySizes = fc.tuple(side, side, side);

async function expectSameFunction(actual: Graph, expected: Graph, sizes: readonly number[]): Promise<void> {
  const x = random([2, 4, ...sizes], 7);
  const [a, e] = await Promise.all([actual, expected].map((graph) => evaluate(graph, { x })));
  expect(a!.y!.dims).toEqual(e!.y!.dims);
  expect(relativeDeviation(a!.y!, e!.y!)).toBeLessThan(CLOSE);
}

describe("a lifted convolution is a dense Conv with the kernel in the centre planes", () => {
  const expectDense = (kind: LiftKind, expected: (c: ConvStage, graph: Graph, view: View) => Graph) =>
    fc.assert(
      fc.asyncProperty(
        anyConv(false),
        fc.constantFrom(...VIEWS),
        anySizes,
        fc.boolean(),
        async (c, view, sizes, fixed) => {
          const graph = networkOf([c]);
          const { graph: anySize } = liftGraph(graph, { kind, view });
          fc.pre(fits(anySize, [2, 4, ...sizes]));
          const unlowered = fixed ? liftGraph(graph, { kind, view, size: sizes }).graph : anySize;
          const logits = unlowered.initializers.get("w0.soft_w_core");
          const reference = expected(
            c,
            logits ? { ...graph, initializers: unlowered.initializers } : graph,
            view,
          );
          await expectSameFunction(lower(unlowered).graph, reference, sizes);
        },
      ),
      { numRuns: 60 },
    );
  const views = (c: ConvStage): Tap[][] => [0, 1, 2].map((view) => tapsOf(c, axesOf(c), view));

  test("acs: each output channel in the view it is dealt to", async () => {
    await expectDense("acs", (c, graph) => {
      const channels = graph.initializers.get("w0")!.dims[0]!;
      const groups = c.groups === "one" ? 1 : c.groups === "two" ? 2 : channels;
      return dense(graph, axesOf(c), views(c), dealt(channels, groups));
    });
  });

  test("mean-acs: a third in each", async () => {
    await expectDense("mean-acs", (c, graph) =>
      dense(graph, axesOf(c), views(c), () => [1 / 3, 1 / 3, 1 / 3]),
    );
  });

  test("soft-acs: softmax of the channel's logits", async () => {
    await expectDense("soft-acs", (c, graph) => {
      const logits = graph.initializers.get("w0.soft_w_core");
      return dense(graph, axesOf(c), views(c), (channel) => {
        if (!logits) return [1, 0, 0]; // 1×1 kernels are the same in every view
        const powers = [0, 1, 2].map((view) => Math.exp(numbersOf(logits)[channel * 3 + view]!));
        return powers.map((power) => power / (powers[0]! + powers[1]! + powers[2]!));
      });
    });
  });

  test("2.5d: one tap and no padding along the axis it omits", async () => {
    await expectDense("2.5d", (c, graph, view) => {
      const omitted = VIEWS.indexOf(view);
      const axes = axesOf(c).with(omitted, { ...axesOf(c)[omitted]!, k: 1, p0: 0, p1: 0 });
      return dense(graph, axes, [tapsOf(c, axes, omitted)], () => [1]);
    });
  });

  test("i3d: repeated K times along depth, divided by K", async () => {
    await expectDense("i3d", (c, graph) => {
      const axes = axesOf(c);
      const plane = tapsOf(c, axes, 0);
      const { k, d } = axes[0]!;
      const planes = Array.from({ length: k }, (_, z) =>
        plane.map((tap) => ({ ...tap, at: tap.at.with(0, z * d) })),
      );
      return dense(graph, axes, planes, () => new Array<number>(k).fill(1 / k));
    });
  });
});

test("a crop larger than the map: what the other side is padded with comes first", async () => {
  for (const [dilation, before, after] of [
    [2, 0, 2],
    [4, 2, 2],
    [4, 1, 3],
  ] as const) {
    const c: ConvStage = {
      op: "Conv",
      kernel: [2, 2],
      stride: [1, 1],
      dilation: [dilation, dilation],
      before: [before, before],
      after: [after, after],
      channels: 6,
      groups: "one",
    };
    const taps = [0, 1, 2].map((view) => tapsOf(c, axesOf(c), view));
    const expected = dense(networkOf([c]), axesOf(c), taps, dealt(6, 1));
    for (const depth of [1, 2, 3])
      await expectSameFunction(lifted(networkOf([c]), {}), expected, [depth, 6, 7]);
  }
});

test("mean-acs is the mean of the three one-view lifts, of convolutions and transposed ones", async () => {
  await fc.assert(
    fc.asyncProperty(fc.oneof(anyConv(false), anyConvTranspose(false)), anySizes, async (stage, sizes) => {
      const graph = networkOf([stage]);
      const mean = liftGraph(graph, { kind: "mean-acs" }).graph;
      fc.pre(fits(mean, [2, 4, ...sizes]));
      const x = random([2, 4, ...sizes], 7);
      const actual = (await evaluate(lower(mean).graph, { x })).y!;
      const each = await Promise.all(VIEWS.map((view) => evaluate(lifted(graph, oneView(view)), { x })));
      const data = actual.data.map((_, i) => each.reduce((sum, { y }) => sum + y!.data[i]! / 3, 0));
      expect(relativeDeviation(actual, { dims: each[0]!.y!.dims, data })).toBeLessThan(CLOSE);
    }),
    { numRuns: 60 },
  );
});

describe("transposed convolutions", () => {
  const image = (x: Floats, sizes: readonly [number, number]): boolean =>
    x.dims.slice(2).join() === sizes.join();

  test("one view, its omitted axis constant: every slice is the 2D network's", async () => {
    const geometry = fc.oneof(
      fc.tuple(anyConvTranspose(false), fc.constantFrom("axial", "coronal")),
      fc.tuple(anyConvTranspose(true), fc.constantFrom(...VIEWS)),
    );
    await fc.assert(
      fc.asyncProperty(
        geometry,
        fc.constantFrom("acs", "2.5d"),
        anySizes,
        async ([stage, view], kind, [a, b, n]) => {
          const graph = networkOf([stage]);
          fc.pre(fits(graph, [2, 4, a, b]));
          const x = random([2, 4, a, b], 7);
          expect(image(x, [a, b])).toBe(true);
          const flat = (await evaluate(graph, { x })).y!;
          const axis = VIEWS.indexOf(view);
          const options: LiftOptions = kind === "acs" ? oneView(view) : { kind: "2.5d", view };
          const { graph: up } = liftGraph(graph, options);
          const volume = repeated(x, axis, n);
          fc.pre(fits(up, volume.dims));
          const y = (await evaluate(lower(up).graph, { x: volume })).y!;
          for (const slice of slices(y, axis)) expect(relativeDeviation(slice, flat)).toBeLessThan(CLOSE);
        },
      ),
      { numRuns: 100 },
    );
  });

  // The usual decoders have every slice `stride` times, in place; where padding crops
  // more than the kernel overlaps, the repeats are cropped as the kernel's centre is.
  test.each([
    [2, 2, 0, 0, 0],
    [3, 2, 1, 1, 0],
    [4, 2, 1, 0, 0],
    [4, 4, 0, 0, 0],
    [8, 4, 2, 0, 0],
    [3, 1, 1, 0, 0],
    [3, 2, 1, 0, 0],
    [2, 2, 1, 0, 1],
    [4, 2, 2, 0, 1],
  ])(
    "kernel %i, stride %i, padding %i, output padding %i: slice o comes from slice ⌊(o + %i)/stride⌋",
    async (k, s, p, extra, cropped) => {
      const stage: Stage = {
        op: "ConvTranspose",
        kernel: [k, k],
        stride: [s, s],
        dilation: [1, 1],
        before: [p, p],
        after: [p, p],
        channels: 2,
        groups: "one",
        extra: [extra, extra],
      };
      const graph = networkOf([stage]);
      const x = random([1, 4, 3, 4, 5], 7);
      for (const axis of [0, 1, 2]) {
        const found = slices((await evaluate(lifted(graph, oneView(VIEWS[axis]!)), { x })).y!, axis);
        const images = slices(x, axis);
        expect(found).toHaveLength(s * (images.length - 1) + extra + k - 2 * p);
        for (const [o, slice] of found.entries()) {
          const flat = await evaluate(graph, { x: images[Math.floor((o + cropped) / s)]! });
          expect(relativeDeviation(slice, flat.y!)).toBeLessThan(CLOSE);
        }
      }
    },
  );

  test("a kernel side shorter than the axis's sits at its centre", async () => {
    // Sagittal: two rows on depth, one column on height, where the operator has two taps and its centre at 1.
    const stage: Stage = {
      op: "ConvTranspose",
      kernel: [2, 1],
      stride: [1, 1],
      dilation: [1, 1],
      before: [0, 0],
      after: [0, 0],
      channels: 2,
      groups: "one",
      extra: [0, 0],
    };
    const graph = networkOf([stage]);
    const data = new Float32Array(4 * 27);
    data[13] = 1; // the middle of the first channel's 3×3×3
    const y = (await evaluate(lifted(graph, oneView("sagittal")), { x: { dims: [1, 4, 3, 3, 3], data } })).y!;
    expect(y.dims).toEqual([1, 2, 4, 4, 3]);
    const [w, b] = [numbersOf(graph.initializers.get("w0")!), numbersOf(graph.initializers.get("b0")!)];
    const at = (d: number, h: number, v: number): number => y.data[(d * 4 + h) * 3 + v]! - b[0]!;
    for (let d = 0; d < 4; d++) {
      for (let h = 0; h < 4; h++) {
        const hit = (d === 1 || d === 2) && h === 2;
        expect(at(d, h, 1)).toBeCloseTo(hit ? w[d - 1]! : 0, 5);
      }
    }
  });
});

/** What a lowered graph computes: operators that read the image or what comes of it, and those over weights. */
function operatorsOf(graph: Graph): { data: string[]; weights: string[] } {
  const known = new Set(graph.initializers.keys());
  const [data, weights]: [string[], string[]] = [[], []];
  for (const { op, inputs, outputs } of graph.nodes) {
    const constant = inputs.every((name) => known.has(name));
    (constant ? weights : data).push(op);
    if (constant) outputs.forEach((name) => known.add(name));
  }
  return { data, weights: weights.sort() };
}

describe("no needless nodes", () => {
  const conv = (kernel: number, pad: number, more: Partial<ConvStage> = {}): ConvStage => ({
    op: "Conv",
    kernel: [kernel, kernel],
    stride: [1, 1],
    dilation: [1, 1],
    before: [pad, pad],
    after: [pad, pad],
    channels: 6,
    groups: "one",
    ...more,
  });
  const nodes = (stages: readonly Stage[], options: LiftOptions = {}) =>
    operatorsOf(lifted(networkOf(stages), options));
  const cut = ["Slice", "Slice", "Slice", "Slice", "Slice", "Slice", "Unsqueeze", "Unsqueeze", "Unsqueeze"];

  test("3×3, same padding: three convolutions with their activations, joined", () => {
    expect(nodes([conv(3, 1), { op: "Relu" }])).toEqual({
      data: ["Conv", "Relu", "Conv", "Relu", "Conv", "Relu", "Concat"],
      weights: cut,
    });
  });

  test.each([
    ["7×7 stride 2", conv(7, 3, { stride: [2, 2] })],
    ["dilated, same padding", conv(3, 2, { dilation: [2, 2] })],
  ])("%s: no pads, no crops", (_, stage) => {
    expect(nodes([stage]).data).toEqual(["Conv", "Conv", "Conv", "Concat"]);
  });

  test("valid: the axis a view omits is cropped, because the output is smaller", () => {
    expect(nodes([conv(3, 0)]).data).toEqual(["Slice", "Conv", "Slice", "Conv", "Slice", "Conv", "Concat"]);
  });

  test("whole groups: each view reads the input channels of its groups", () => {
    expect(nodes([conv(3, 1, { groups: "depthwise" })]).data).toEqual([
      "Slice",
      "Conv",
      "Slice",
      "Conv",
      "Slice",
      "Conv",
      "Concat",
    ]);
  });

  test.each([
    ["1×1 in any kind", conv(1, 0), {}, ["Unsqueeze"]],
    ["2.5d", conv(3, 1), { kind: "2.5d" }, ["Unsqueeze"]],
    ["one view", conv(3, 1), { split: [0, 1, 0] }, ["Unsqueeze"]],
    ["i3d", conv(3, 1), { kind: "i3d" }, ["Div", "Expand", "Unsqueeze"]],
    ["3d", conv(3, 1), { kind: "3d" }, []],
  ] satisfies [string, ConvStage, LiftOptions, string[]][])(
    "%s: one convolution, and the activation after it",
    (_, stage, options, weights) => {
      expect(nodes([stage, { op: "Relu" }], options)).toEqual({ data: ["Conv", "Relu"], weights });
    },
  );

  test.each(["mean-acs", "soft-acs"] as const)("%s: one convolution with the summed kernel", (kind) => {
    expect(nodes([conv(3, 1), { op: "Relu" }], { kind }).data).toEqual(["Conv", "Relu"]);
  });

  test("a transposed 2×2 stride 2: one per view, no pads, no crops", () => {
    const up: Stage = {
      ...conv(2, 0, { stride: [2, 2] }),
      op: "ConvTranspose",
      groups: "one",
      extra: [0, 0],
    };
    expect(nodes([up]).data).toEqual(["ConvTranspose", "ConvTranspose", "ConvTranspose", "Concat"]);
  });

  test("BatchNormalization after it is folded, the activation after that moves into the views", () => {
    const base = networkOf([conv(3, 1), { op: "Relu" }]);
    const vectors = Object.fromEntries(
      ["scale", "shift", "mean"].map((name, i) => [name, floatTensor([6], random([6], i).data)]),
    );
    const graph: Graph = {
      ...base,
      nodes: [
        base.nodes[0]!,
        node("BatchNormalization", ["v1", "scale", "shift", "mean", "variance"], ["n"]),
        node("Relu", ["n"], ["y"]),
      ],
      initializers: new Map([
        ...base.initializers,
        ...Object.entries(vectors),
        ["variance", floatTensor([6], [0.5, 1, 1.5, 2, 2.5, 3])],
      ]),
    };
    const folded = lower(foldBatchNorm(liftGraph(graph).graph), plain.fuses).graph;
    expect(operatorsOf(folded)).toEqual({
      data: ["Conv", "Relu", "Conv", "Relu", "Conv", "Relu", "Concat"],
      weights: cut,
    });
  });

  test("limits go into the views with their Clip, unless they are computed", async () => {
    const base = networkOf([conv(3, 1), { op: "Relu" }]);
    const limited = (nodes: Node[]): Graph => ({
      ...base,
      nodes: [base.nodes[0]!, ...nodes, node("Clip", ["v1", "low", "high"], ["y"])],
      initializers: new Map([
        ...base.initializers,
        ["low", floatTensor([], [0])],
        ["six", floatTensor([], [6])],
      ]),
    });
    const fixed = {
      ...limited([]),
      nodes: limited([]).nodes.map((n) => ({
        ...n,
        inputs: n.inputs.map((name) => (name === "high" ? "six" : name)),
      })),
    };
    expect(operatorsOf(lifted(fixed, {})).data).toEqual([
      "Conv",
      "Clip",
      "Conv",
      "Clip",
      "Conv",
      "Clip",
      "Concat",
    ]);
    const computed = lifted(limited([node("ReduceMax", ["x"], ["high"], { keepdims: int(0) })]), {});
    expect(operatorsOf(computed).data).toEqual(["Conv", "Conv", "Conv", "Concat", "ReduceMax", "Clip"]);
    expect((await evaluate(computed, { x: random([1, 4, 5, 5, 5]) })).y!.dims).toEqual([1, 6, 5, 5, 5]);
  });

  test("an activation whose input something else reads stays where it is", () => {
    const base = networkOf([conv(3, 1), { op: "Relu" }]);
    const both: Graph = {
      ...base,
      nodes: [...base.nodes.slice(0, 1), node("Relu", ["v1"], ["r"]), node("Add", ["r", "v1"], ["y"])],
    };
    expect(operatorsOf(lifted(both, {})).data).toEqual(["Conv", "Conv", "Conv", "Concat", "Relu", "Add"]);
  });
});
