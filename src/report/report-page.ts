/**
 * @file Pages of one's own from plain data: text, tables, line charts and pictures, as one HTML
 * file in the form of acsconv's own reports.
 */

import { type Series, curves } from "./html/curves.ts";
import { type Markup, markup } from "./html/markup.ts";
import { pageText, pictureLegend, section, sideBySide } from "./html/page.ts";
import { labelVariable } from "./html/palette.ts";
import { gallery } from "./html/pictures.ts";
import { type Column, table } from "./html/table.ts";
import { type RgbImage, encodePng } from "./image.ts";

/** What {@link reportPage} writes. All text is escaped. */
export interface ReportPage {
  readonly title: string;
  /** Short facts under the title. */
  readonly facts: readonly string[];
  readonly sections: readonly ReportSection[];
}

/** A part of a page under a title of its own; what there is of it stands in the order of these fields. */
export interface ReportSection {
  readonly title: string;
  /** Paragraphs. */
  readonly text?: readonly string[];
  /** Lines as they are typed, such as a command. */
  readonly code?: string;
  readonly tables?: readonly ReportTable[];
  readonly charts?: readonly ReportChart[];
  /** Paragraphs in small print, on the numbers above them. */
  readonly notes?: readonly string[];
  /** Names of the labels 1, 2, … in the pictures, with the colours that they have there. */
  readonly labels?: readonly string[];
  readonly galleries?: readonly ReportGallery[];
}

/** A table: its columns, and a text per cell. */
export interface ReportTable {
  readonly columns: readonly Column[];
  readonly rows: readonly (readonly string[])[];
}

/** Lines over what `xLabel` counts; a y that is not finite leaves a gap. */
export interface ReportChart {
  readonly title: string;
  readonly xLabel: string;
  /** The range of y; by default that of all points. */
  readonly domain?: readonly [low: number, high: number];
  readonly lines: readonly {
    readonly label: string;
    readonly points: readonly { readonly x: number; readonly y: number }[];
  }[];
}

/** Small pictures to compare, as many in a row as there is room for. */
export interface ReportGallery {
  readonly title: string;
  readonly tiles: readonly { readonly title: string; readonly image: RgbImage }[];
}

/**
 * One HTML file that needs nothing else, in light and dark, for wide and narrow screens.
 *
 * @example
 * const tiles = [{ title: "the middle", image: montage(scan) }];
 * const sections = [{ title: "What we saw", galleries: [{ title: "Scan", tiles }] }];
 * await writeFile("page.html", reportPage({ title: "My scan", facts: ["T1"], sections }));
 */
export const reportPage = ({ title, facts, sections }: ReportPage): string =>
  pageText({ title, facts, sections: sections.map(sectionMarkup) });

function sectionMarkup(part: ReportSection): Markup {
  const { title, text, code, tables = [], charts = [], notes, labels, galleries = [] } = part;
  return section(
    title,
    text?.map((paragraph) => markup`<p>${paragraph}</p>`),
    code === undefined ? undefined : markup`<div class="card scroll"><pre>${code}</pre></div>`,
    sideBySide([...tables.map(({ columns, rows }) => table(columns, rows)), ...charts.map(chart)]),
    notes?.map((note) => markup`<p class="note">${note}</p>`),
    labels && pictureLegend(labels),
    sideBySide(galleries.map(galleryMarkup)),
  );
}

const galleryMarkup = ({ title, tiles }: ReportGallery): Markup =>
  gallery({ title, tiles: tiles.map((tile) => ({ title: tile.title, png: encodePng(tile.image) })) });

const chart = ({ lines, ...rest }: ReportChart): Markup =>
  curves({ ...rest, series: lines.map((line, i): Series => ({ ...line, colour: labelVariable(i + 1) })) });
