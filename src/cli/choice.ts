/** @file Options of which the value is one of a few. */

import { Option } from "commander";

export const choice = (
  flags: string,
  description: string,
  choices: readonly string[],
  standard?: string,
): Option => new Option(flags, description).choices(choices).default(standard);
