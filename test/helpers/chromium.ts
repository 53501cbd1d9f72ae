/** @file Chromium, from /usr/bin/chromium or where CHROMIUM points. */

import { type Browser, chromium } from "playwright-core";

export const launchChromium = (): Promise<Browser> =>
  chromium.launch({
    executablePath: process.env["CHROMIUM"] ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-quic", "--no-first-run", "--enable-unsafe-webgpu"],
  });
