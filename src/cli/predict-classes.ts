/** @file `acsconv predict` with a classifier: a table of scans and the probabilities of their classes. */

import { stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { openSource } from "../base/byte-source.ts";
import { AcsconvError, inputError } from "../base/errors.ts";
import { checkApart, checkWritable, writeFiles } from "../base/files.ts";
import { printable } from "../base/printable.ts";
import { type ClassifiedScan, scansOf, splitsOf } from "../data/classification/data-set.ts";
import { entriesOf } from "../data/classification/files.ts";
import { isNote, scansBelow } from "../data/classification/folders.ts";
import { isMedmnist } from "../data/classification/medmnist.ts";
import type { ArrayNames } from "../data/folders.ts";
import { parseChannelName } from "../data/file-names.ts";
import { isTable, openData } from "../data/open.ts";
import { type ScanFiles, scanCases } from "../data/scan-cases.ts";
import { openNpz } from "../formats/npz.ts";
import type { Model } from "../index.ts";
import { type Classification, type ClassifyOptions, classifyVolume } from "../model/classify.ts";
import { formatTable } from "../report/text-table.ts";
import type { SessionOptions } from "../run/session.ts";
import { type ReadOptions, type Volume, readChannels } from "../volume/index.ts";
import { warn } from "./errors.ts";
import { print, printNote } from "./print.ts";
import { startProgress } from "./progress.ts";
import { type ScanChoice, listFiles } from "./scan-files.ts";

/** Which files are scans of their own. */
interface ClassifyChoice extends Pick<ScanChoice, "onWarning" | "onNote"> {
  /** The channels that the network's task names; undefined where it has none. */
  readonly task: readonly string[] | undefined;
  /** Channels of the network's input; undefined where it leaves them open. */
  readonly inputs: number | undefined;
}

/** What to classify, and where the table goes. */
export interface ClassifyJob {
  readonly modelPath: string;
  readonly scans: readonly string[];
  readonly out: string;
  readonly settings: ClassifyOptions;
  readonly machine: SessionOptions;
  readonly read: Omit<ReadOptions, "onWarning">;
  readonly choice: ClassifyChoice;
  readonly quiet: boolean;
}

/** A scan to classify. */
interface Scan {
  readonly name: string;
  readonly read: () => Promise<Volume>;
}

/** Longer tables are in the file. */
const MOST_LINES = 50;

export async function classifyScans(model: Model, job: ClassifyJob): Promise<void> {
  const { modelPath, out, settings, machine, quiet } = job;
  if (!/\.csv$/i.test(out))
    throw inputError(
      `The network classifies whole scans, and its result is a table: name a .csv file for it with -o, not "${out}".`,
    );
  const scans = await scansToClassify(job);
  await checkApart([modelPath, ...job.scans, out]);
  await checkWritable(out);
  const session = await model.session({ ...machine, size: settings.patch ?? model.task?.patch });
  const found: { readonly name: string; readonly said: Classification }[] = [];
  const told = new Set<string>();
  const say = (line: string): void => {
    if (!quiet) print(line);
  };
  const progress = startProgress("classifying", "scans", quiet);
  let failed = 0;
  try {
    for (const [i, { name, read }] of scans.entries()) {
      try {
        const noted = {
          ...settings,
          onWarning: (sentence: string) => warn(`${name}: ${sentence}`),
          onNote(note: string) {
            if (!told.has(note)) say(note);
            told.add(note);
          },
        };
        const said = await classifyVolume(session, await read(), noted, `"${name}"`);
        found.push({ name, said });
      } catch (error) {
        // One bad scan does not cost the others their results.
        if (scans.length === 1 || !(error instanceof AcsconvError)) throw error;
        printNote(`acsconv: ${printable(name)}: ${error.message}`);
        failed++;
      }
      progress.update(i + 1, scans.length);
    }
  } finally {
    progress.stop();
    await session.dispose();
  }
  const [first] = found;
  if (first) {
    const rows = found.map(({ name, said }) => [name, said.classes[said.predicted]!, ...said.probabilities]);
    const header = ["file", "class", ...first.said.classes];
    const text = [header, ...rows].map((row) => `${row.map(cell).join(",")}\n`).join("");
    await writeFiles([{ path: out, chunks: [new TextEncoder().encode(text)] }]);
    say(tableOf(found));
    say(`wrote ${out}`);
  }
  if (failed > 0) throw inputError(`${failed} of ${scans.length} scans failed, for the reasons above.`);
}

function tableOf(found: readonly { readonly name: string; readonly said: Classification }[]): string {
  const lines = found
    .slice(0, MOST_LINES)
    .map(({ name, said: { classes, predicted, probabilities } }) => [
      name,
      classes[predicted]!,
      probabilities[predicted]!.toFixed(4),
    ]);
  const more = found.length > MOST_LINES ? `\n… and ${found.length - MOST_LINES} more` : "";
  return `${formatTable(["file", "class", "probability"], lines)}${more}`;
}

/** As RFC 4180 has it. */
const cell = (value: string | number): string => {
  const text = String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
};

/** The scans that the arguments name. */
async function scansToClassify({ scans: paths, read, choice }: ClassifyJob): Promise<readonly Scan[]> {
  const scans: Scan[] = [];
  const others: string[] = [];
  for (const path of paths) {
    const set = await scansOfSet(path, read);
    if (set) scans.push(...set);
    else others.push(path);
  }
  const listed = await scanFilesOf(others, choice);
  for (const { files } of listed)
    scans.push({
      name: [files[0]!, ...files.slice(1).map((file) => basename(file))].join(" + "),
      read: () => readChannels(files, { ...read, onWarning: warn }),
    });
  return scans;
}

/**
 * A file is a scan, as it was in training, unless the network's task names several channels: then nnU-Net's numbers tell
 * which files are those of one scan.
 */
async function scanFilesOf(
  paths: readonly string[],
  { task, inputs, onWarning, onNote }: ClassifyChoice,
): Promise<readonly ScanFiles[]> {
  const files = await listFiles(paths, onNote);
  const trained = task?.length ?? 1;
  if (trained > 1) return scanCases(files, trained, onWarning);
  const numbered = task ? [] : files.filter((file) => parseChannelName(file));
  if (inputs !== 1 && numbered.length > 1)
    onWarning(
      `The network does not say whether it was trained on several channels, so "${numbered[0]}", "${numbered[1]}" and the like are taken as scans of their own: join the files of one scan if they are its channels.`,
    );
  return files.map((file) => ({ name: file, files: [file] }));
}

/** The scans of a folder of folders, a table or an archive of MedMNIST: those that are there to test with, or all. */
async function scansOfSet(
  path: string,
  { array, series }: ClassifyJob["read"],
): Promise<readonly Scan[] | undefined> {
  const found = await stat(path).catch(() => undefined);
  // Of all that lies in a folder one series may be meant.
  if (found?.isDirectory()) return series === undefined ? scansOfFolders(path, { array }) : undefined;
  if (!found?.isFile() || array !== undefined) return undefined;
  const isSet = isTable(path) || (/\.npz$/i.test(path) && isMedmnist(await openNpz(await openSource(path))));
  const data = isSet ? await openData(path) : undefined;
  if (data?.kind !== "classification") return undefined;
  const cases: readonly ClassifiedScan[] = splitsOf(data).includes("test")
    ? scansOf(data, "test")
    : data.cases;
  return cases.map(({ name, read }) => ({ name, read: () => read(warn) }));
}

/** A folder that has folders only, of classes or of DICOM slices; any other is a scan, or holds scans itself. */
async function scansOfFolders(path: string, arrays: ArrayNames): Promise<readonly Scan[] | undefined> {
  const { files, folders } = await entriesOf(path);
  const isData = folders.some((name) => /^(images|labels)(Tr|Ts)$/.test(name));
  if (folders.length === 0 || isData || files.some((name) => !isNote(name))) return undefined;
  const scans = await scansBelow(path, arrays);
  return scans.map(({ name, read }) => ({ name: join(path, name), read: () => read(warn) }));
}
