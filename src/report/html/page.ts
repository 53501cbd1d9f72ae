/**
 * @file The frame of a report page: one file that needs no server, no network
 * and no scripts, in light and dark, on wide and narrow screens.
 */

import { Markup, type Part, markup } from "./markup.ts";
import { labelVariables, pictureColour } from "./palette.ts";

/** What a page consists of. */
export interface Page {
  readonly title: string;
  /** Short facts under the title. */
  readonly facts: readonly string[];
  readonly sections: readonly Markup[];
  /** Seconds after which a browser reads the file again: for runs that go on. */
  readonly refresh?: number;
}

/** A page as the text of an HTML file. */
export function pageText({ title, facts, sections, refresh }: Page): string {
  return markup`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
${refresh === undefined ? undefined : markup`<meta http-equiv="refresh" content="${refresh}">`}
<title>${title}</title>
<style>${new Markup(STYLE)}</style>
</head>
<body>
<header><h1>${title}</h1><ul class="facts">${facts.map((fact) => markup`<li>${fact}</li>`)}</ul></header>
${sections}
</body>
</html>
`.text;
}

export const section = (title: string, ...content: readonly Part[]): Markup =>
  markup`<section><h2>${title}</h2>${content}</section>\n`;

/** Things side by side, where there is room. */
export const sideBySide = (items: readonly Markup[]): Markup => markup`<div class="grid">${items}</div>`;

/** Colours, and what they stand for. */
export const legend = (entries: readonly { readonly label: string; readonly colour: string }[]): Markup =>
  markup`<ul class="legend">${entries.map(
    ({ label, colour }) => markup`<li><i style="background: ${colour}"></i>${label}</li>`,
  )}</ul>`;

/** The labels 1, 2, … with the colours that they have in pictures. */
export const pictureLegend = (labels: readonly string[]): Markup =>
  markup`<ul class="legend bodies">${labels.map(
    (label, i) => markup`<li><i style="background: ${pictureColour(i + 1)}"></i>${label}</li>`,
  )}</ul>`;

const STYLE = `
:root {
  color-scheme: light dark;
  --ink: light-dark(#1f2328, #e6edf3);
  --muted: light-dark(#636c76, #8d96a0);
  --line: light-dark(#d8dee4, #30363d);
  --paper: light-dark(#f6f8fa, #0d1117);
  --card: light-dark(#ffffff, #161b22);
  ${labelVariables()}
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; padding: 24px clamp(12px, 3vw, 40px); max-width: 1280px;
  font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
}
h1 { font-size: 24px; margin: 0 0 4px; overflow-wrap: anywhere; }
h2 { font-size: 18px; margin: 32px 0 12px; }
h3 { font-size: 15px; margin: 0 0 4px; overflow-wrap: anywhere; }
section > h3 { margin: 24px 0 8px; }
section > .legend { margin-bottom: 8px; }
section > p { max-width: 76ch; margin: 0 0 12px; }
section > .card + .card, section > .card + p { margin-top: 16px; }
ul { list-style: none; margin: 0; padding: 0; }
.facts { display: flex; flex-wrap: wrap; gap: 4px 20px; color: var(--muted); }
.grid { display: grid; gap: 16px; grid-template-columns: repeat(auto-fit, minmax(min(100%, 420px), 1fr)); }
.card, figure {
  margin: 0; padding: 16px; min-width: 0;
  background: var(--card); border: 1px solid var(--line); border-radius: 8px;
}
.card svg { width: 100%; height: auto; }
.legend { display: flex; flex-wrap: wrap; gap: 0 16px; font-size: 13px; color: var(--muted); }
.legend i { display: inline-block; width: 16px; height: 4px; border-radius: 2px; margin-right: 6px; vertical-align: middle; }
.legend.bodies i { width: 10px; height: 10px; outline: 1px solid var(--line); }
figure img { display: block; max-width: 100%; height: auto; margin: 8px auto 0; border-radius: 4px; }
.tiles { display: grid; gap: 16px 12px; grid-template-columns: repeat(auto-fit, minmax(100px, 1fr)); margin-top: 8px; }
.tiles figure {
  display: grid; grid-row: span 2; grid-template-rows: subgrid; gap: 4px; align-items: start;
  padding: 0; border: 0; background: none; max-width: 192px;
}
.tiles figcaption { font-size: 13px; line-height: 1.35; color: var(--muted); overflow-wrap: anywhere; white-space: pre-line; }
.tiles img { width: 100%; margin: 0; }
.scroll { overflow-x: auto; width: fit-content; max-width: 100%; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: 4px 16px 4px 0; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line); }
th { font-weight: 600; color: var(--muted); white-space: nowrap; }
td { min-width: 6ch; overflow-wrap: break-word; }
tr:last-child td { border-bottom: 0; }
.first:not(:first-child) { border-left: 1px solid var(--line); padding-left: 16px; }
.line { white-space: nowrap; }
.line:first-child { position: sticky; left: 0; background: var(--card); }
pre { margin: 0; }
.number { text-align: right; white-space: nowrap; }
.note { color: var(--muted); }
`;
