/** @file Lifted convolutions against PyTorch: 75 cases, five kinds. */

import { describe, expect, test } from "vitest";
import {
  LIFT_KINDS,
  liftedConv,
  liftedConvCases,
  type LiftedConvCase,
} from "../../test/helpers/lifted-conv.ts";
import { Model } from "../model/model.ts";

describe.each(Object.keys(LIFT_KINDS) as LiftedConvCase["kind"][])("%s", (kind) => {
  test.each(liftedConvCases.filter((c) => c.kind === kind))("$name", async (c) => {
    const model = new Model(liftedConv(c).graph);
    const x = { dtype: "float32", dims: c.x.shape, data: Float32Array.from(c.x.data) } as const;
    const { y } = await model.run({ x });
    expect(y!.dims).toEqual(c.y.shape);
    const data = y!.data as Float32Array;
    const worst = c.y.data.reduce(
      (most, e, i) => Math.max(most, Math.abs(data[i]! - e) / Math.max(1, Math.abs(e))),
      0,
    );
    expect(worst).toBeLessThanOrEqual(1e-5);
    await model.dispose();
  });
});
