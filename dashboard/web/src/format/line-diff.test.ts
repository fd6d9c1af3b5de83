import { describe, expect, it } from "vitest";
import { lineDiff, nearChanges } from "./line-diff";

const signs = { same: " ", removed: "-", added: "+" };
const shown = (a: string, b: string) => lineDiff(a, b).map((l) => signs[l.kind] + l.text).join("|");

describe("lineDiff", () => {
  it.each([
    ["a\nb\nc", "a\nb\nc", " a| b| c"],
    ["a\nb", "a\nx\nb", " a|+x| b"],
    ["a\nx\nb", "a\nb", " a|-x| b"],
    ["a\nb\nc", "a\nB\nc", " a|-b|+B| c"],
    ["a\nb\nc\nd", "b\nc\nx\nd", "-a| b| c|+x| d"],
    ["a", "b", "-a|+b"],
    ["a\na", "a", " a|-a"],
  ])("%j to %j", (a, b, want) => expect(shown(a, b)).toBe(want));

  it("gives up on texts that are too long to be compared, without losing a line", () => {
    const a = Array.from({ length: 3000 }, (_, i) => `a${i}`).join("\n");
    const b = Array.from({ length: 3000 }, (_, i) => `b${i}`).join("\n");
    const got = lineDiff(a, b);
    expect(got.filter((l) => l.kind === "removed").length).toBe(3000);
    expect(got.filter((l) => l.kind === "added").length).toBe(3000);
  });
});

describe("nearChanges", () => {
  it("leaves out what is far from every change", () => {
    const lines = lineDiff("1\n2\n3\n4\n5\n6\n7", "1\n2\n3\nX\n5\n6\n7");
    expect(nearChanges(lines, 1).map((l) => l?.text)).toEqual([undefined, "3", "4", "X", "5", undefined]);
  });
  it("has nothing to show where nothing has changed", () => {
    expect(nearChanges(lineDiff("a\nb", "a\nb"))).toEqual([undefined]);
  });
});
