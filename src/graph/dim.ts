/**
 * @file Sizes that may depend on the input: integers, or polynomials over
 * named symbols and floor divisions.
 *
 *   H                         an input's height
 *   floor((H + 3) / 4)        two stride-2 stages later
 *   2 * floor(H / 2)          pooled, then upsampled
 *
 * Dims are kept in a canonical form, so that equal sizes have equal keys: that
 * is how a graph's tensors are matched by size. Division follows integers that
 * are known not to be negative; anything else stays an opaque `div`.
 */

/** A size: a number where it is known, an expression over the model's input sizes where it is not. */
export type Dim = number | SymbolicDim;

type AtomOp = "floor" | "div" | "mod" | "min" | "max";

/** Something a polynomial multiplies: an input size, or an operation on other sizes. */
type Atom =
  | { readonly kind: "symbol"; readonly name: string }
  | { readonly kind: "op"; readonly op: AtomOp; readonly args: readonly Dim[] };

interface Term {
  readonly coefficient: number;
  /** Sorted by key; the empty product is the constant term. */
  readonly atoms: readonly Atom[];
}

/** The longest expression of a size, in letters; networks as they are exported stay below a few hundred. */
export const SIZE_LIMIT = 10_000;

/** Thrown where a size would be longer than {@link SIZE_LIMIT}. */
export class SizeLimitError extends Error {
  constructor() {
    super(`an expression of a size takes more than ${SIZE_LIMIT} letters`);
  }
}

/** A canonical polynomial with at least one symbol in it. Make one with the functions below. */
export class SymbolicDim {
  readonly terms: readonly Term[];
  /** Equal dims have equal keys. */
  readonly key: string;

  constructor(terms: readonly Term[]) {
    this.terms = terms;
    this.key = terms.map(termKey).join(" + ");
    if (this.key.length > SIZE_LIMIT) throw new SizeLimitError();
  }

  toString(): string {
    return this.key;
  }
}

/** Equal sizes have equal keys. */
export const dimKey = (dim: Dim): string => (typeof dim === "number" ? String(dim) : dim.key);
function atomKey(atom: Atom): string {
  if (atom.kind === "symbol") return atom.name;
  const [a, b] = atom.args.map(dimKey);
  return atom.op === "floor" ? `floor(${a!.includes(" ") ? `(${a})` : a} / ${b})` : `${atom.op}(${a}, ${b})`;
}
const productKey = (atoms: readonly Atom[]): string => atoms.map(atomKey).join("*");
const termKey = ({ coefficient, atoms }: Term): string =>
  atoms.length === 0
    ? String(coefficient)
    : coefficient === 1
      ? productKey(atoms)
      : `${coefficient}*${productKey(atoms)}`;

const termsOf = (dim: Dim): readonly Term[] =>
  typeof dim === "number" ? (dim === 0 ? [] : [{ coefficient: dim, atoms: [] }]) : dim.terms;

function normalise(terms: readonly Term[]): Dim {
  const byProduct = new Map<string, Term>();
  for (const term of terms) {
    const key = productKey(term.atoms);
    const coefficient = (byProduct.get(key)?.coefficient ?? 0) + term.coefficient;
    byProduct.set(key, { coefficient, atoms: term.atoms });
  }
  const kept = [...byProduct].filter(([, term]) => term.coefficient !== 0);
  kept.sort(([a], [b]) => (a === "" ? 1 : b === "" ? -1 : a < b ? -1 : 1));
  const result = kept.map(([, term]) => term);
  if (result.length === 0) return 0;
  if (result.length === 1 && result[0]!.atoms.length === 0) return result[0]!.coefficient;
  return new SymbolicDim(result);
}

const atomDim = (atom: Atom): Dim => new SymbolicDim([{ coefficient: 1, atoms: [atom] }]);

/** A size known only by name, such as `H`. */
export const symbol = (name: string): Dim => atomDim({ kind: "symbol", name });

export const addDims = (a: Dim, b: Dim): Dim =>
  typeof a === "number" && typeof b === "number" ? a + b : normalise([...termsOf(a), ...termsOf(b)]);

export const subDims = (a: Dim, b: Dim): Dim => addDims(a, mulDims(b, -1));

export function mulDims(a: Dim, b: Dim): Dim {
  if (typeof a === "number" && typeof b === "number") return a * b;
  // Every term takes a letter, and like terms may merge: a bound on the work, not on what comes out.
  if (termsOf(a).length * termsOf(b).length > SIZE_LIMIT) throw new SizeLimitError();
  return normalise(
    termsOf(a).flatMap((s) =>
      termsOf(b).map((t) => ({
        coefficient: s.coefficient * t.coefficient,
        atoms: [...s.atoms, ...t.atoms].sort((x, y) => (atomKey(x) < atomKey(y) ? -1 : 1)),
      })),
    ),
  );
}

