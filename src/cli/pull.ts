/** @file `acsconv pull`: a file of weights from the Hugging Face Hub or any server, kept in a cache. */

import type { Command } from "commander";
import { pull, type PullOptions } from "../weights/index.ts";
import type { GlobalOptions } from "./flags.ts";
import { startProgress } from "./progress.ts";
import { print } from "./print.ts";

interface PullFlags extends GlobalOptions, Pick<PullOptions, "revision" | "sha256"> {}

const EXAMPLES = `
Examples:
  $ acsconv pull hf:timm/resnet18.a1_in1k
  $ acsconv pull hf:owner/name/weights.pth --revision v1.0
  $ acsconv new resnet18 --weights "$(acsconv pull https://example.org/resnet18-f37072fd.pth)" -o model.onnx

Files are kept in ~/.cache/acsconv, or where ACSCONV_CACHE says. A download that was cut goes on where it ended.`;

export function addPull(program: Command): void {
  program
    .command("pull")
    .summary("download a file of weights")
    .description("Download a file of weights unless it is in the cache, check it, and print its path.")
    .argument("<source>", "hf:owner/name, hf:owner/name/file, or an https: address")
    .option("--revision <name>", "a branch, a tag or a commit on the Hub (default: main)")
    .option("--sha256 <digits>", "the file's checksum, or its first digits")
    .addHelpText("after", EXAMPLES)
    .action(async (source: string, _: unknown, command: Command) => {
      await run(source, command.optsWithGlobals<PullFlags>());
    });
}

/** Progress is counted in megabytes. */
const MEGABYTE = 1e6;

async function run(source: string, { revision, sha256, quiet }: PullFlags): Promise<void> {
  const progress = startProgress(source, "MB", quiet ?? false);
  try {
    const path = await pull(source, {
      ...(revision !== undefined && { revision }),
      ...(sha256 !== undefined && { sha256 }),
      onProgress: (done, total = done) =>
        progress.update(Math.floor(done / MEGABYTE), Math.max(1, Math.floor(total / MEGABYTE))),
    });
    progress.stop();
    print(path);
  } catch (error) {
    progress.stop();
    throw error;
  }
}
