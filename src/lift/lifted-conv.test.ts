/** @file Lifted convolutions against PyTorch: 75 cases, five kinds. */

import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { Graph } from "../graph/graph.ts";
import { int, ints } from "../graph/graph.ts";
import { floatTensor } from "../graph/tensor.ts";
import { Model, lift } from "../model.ts";
import type { LiftKind } from "../ops/rule.ts";

interface Case {
  readonly name: string;
  readonly kind: "acs" | "mean" | "soft" | "planar" | "i3d";
  readonly kernel: [number, number];
  readonly stride: number;
  readonly padding: number;
  readonly dilation: number;
  readonly groups: number;
  readonly x: { shape: number[]; data: number[] };
  readonly weight: { shape: number[]; data: number[] };
  readonly bias: number[] | null;
  readonly soft: { shape: number[]; data: number[] } | number[] | null;
  readonly y: { shape: number[]; data: number[] };
}

const file = new URL("../../test/fixtures/lifted_conv.json", import.meta.url);
const { cases } = JSON.parse(readFileSync(file, "utf8")) as { cases: Case[] };
const kinds: Record<Case["kind"], LiftKind> = {
  acs: "acs",
  mean: "mean-acs",
  soft: "soft-acs",
  planar: "2.5d",
  i3d: "i3d",
};

function conv2d(c: Case): Graph {
  const initializers = new Map([["w", floatTensor(c.weight.shape, c.weight.data)]]);
  if (c.bias) initializers.set("b", floatTensor([c.bias.length], c.bias));
  const [N, C] = c.x.shape as [number, number];
  return {
    name: c.name,
    inputs: [{ name: "x", dtype: "float32", shape: [N, C, 32, 32] }],
    outputs: [{ name: "y", dtype: "float32" }],
    nodes: [
      {
        op: "Conv",
        domain: "",
        name: "conv",
        inputs: c.bias ? ["x", "w", "b"] : ["x", "w"],
        outputs: ["y"],
        attrs: {
          kernel_shape: ints(c.kernel),
          strides: ints([c.stride, c.stride]),
          pads: ints(new Array<number>(4).fill(c.padding)),
          dilations: ints([c.dilation, c.dilation]),
          group: int(c.groups),
        },
      },
    ],
    initializers,
    valueInfos: new Map(),
    opsets: new Map([["", 18]]),
    metadata: new Map(),
  };
}

/** The lifted network with the case's logits in place of random ones. */
function withLogits(model: Model, soft: Case["soft"]): Model {
  const name = [...model.graph.initializers.keys()].find((key) => key.endsWith("soft_w_core"));
  if (!soft || !name) return model;
  const { dims } = model.graph.initializers.get(name)!;
  const logits = floatTensor(dims, Array.isArray(soft) ? soft : soft.data);
  return new Model({ ...model.graph, initializers: new Map([...model.graph.initializers, [name, logits]]) });
}

describe.each(Object.keys(kinds) as Case["kind"][])("%s", (kind) => {
  test.each(cases.filter((c) => c.kind === kind))("$name", async (c) => {
    const model = withLogits(lift(new Model(conv2d(c)), { kind: kinds[kind] }), c.soft);
    const x = { dtype: "float32", dims: c.x.shape, data: Float32Array.from(c.x.data) } as const;
    const { y } = await model.run({ x });
    expect(y!.dims).toEqual(c.y.shape);
    const data = y!.data as Float32Array;
    const worst = c.y.data.reduce(
      (most, e, i) => Math.max(most, Math.abs(data[i]! - e) / Math.max(1, Math.abs(e))),
      0,
    );
    expect(worst).toBeLessThanOrEqual(1e-5);
    await model.dispose();
  });
});
