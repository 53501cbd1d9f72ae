import { describe, expect, test } from "vitest";
import { reportPage } from "./report-page.ts";

const image = { width: 2, height: 1, data: Uint8Array.of(255, 0, 0, 0, 0, 255) };

describe("reportPage", () => {
  test("shows what it is given, in the order of the fields", () => {
    const page = reportPage({
      title: "Shapes",
      facts: ["two networks"],
      sections: [
        {
          title: "Everything",
          galleries: [{ title: "Pixels", tiles: [{ title: "red", image }] }],
          labels: ["cone"],
          charts: [{ title: "Loss", xLabel: "step", lines: [{ label: "p.", points: [{ x: 1, y: 0.5 }] }] }],
          tables: [
            { columns: [{ title: "class" }, { title: "Dice", isNumber: true }], rows: [["cone", "0.5"]] },
          ],
          text: ["Read this."],
        },
        { title: "Nothing" },
      ],
    });
    const order = [
      "Shapes",
      "two networks",
      "Everything",
      "Read this.",
      ">0.5</td>",
      "Loss",
      "<svg",
      "cone</li>",
    ];
    const places = [...order, "data:image/png;base64,", "Nothing"].map((text) =>
      page.indexOf(text, page.indexOf("<body>")),
    );
    expect(Math.min(...places)).toBeGreaterThan(0);
    expect(places).toEqual([...places].sort((a, b) => a - b));
    expect(page).toContain('<td class="number">0.5</td>');
  });

  test("text is escaped, and nothing is fetched from anywhere", () => {
    const bad = "<img src=http://example.org/x>";
    const page = reportPage({
      title: bad,
      facts: [bad],
      sections: [
        { title: bad, text: [bad], labels: [bad], tables: [{ columns: [{ title: bad }], rows: [[bad]] }] },
      ],
    });
    expect(page).not.toContain(bad);
    expect(page).toContain("default-src 'none'");
    expect(page.match(/(?:src|href)="(?!data:)/g)).toBeNull();
  });
});
