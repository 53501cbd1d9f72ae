/**
 * @file Plain data from files and command lines, checked against a table of fields: what each may hold,
 * in words and as a test, and how a flag's text is read. A typo is told with the nearest name there is, and never ignored.
 */

import { inputError } from "./errors.ts";
import { nearestName, unknownName } from "./names.ts";

/** What one field may hold. */
export interface Field {
  /** Goes on from "should be": `a whole number from 1 on`. */
  readonly expects: string;
  accepts(value: unknown): boolean;
  /** What a text on the command line stands for, for `accepts` to judge; the text itself where absent. */
  read?(text: string): unknown;
  /** What a command line should hold, where that is not what `expects` says: goes on from "Expected". */
  readonly written?: string;
  /** All values that there are. */
  readonly choices?: readonly string[];
}

/** A field that a flag of the command line sets, too. */
export interface Setting extends Field {
  /** Such as `--epochs <n>`. */
  readonly flag?: string;
  readonly help?: string;
  /** Whether a text is a path, which starts at the file that holds it, or at the working directory. */
  readonly isPath?: boolean;
}

export const flagged = <const More extends object = object>(
  field: Field,
  flag: string,
  help: string,
  more?: More,
): Setting & More => ({ ...field, flag, help, ...more! });

/** A field for each property of `T`. */
export type Fields<T> = { readonly [K in keyof Required<T>]: Field };

const isNumber = (value: unknown): value is number => typeof value === "number" && Number.isFinite(value);

export const text: Field = {
  expects: "a text",
  accepts: (value) => typeof value === "string" && value !== "",
};
export const trueOrFalse: Field = {
  expects: "true or false",
  accepts: (value) => typeof value === "boolean",
};

/** A number for which `isRight` holds. */
const number = (expects: string, isRight: (value: number) => boolean, example?: string): Field => ({
  expects,
  accepts: (value) => isNumber(value) && isRight(value),
  read: numberOf,
  ...(example !== undefined && { written: `${expects}, such as ${example}` }),
});
/** NaN for what is no number. */
const numberOf = (part: string): number => (part.trim() === "" || part.includes("x") ? NaN : Number(part));

export const anyNumber = number("a number", () => true);
export const count = number("a whole number from 1 on", (value) => Number.isSafeInteger(value) && value >= 1);
export const whole = number("a whole number from 0 on", (value) => Number.isSafeInteger(value) && value >= 0);
export const positive = number("a number above 0", (value) => value > 0);
export const notNegative = number("a number from 0 on", (value) => value >= 0);
/** From 0 to 1, both included. */
export const part = number("a number from 0 to 1", (value) => value >= 0 && value <= 1, "0.2");
/** From 0 to below 1. */
export const fraction = number("a number from 0 to below 1", (value) => value >= 0 && value < 1, "0.5");

export const oneOf = (choices: readonly string[]): Field => ({
  expects: `one of ${choices.join(", ")}`,
  accepts: (value) => choices.includes(value as string),
  choices,
});

/** @param length - how many there must be; any number where absent */
export const listOf = (field: Field, length?: number): Field => ({
  expects: `a list${length === undefined ? "" : ` of ${length}`}, each ${field.expects}`,
  accepts: (value) =>
    Array.isArray(value) &&
    (length === undefined || value.length === length) &&
    value.every((item) => field.accepts(item)),
  read: (text) => text.split(",").map((item) => field.read?.(item) ?? item.trim()),
});

/** Of depth, height and width: `64,128,128` or `64x128x128`; a single number stands for all three. */
export const triple = (field: Field, written: string): Field => ({
  ...listOf(field, 3),
  read: (text) => {
    const numbers = text.split(/[,x]/).map(numberOf);
    return numbers.length === 1 ? [numbers[0], numbers[0], numbers[0]] : numbers;
  },
  written,
});

/** A lower and a higher number. */
export const rising = (field: Field, expects: string, written: string): Field => {
  const pair = listOf(field, 2);
  return {
    ...pair,
    expects,
    accepts: (value) => pair.accepts(value) && (value as number[])[0]! < (value as number[])[1]!,
    written,
  };
};

