/**
 * @file Einsum: letters of the equation are axes. Lifting puts a letter for depth
 * before the letter of height wherever that occurs.
 *
 * @see https://onnx.ai/onnx/operators/onnx__Einsum.html
 */

import type { Dim } from "../graph/dim.ts";
import { type Node, str, stringAttr } from "../graph/graph.ts";
import { elementCount } from "../graph/tensor.ts";
import { shaped, shapeOf } from "./common.ts";
import type { GradientContext, GradientRule } from "./gradient.ts";
import { atom, type Axis, isHeight, isSpatial } from "./roles.ts";
import type { OpRule } from "./rule.ts";
import type { Slot } from "./slots.ts";

/**
 * The gradient of an operand is the product of ∂Y with the other
 * operands, its own letters being what is left. Letters that it alone has were
 * summed: its gradient is the same all along them.
 */
const gradient: GradientRule = (c) => {
  const { terms, output } = equationOf(c.node);
  if ([...terms, output].some((term) => term.includes(".") || new Set(term).size < term.length)) {
    return c.refuse("its equation has an ellipsis, or a letter twice in one operand");
  }
  return terms.map((term, i) => (c.needs(i) ? operandGradient(c, terms, output, i, term) : undefined));
};

function operandGradient(
  c: GradientContext,
  terms: readonly string[],
  output: string,
  i: number,
  term: string,
): string {
  const others = terms.flatMap((other, k) => (k === i ? [] : [{ letters: other, name: c.x(k) }]));
  const factors = [{ letters: output, name: c.dy() }, ...others];
  const present = [...term].filter((letter) => factors.some(({ letters }) => letters.includes(letter)));
  const equation = `${factors.map(({ letters }) => letters).join(",")}->${present.join("")}`;
  const operands = factors.map(({ name }) => name);
  const gradient = c.op("Einsum", operands, { equation: str(equation) });
  const sizes = c.shape(gradient);
  const aligned = [...term].map((letter) => (present.includes(letter) ? sizes[present.indexOf(letter)]! : 1));
  return c.reshape(gradient, aligned);
}

export const Einsum: OpRule = {
  required: "all",
  infer(c) {
    const { terms, output } = equationOf(c.node);
    const sizes = new Map<string, Dim>();
    for (const [i, term] of terms.entries()) {
      const shape = shapeOf(c, i);
      if (!shape || term.includes(".")) return shaped(c);
      [...term].forEach((letter, axis) => {
        if (sizes.get(letter) === undefined || sizes.get(letter) === 1) sizes.set(letter, shape[axis]!);
      });
    }
    const shape = [...output].map((letter) => sizes.get(letter)!);
    return shaped(c, shape);
  },
  lift(c) {
    const { terms, output } = equationOf(c.node);
    if (terms.join("").includes("."))
      return c.refuse("E_EINSUM", "leaves axes to an ellipsis, which does not say what they are");
    const roles = new Map<string, Axis>();
    terms.forEach((term, i) => {
      const { axes, constant } = c.input(i);
      [...term].forEach((letter, axis) => {
        if (!constant && axes[axis]) roles.set(letter, axes[axis]);
      });
    });
    const depth = [..."abcdefghijklmnopqrstuvwxyz"].find((letter) => !terms.join("").includes(letter))!;
    const heights = [...roles].filter(([, axis]) => isHeight(axis)).map(([letter]) => letter);
    if (heights.length > 1) return c.refuse("E_EINSUM", "names height twice");
    const rewrite = (term: string): string => term.replaceAll(heights[0] ?? "\0", (letter) => depth + letter);
    const spatial = [...roles].filter(([, axis]) => isSpatial(axis)).map(([letter]) => letter);
    if (terms.some((term, i) => c.input(i).constant && spatial.some((letter) => term.includes(letter)))) {
      return c.refuse("E_EINSUM", "contracts a spatial axis with a constant, which has no values for depth");
    }
    const equation = str(`${terms.map(rewrite).join(",")}->${rewrite(output)}`);
    c.emit(c.names(), { attrs: { equation } });
    const shape = c.outputs[0]!.shape!;
    return [[...output].map((letter, i) => roles.get(letter) ?? atom("C", shape[i] ?? 1))];
  },
  gradient,
  slots: slotsOf,
  /** A product for every combination of letters. */
  cost(c) {
    const { terms } = equationOf(c.node);
    const sizes = new Map<string, number>();
    for (const [i, term] of terms.entries()) {
      const dims = c.input(i);
      if (dims?.length !== term.length) return undefined;
      [...term].forEach((letter, axis) => sizes.set(letter, Math.max(dims[axis]!, sizes.get(letter) ?? 1)));
    }
    return elementCount([...sizes.values()]);
  },
};

/** Operands that are summed over some of their letters are kernels; others are multiplied like those of Mul. */
function slotsOf(node: Node): Slot[] {
  const { terms, output } = equationOf(node);
  return terms.map((term, input): Slot => {
    const others = terms.filter((_, i) => i !== input).join("");
    const own = [...term].findIndex((letter) => output.includes(letter) && !others.includes(letter));
    if ([...term].every((letter) => output.includes(letter))) return { input, role: "factor" };
    const fanIn = (dims: readonly number[]): number =>
      elementCount(dims.filter((_, axis) => !output.includes(term[axis]!)));
    const outputs = own < 0 ? undefined : own;
    return { input, role: "kernel", layout: (_, dims) => ({ outputs, fanIn: fanIn(dims) }) };
  });
}

/** Letters of each operand and of the result; without `->`, those that occur once, in alphabetical order. */
function equationOf(node: Node): { terms: string[]; output: string } {
  const [left = "", right] = stringAttr(node, "equation", "").replaceAll(" ", "").split("->");
  const letters = [...left.replaceAll(",", "")];
  const once = letters.filter((letter) => letters.indexOf(letter) === letters.lastIndexOf(letter));
  return { terms: left.split(","), output: right ?? once.sort().join("") };
}
