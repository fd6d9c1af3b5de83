import { describe, expect, it } from "vitest";
import { settle } from "./settled";

const run = (rows: string, order: string) => {
  const { shown, fresh } = settle([...rows], (r) => r, [...order]);
  return `${shown.join("")} ${fresh}`;
};

describe("settle", () => {
  it.each([
    ["abc", "", "abc 0"], // the first time
    ["abc", "abc", "abc 0"],
    ["xabc", "abc", "abc 1"], // a new one waits
    ["axbc", "abc", "abc 1"],
    ["bac", "abc", "abc 0"], // nothing changes its place
    ["ac", "abc", "ac 0"], // one is gone
    ["abcde", "abc", "abcde 0"], // a page more
    ["xabcd", "abc", "abcd 1"],
    ["xyz", "abc", "xyz 0"], // all are gone
    ["", "abc", " 0"],
  ])("%s, of which %s were shown: %s", (rows, order, want) => expect(run(rows, order)).toBe(want));
});