/** ⌊a / b⌋. Exact parts leave the floor, and floors of floors merge: ⌊(⌊x/2⌋ + 1)/2⌋ = ⌊(x + 2)/4⌋. */
export function floorDivDims(a: Dim, b: Dim): Dim {
  if (typeof a === "number" && typeof b === "number") return Math.floor(a / b);
  if (typeof b !== "number" || !Number.isInteger(b) || b <= 0) {
    if (typeof b !== "number") {
      const exact = exactQuotient(a, b);
      if (exact !== undefined) return exact;
    }
    return atomDim({ kind: "op", op: "floor", args: [a, b] });
  }
  if (b === 1 && isIntegral(a)) return a;
  const whole: Term[] = [];
  let rest: Term[] = [];
  for (const term of termsOf(a)) {
    const quotient = Math.floor(term.coefficient / b);
    const isConstant = term.atoms.length === 0;
    if (isConstant || term.coefficient % b === 0) {
      whole.push({ coefficient: quotient, atoms: term.atoms });
      rest.push({ coefficient: term.coefficient - quotient * b, atoms: term.atoms });
    } else {
      rest.push(term);
    }
  }
  rest = rest.filter((term) => term.coefficient !== 0);
  const nested = rest.filter((term) => term.atoms.length > 0);
  const inner = nested[0]?.atoms[0];
  if (nested.length === 0) return normalise(whole);
  if (
    nested.length === 1 &&
    nested[0]!.coefficient === 1 &&
    nested[0]!.atoms.length === 1 &&
    inner?.kind === "op" &&
    inner.op === "floor" &&
    typeof inner.args[1] === "number"
  ) {
    // ⌊(⌊x/c⌋ + k) / b⌋ = ⌊(x + k·c) / (b·c)⌋
    const c = inner.args[1];
    const constant = rest.find((term) => term.atoms.length === 0)?.coefficient ?? 0;
    const merged = floorDivDims(addDims(inner.args[0]!, constant * c), b * c);
    return addDims(normalise(whole), merged);
  }
  const floor: Atom = { kind: "op", op: "floor", args: [normalise(rest), b] };
  return addDims(normalise(whole), atomDim(floor));
}

/** ⌈a / b⌉ for a positive integer b. */
export const ceilDivDims = (a: Dim, b: number): Dim => floorDivDims(addDims(a, b - 1), b);

/** ONNX integer division: truncates towards zero. */
export function truncDivDims(a: Dim, b: Dim): Dim {
  if (typeof a === "number" && typeof b === "number") return Math.trunc(a / b);
  if (isNonNegative(a) && isNonNegative(b)) return floorDivDims(a, b);
  return exactQuotient(a, b) ?? atomDim({ kind: "op", op: "div", args: [a, b] });
}

/** a mod b with the sign of b (ONNX `Mod`, fmod = 0). */
export function modDims(a: Dim, b: Dim): Dim {
  if (typeof a === "number" && typeof b === "number") return a - Math.floor(a / b) * b;
  return subDims(a, mulDims(floorDivDims(a, b), b));
}

export const minDims = (a: Dim, b: Dim): Dim => extremum("min", a, b);
export const maxDims = (a: Dim, b: Dim): Dim => extremum("max", a, b);

function extremum(op: "min" | "max", a: Dim, b: Dim): Dim {
  const difference = subDims(a, b);
  if (typeof difference === "number") return (op === "min") === difference < 0 ? a : b;
  return atomDim({ kind: "op", op, args: [a, b] });
}

export const productOfDims = (dims: readonly Dim[]): Dim => dims.reduce(mulDims, 1);

/** Whether two sizes are equal for every input (not merely for one). */
export const sameDim = (a: Dim, b: Dim): boolean => dimKey(a) === dimKey(b);
export const sameDims = (a: readonly Dim[], b: readonly Dim[]): boolean =>
  a.length === b.length && a.every((dim, i) => sameDim(dim, b[i]!));

/** a / b where the division leaves no remainder for any input, else undefined. */
export function exactQuotient(a: Dim, b: Dim): Dim | undefined {
  if (sameDim(a, b)) return 1;
  const divisor = termsOf(b);
  if (divisor.length !== 1) return undefined;
  const { coefficient, atoms } = divisor[0]!;
  const result: Term[] = [];
  for (const term of termsOf(a)) {
    if (term.coefficient % coefficient !== 0) return undefined;
    const left = [...term.atoms];
    for (const atom of atoms) {
      const at = left.findIndex((other) => atomKey(other) === atomKey(atom));
      if (at < 0) return undefined;
      left.splice(at, 1);
    }
    result.push({ coefficient: term.coefficient / coefficient, atoms: left });
  }
  return normalise(result);
}

