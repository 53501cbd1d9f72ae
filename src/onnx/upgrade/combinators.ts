/**
 * @file The few ways in which operators change form, as functions that make rules.
 */

import { AcsconvError, graphError } from "../../base/errors.ts";
import { int, intsAttr, nodeLabel, type Attr, type Node } from "../../graph/graph.ts";
import { DTYPES, floatTensor, int64Tensor, tensorOf } from "../../graph/tensor.ts";
import type { UpgradeContext, UpgradeRule } from "./context.ts";

export const withAttrs = (node: Node, attrs: Readonly<Record<string, Attr>>): Node => ({
  ...node,
  attrs: { ...node.attrs, ...attrs },
});

export const withoutAttrs = (node: Node, ...names: readonly string[]): Node => ({
  ...node,
  attrs: Object.fromEntries(Object.entries(node.attrs).filter(([name]) => !names.includes(name))),
});

/** The node with `value` as its input number `at`; inputs between are absent. */
export const withInput = (node: Node, at: number, value: string): Node => ({
  ...node,
  inputs: Array.from({ length: Math.max(at + 1, node.inputs.length) }, (_, i) =>
    i === at ? value : (node.inputs[i] ?? ""),
  ),
});

/** A node that a rule puts beside the one it upgrades. */
export const helper = (
  op: string,
  inputs: readonly string[],
  output: string,
  attrs: Readonly<Record<string, Attr>> = {},
): Node => ({ op, domain: "", name: "", inputs, outputs: [output], attrs });

/** One rule for several operators, named in one text. */
export const each = (ops: string, rule: UpgradeRule): Record<string, UpgradeRule> =>
  Object.fromEntries(ops.split(" ").map((op) => [op, rule]));

/** Attributes that only repeated what is now always so. */
export const dropping =
  (...names: readonly string[]): UpgradeRule =>
  (node) => [withoutAttrs(node, ...names)];

/** An attribute whose default became its only or its stated value. */
export const defaulting =
  (attrs: Readonly<Record<string, Attr>>): UpgradeRule =>
  (node) => [{ ...node, attrs: { ...attrs, ...node.attrs } }];

/** One rule after the other. */
export const inTurn =
  (...rules: readonly UpgradeRule[]): UpgradeRule =>
  (node, context) =>
    rules.reduce<readonly Node[]>(
      (nodes, rule) => [...nodes.slice(0, -1), ...rule(nodes.at(-1)!, context)],
      [node],
    );

/** A list of integers moves from an attribute to input number `at`, int64. */
export const intsToInput =
  (name: string, at: number): UpgradeRule =>
  (node, context) => {
    const values = intsAttr(node, name);
    if (values === undefined) return [node];
    const input = context.constant(`${valueOf(node)}_${name}`, int64Tensor(values));
    return [withInput(withoutAttrs(node, name), at, input)];
  };

/** A float moves from an attribute to input number `at`, a scalar of the data's element type. */
export const scalarToInput =
  (name: string, at: number): UpgradeRule =>
  (node, context) => {
    const attr = node.attrs[name];
    const rest = withoutAttrs(node, name);
    if (attr?.kind !== "float") return [rest];
    const base = `${valueOf(node)}_${name}`;
    const dtype = context.dtypeOf(node.inputs[0]);
    const scalar = context.constant(base, tensorOf(dtype ?? "float32", [], [attr.value]));
    if (dtype !== undefined) return [withInput(rest, at, scalar)];
    const typed = context.fresh(base);
    return [helper("CastLike", [scalar, node.inputs[0]!], typed), withInput(rest, at, typed)];
  };

/** A list of floats moves from an attribute to input number `at`, float32. */
export const floatsToInput =
  (name: string, at: number): UpgradeRule =>
  (node, context) => {
    const attr = node.attrs[name];
    if (attr?.kind !== "floats") return [node];
    const input = context.constant(`${valueOf(node)}_${name}`, floatTensor([attr.value.length], attr.value));
    return [withInput(withoutAttrs(node, name), at, input)];
  };

/** A form that the newer operator cannot express. */
export const refuse =
  (reason: string): UpgradeRule =>
  (node) => {
    throw refusal(node, reason);
  };

export const refusal = (node: Node, reason: string): AcsconvError =>
  graphError(
    `${nodeLabel(node)} is in a form of an old operator set that has no newer counterpart (${reason}); ` +
      `export the model again with opset 13 or later.`,
    { code: "E_UNSUPPORTED" },
  );

/** The value that new names are made from. */
export const valueOf = (node: Node): string => node.outputs.find((name) => name !== "") ?? node.name;

/** A cast of `from` to the type of `like`, which may not be known before the run. */
export function castLike(context: UpgradeContext, from: string, like: string, output: string): Node {
  const dtype = context.dtypeOf(like);
  return dtype === undefined
    ? helper("CastLike", [from, like], output)
    : helper("Cast", [from], output, { to: int(DTYPES[dtype].onnx) });
}
