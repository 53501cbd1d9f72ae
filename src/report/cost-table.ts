/** @file What networks cost, a line for each. */

import { bytes, compact } from "./figures.ts";
import type { NetworkSummary } from "./summary.ts";
import { formatTable } from "./text-table.ts";

export const costTable = (
  title: string,
  rows: readonly (readonly [name: string, costs: Omit<NetworkSummary, "layers">])[],
): string =>
  formatTable(
    [title, "parameters", "size", "multiply-adds", "activations"],
    rows.map(([name, { parameters, parameterBytes, multiplyAdds, activationBytes }]) => [
      name,
      compact(parameters),
      bytes(parameterBytes),
      compact(multiplyAdds),
      bytes(activationBytes),
    ]),
  );