const isIntegral = (dim: Dim): boolean => termsOf(dim).every((term) => Number.isInteger(term.coefficient));
/** Sizes are not negative, so a polynomial without negative coefficients is not either. */
const isNonNegative = (dim: Dim): boolean =>
  termsOf(dim).every(
    (term) =>
      term.coefficient >= 0 &&
      term.atoms.every((atom) => atom.kind === "symbol" || atom.args.every(isNonNegative)),
  );

/** −1, 0 or 1 where it is the same for every input (all sizes at least 0), else undefined. */
export function signOfDim(dim: Dim): number | undefined {
  if (typeof dim === "number") return Math.sign(dim);
  const surely = (d: Dim): boolean => isNonNegative(d) && termsOf(d).some(({ atoms }) => atoms.length === 0);
  if (surely(dim)) return 1;
  return surely(mulDims(dim, -1)) ? -1 : undefined;
}

/** Fractions that scale factors are: tenths, thirds … of any whole number up to this; beyond, powers of two. */
const LARGEST_DENOMINATOR = 100;
const DENOMINATORS = [
  ...Array.from({ length: LARGEST_DENOMINATOR - 1 }, (_, i) => i + 2),
  ...Array.from({ length: 24 }, (_, i) => 2 ** (i + 7)),
];
/** 0.7 in float32 is 7/10 to this precision, relatively. */
const FLOAT32_EPSILON = 2 ** -24;

/**
 * ⌊x⌋ of a polynomial with fractional coefficients, which come from scale
 * factors in float32: ⌊0.7·H⌋ is ⌊7·H / 10⌋, though 0.7 in float32 is a little less.
 */
export function floorDim(dim: Dim): Dim {
  if (typeof dim === "number") return Math.floor(dim);
  if (isIntegral(dim)) return dim;
  for (const denominator of DENOMINATORS) {
    const numerator = nearlyIntegral(mulDims(dim, denominator));
    if (numerator !== undefined) return floorDivDims(numerator, denominator);
  }
  return atomDim({ kind: "op", op: "floor", args: [dim, 1] });
}

/** With whole coefficients, if rounding to float32 explains why they are not. */
function nearlyIntegral(dim: Dim): Dim | undefined {
  const terms = termsOf(dim);
  const near = terms.every(
    ({ coefficient: c }) => Math.abs(c - Math.round(c)) <= Math.abs(c) * FLOAT32_EPSILON,
  );
  return near
    ? normalise(terms.map((term) => ({ ...term, coefficient: Math.round(term.coefficient) })))
    : undefined;
}

/** Puts sizes in for symbols; symbols that `sizes` does not name stay. */
export function substituteDim(dim: Dim, sizes: ReadonlyMap<string, Dim>): Dim {
  if (typeof dim === "number") return dim;
  return dim.terms.reduce<Dim>((sum, term) => {
    const product = term.atoms.reduce<Dim>(
      (value, atom) => mulDims(value, substituteAtom(atom, sizes)),
      term.coefficient,
    );
    return addDims(sum, product);
  }, 0);
}

function substituteAtom(atom: Atom, sizes: ReadonlyMap<string, Dim>): Dim {
  if (atom.kind === "symbol") return sizes.get(atom.name) ?? atomDim(atom);
  const [a, b] = atom.args.map((arg) => substituteDim(arg, sizes)) as [Dim, Dim];
  return OPERATIONS[atom.op](a, b);
}

const OPERATIONS: Readonly<Record<AtomOp, (a: Dim, b: Dim) => Dim>> = {
  floor: (a, b) => (b === 1 ? floorDim(a) : floorDivDims(a, b)),
  div: truncDivDims,
  mod: modDims,
  min: minDims,
  max: maxDims,
};

/** The number a size comes to, or undefined while a symbol is left. */
export function evaluateDim(dim: Dim, sizes: ReadonlyMap<string, Dim>): number | undefined {
  const value = substituteDim(dim, sizes);
  return typeof value === "number" ? value : undefined;
}

/** The symbols a size depends on. */
export function symbolsOf(dim: Dim): Set<string> {
  const names = new Set<string>();
  const visit = (d: Dim): void => {
    for (const { atoms } of termsOf(d)) {
      for (const atom of atoms) {
        if (atom.kind === "symbol") names.add(atom.name);
        else atom.args.forEach(visit);
      }
    }
  };
  visit(dim);
  return names;
}
