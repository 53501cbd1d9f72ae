/**
 * @file HTML as a type of its own: text becomes markup only by being escaped, so
 * that names from people's files can stand anywhere on a page.
 */

import { printableLines } from "../../base/printable.ts";

/** A piece of HTML. */
export class Markup {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** What can stand in a template; nothing is written for undefined. */
export type Part = string | number | Markup | readonly Part[] | undefined;

/**
 * A template of HTML whose values are escaped unless they are markup themselves. Attributes that
 * hold values have to be quoted.
 *
 * @example
 * markup`<td title="${name}">${cells.map((cell) => markup`<b>${cell}</b>`)}</td>`;
 */
export const markup = (literals: TemplateStringsArray, ...parts: readonly Part[]): Markup =>
  new Markup(literals.map((literal, i) => literal + rendered(parts[i])).join(""));

function rendered(part: Part): string {
  if (part === undefined) return "";
  if (part instanceof Markup) return part.text;
  if (typeof part === "object") return part.map(rendered).join("");
  return printableLines(String(part)).replaceAll(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
