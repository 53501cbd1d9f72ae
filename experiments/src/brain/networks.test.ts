/** @file The networks of the experiment on a brain: what they have of the pretrained one, and what is new. */

import { describe, expect, test } from "vitest";
import { Model } from "acsconv";
import { tensorAttr } from "acsconv/graph";
import { resnet18 } from "acsconv/models";
import { node } from "../../../test/helpers/graphs.ts";
import { network } from "../../../test/helpers/networks.ts";
import { encoderOf, hasDecoder, networkOf, transferredOf, withInitializers } from "./networks.ts";
import { ROWS } from "./rows.ts";

const row = (id: string) => ROWS.find((one) => one.id === id)!;

/** Kernels: what is drawn, where scales are ones and statistics are zeros. */
const kernelsOf = ({ graph }: Model): string[] =>
  [...graph.initializers].flatMap(([name, { dims }]) => (dims.length === 4 ? [name] : []));

/** Kernels with the same elements in both. */
const kept = (a: Model, b: Model): string[] =>
  kernelsOf(a).filter((name) => {
    const other = b.graph.initializers.get(name);
    return other && Buffer.compare(a.graph.initializers.get(name)!.bytes, other.bytes) === 0;
  });

describe("a network with a decoder", async () => {
  const source = await network("unet_train");
  const all = kernelsOf(source);

  test("keeps it, but for the last layer", () => {
    expect(hasDecoder(source)).toBe(true);
    const model = networkOf(row("acs-p"), 0, source);
    const tissues = model.outputs[0]!.shape![1];
    expect(tissues).toBe(4);
    expect(kept(model, source)).toEqual(all.filter((name) => !name.startsWith("final")));
  });

  test("its encoder is what its coarsest map comes from", () => {
    const names = encoderOf(source);
    const encoder = all.filter((name) => names.has(name));
    expect(encoder.length).toBeGreaterThan(2);
    expect(encoder).toEqual(all.filter((name) => name.startsWith("enc")));
    const model = networkOf(row("acs-e"), 0, source);
    expect(kept(model, source)).toEqual(encoder);
  });

  test("random weights are others for every seed, and none of the pretrained ones", () => {
    const [a, b] = [0, 1].map((seed) => networkOf(row("acs-r"), seed, source));
    expect(kept(a!, source)).toEqual([]);
    expect(kept(a!, b!)).toEqual([]);
    expect(kept(a!, networkOf(row("acs-r"), 0, source))).toEqual(all);
  });

  test("what is taken over is counted in parameters", () => {
    const [whole, encoder, nothing] = ["acs-p", "acs-e", "acs-r"].map((id) => transferredOf(row(id), source));
    expect(nothing).toEqual({ bytes: 0, part: 0 });
    expect(encoder!.part).toBeLessThan(whole!.part);
    expect(whole!.part).toBeLessThan(1);
    const bytesOf = (names: readonly string[]): number =>
      names.reduce((sum, name) => sum + source.graph.initializers.get(name)!.bytes.length, 0);
    const isParameter = (name: string): boolean => /\.(weight|bias)$/.test(name);
    expect(encoder!.bytes).toBe(bytesOf([...encoderOf(source)].filter(isParameter)));
  });
});

test("weights may be in nodes, as Paddle's exporter keeps them", async () => {
  const { graph } = await network("unet_train");
  const constants = [...graph.initializers].map(([name, tensor]) => ({
    ...node("Constant", [], [name], { value: tensorAttr(tensor) }),
  }));
  const inNodes = new Model({ ...graph, nodes: [...constants, ...graph.nodes], initializers: new Map() });
  const source = withInitializers(inNodes.graph);
  expect(kernelsOf(source).sort()).toEqual(kernelsOf(new Model(graph)).sort());
  expect(encoderOf(source).size).toBeGreaterThan(2);
  const [whole, encoder] = ["acs-p", "acs-e"].map((id) => transferredOf(row(id), source).part);
  expect(encoder).toBeGreaterThan(0.3);
  expect(whole).toBeGreaterThan(0.9);
  const model = networkOf(row("acs-e"), 0, source);
  expect(kept(model, source).every((name) => encoderOf(source).has(name))).toBe(true);
  expect(kept(model, source).length).toBeGreaterThan(2);
  // Nothing to be found is nothing to be silent about.
  expect(() => encoderOf(inNodes)).toThrow(/would take over nothing/);
});

describe("a classifier", () => {
  const source = resnet18({ seed: 1 });

  test("gets the paper's decoder, and has no encoder of its own to take over", () => {
    expect(hasDecoder(source)).toBe(false);
    const model = networkOf(row("2.5d-p"), 0, source);
    expect(model.lifted?.options.kind).toBe("2.5d");
    expect(model.outputs[0]!.shape!.slice(2).map(String)).toEqual(
      model.inputs[0]!.shape!.slice(2).map(String),
    );
    expect(kept(model, source)).toContain("layer4.1.conv2.weight");
    expect(() => encoderOf(source)).toThrow(/this one has none: leave acs-e out/);
  });

  test("3d has kernels of its own", () => {
    const { graph } = networkOf(row("3d-r"), 0, source);
    expect(graph.initializers.get("layer1.0.conv1.weight")!.dims).toEqual([64, 64, 3, 3, 3]);
  });
});
