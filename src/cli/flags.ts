/** @file Fields as flags of a command: how a table of them is added to it, and how what was given is read. */

import { type Command, InvalidArgumentError, Option } from "commander";
import type { Field, Setting } from "../base/fields.ts";

/** Options that every command understands. */
export interface GlobalOptions {
  readonly quiet?: boolean;
}

/** @returns what reads a text, and says what was expected where it is no value of the field */
export const parserOf =
  <T>(field: Field) =>
  (text: string): T => {
    const value = field.read ? field.read(text) : text;
    if (field.accepts(value)) return value as T;
    throw new InvalidArgumentError(`Expected ${field.written ?? field.expects}.`);
  };

/** A field's flag as commander takes it; its default, where it has one, is told but not set. */
export function optionOf(setting: Setting & { readonly default?: unknown }): Option {
  const { flag = "", help = "", default: unset } = setting;
  const isTold = (typeof unset === "string" || typeof unset === "number") && !help.includes("(default: ");
  const option = new Option(flag, isTold ? `${help} (default: ${unset})` : help);
  return setting.choices ? option.choices(setting.choices) : option.argParser(parserOf(setting));
}

/** Adds the fields that have a flag, each group of them under its title. */
export function addFlags(
  command: Command,
  groups: Readonly<Record<string, Readonly<Record<string, Setting>>>>,
): void {
  for (const [title, settings] of Object.entries(groups)) {
    command.optionsGroup(`${title}:`);
    for (const setting of Object.values(settings)) if (setting.flag) command.addOption(optionOf(setting));
  }
}

/** The fields that flags were given for, by their own names. */
export function valuesOfFlags<T>(
  settings: { readonly [K in keyof Required<T>]: Setting },
  given: Readonly<Record<string, unknown>>,
): T {
  const values = Object.entries<Setting>(settings).map(([name, { flag }]) => [
    name,
    flag && given[new Option(flag).attributeName()],
  ]);
  return Object.fromEntries(values.filter(([, value]) => value !== undefined)) as T;
}
