import { describe, expect, it } from "vitest";
import { parseJson, writeJson } from "../api/json";
import { derivePatch, sameJson } from "./merge-patch";

describe("derivePatch", () => {
  it.each([
    ["nothing changed", '{"a": 1}', '{"a": 1}', "{}"],
    ["a member more", '{"a": 1}', '{"a": 1, "currency": "EUR"}', '{"currency":"EUR"}'],
    ["a member less", '{"a": 1, "b": 2}', '{"a": 1}', '{"b":null}'],
    ["deep", '{"a": {"b": {"c": 1, "d": 2}, "e": 3}}', '{"a": {"b": {"c": 9, "d": 2}, "e": 3}}', '{"a":{"b":{"c":9}}}'],
    ["an array as a whole", '{"a": [1, 2]}', '{"a": [1, 2, 3]}', '{"a":[1,2,3]}'],
    ["an object in the place of a text", '{"a": "x"}', '{"a": {"b": 1}}', '{"a":{"b":1}}'],
    ["a text in the place of an object", '{"a": {"b": 1}}', '{"a": "x"}', '{"a":"x"}'],
    ["digits that a double would lose", '{"a": 12345678901234567890}', '{"a": 12345678901234567891}', '{"a":12345678901234567891}'],
    ["another spelling of a number", '{"a": 1}', '{"a": 1.0}', '{"a":1.0}'],
    ["an empty object added", '{}', '{"a": {}}', '{"a":{}}'],
  ])("%s", (_, before, after, patch) => {
    const got = derivePatch(parseJson(before), parseJson(after));
    expect(writeJson(got.patch)).toBe(patch);
    expect(got.nulls).toEqual([]);
  });

  it("names what a merge patch cannot set", () => {
    const got = derivePatch(parseJson('{"a": {"b": 1}, "k": 1}'), parseJson('{"a": {"b": null}, "c": {"d": null}, "k": 1}'));
    expect(got.nulls).toEqual(["a.b", "c.d"]);
  });
});

describe("sameJson", () => {
  it.each([
    ['{"a": 1, "b": [true]}', '{"b": [true], "a": 1}', true],
    ["[1]", "[1, 2]", false],
    ["1", "1.0", false],
    ['"1.0"', "1.0", false],
    ["null", "{}", false],
    ["12345678901234567890", "12345678901234567890", true],
  ])("%s and %s: %s", (a, b, same) => {
    expect(sameJson(parseJson(a), parseJson(b))).toBe(same);
    expect(sameJson(parseJson(b), parseJson(a))).toBe(same);
  });
});