export const either = (a: Field, b: Field): Field => ({
  expects: `${a.expects} or ${b.expects}`,
  accepts: (value) => a.accepts(value) || b.accepts(value),
});

/** An object of the given fields, none of which has to be there. */
export const objectOf = (fields: Readonly<Record<string, Field>>): Field => ({
  expects: `an object with ${Object.keys(fields).join(", ")}`,
  accepts: (value) =>
    isObject(value) &&
    Object.entries(value).every(([key, item]) => Object.hasOwn(fields, key) && fields[key]!.accepts(item)),
});

export const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/**
 * @param where - what is checked, as the subject of a sentence: `"run.json"`, `The loss "dice"`
 * @throws {@link AcsconvError} `input` for a field that there is not, or a value that it cannot hold
 */
export function checkFields(
  value: unknown,
  fields: Readonly<Record<string, Field>>,
  where: string,
): asserts value is Readonly<Record<string, unknown>> {
  if (!isObject(value))
    throw inputError(`${where} should hold an object of settings, and holds ${shown(value)}.`);
  const names = Object.keys(fields);
  for (const [name, item] of Object.entries(value)) {
    if (!Object.hasOwn(fields, name)) {
      const nearest = nearestName(name, names);
      const hint =
        names.length === 0
          ? "it has none"
          : nearest === undefined
            ? `there are ${names.join(", ")}`
            : `the nearest is "${nearest}"`;
      throw inputError(`${where} has no setting "${name}": ${hint}.`);
    }
    if (item !== undefined && !fields[name]!.accepts(item))
      throw inputError(`${where}: "${name}" should be ${fields[name]!.expects}, not ${shown(item)}.`);
  }
}

/** Long enough to be recognised. */
const SHOWN = 60;
const shown = (value: unknown): string => {
  const json = JSON.stringify(value) ?? String(value);
  return json.length > SHOWN ? `${json.slice(0, SHOWN)}…` : json;
};

/** A name, or a name with options of its own: `"dice"`, `{ name: "adam", weightDecay: 1e-4 }`. */
export type Named = string | ({ readonly name: string } & Readonly<Record<string, unknown>>);

export const nameOf = (what: Named): string => (typeof what === "string" ? what : what.name);

export const named: Field = {
  expects: 'a name, or an object with a "name" and options',
  accepts: (value) => text.accepts(value) || (isObject(value) && text.accepts(value.name)),
  read: (text) => (text.startsWith("{") ? jsonOf(text) : text),
  written: 'a name, or JSON such as {"name":"sgd","momentum":0.9}',
};

/** Names with commas between on a command line, or JSON. */
export const namedList: Field = {
  ...listOf(named),
  read: (text) => (text.startsWith("[") ? jsonOf(text) : text.split(",").map((name) => name.trim())),
  written: named.written!,
};

/** Undefined for what is no JSON. */
function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** What a name stands for. */
export interface Choice<T> {
  /** @param options - checked against `fields` */
  make(options: Readonly<Record<string, unknown>>): T;
  /** The options that it knows. */
  readonly fields: Readonly<Record<string, Field>>;
}

/** @typeParam Given - options that are not the user's to give */
export const choice = <T, Options extends object, Given extends keyof Options = never>(
  make: (options: Options) => T,
  fields: Fields<Omit<Options, Given>>,
): Choice<T> => ({ make: (options) => make(options as Options), fields });

/**
 * Makes what a name stands for.
 *
 * @param what - `loss`, `optimiser` …, for messages
 * @param more - options that are not the user's
 * @throws {@link AcsconvError} `input` for a name or an option that there is not, with the nearest there is
 */
export function choose<T>(
  what: string,
  choices: Readonly<Record<string, Choice<T>>>,
  wanted: Named,
  more: Readonly<Record<string, unknown>> = {},
): T {
  const { name, ...options } = typeof wanted === "string" ? { name: wanted } : wanted;
  if (!Object.hasOwn(choices, name)) throw unknownName(what, name, Object.keys(choices));
  checkFields(options, choices[name]!.fields, `The ${what} "${name}"`);
  return choices[name]!.make({ ...options, ...more });
}
