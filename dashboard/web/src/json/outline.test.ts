import { expect, test } from "vitest";
import { parseJson, writeJson } from "../api/json";
import { at, entries, entry, without } from "./outline";

const value = parseJson(`{"a":[1,{"n":12345678901234567890.10},"x"],"t":"${"y".repeat(3000)}"}`);

test("members are told by their places", () => {
  expect(entries(value, 0, 10)).toEqual([{ name: "a", branch: "array", size: 3 }, { name: "t", leaf: `"${"y".repeat(1999)}`, cut: 3002 }]);
  expect(entries(at(value, [0]), 1, 3)).toEqual([{ branch: "object", size: 1 }, { leaf: `"x"` }]);
  expect(entries(at(value, [0, 1]), 0, 1)).toEqual([{ name: "n", leaf: "12345678901234567890.10" }]);
  expect(entry(at(value, [9, 9]))).toEqual({ leaf: "null" });
});

test("only what is large is taken out", () => {
  const { rest, large } = without(parseJson(`{"m":{"p":{"x":"${"z".repeat(100)}"},"q":{"y":1.0}}}`), [["m", "p"], ["m", "q"], ["none", "x"]], 50);
  expect(writeJson(rest)).toBe(`{"m":{"p":{},"q":{"y":1.0}}}`);
  expect(large.map((l) => l.path.join("."))).toEqual(["m.p"]);
});
