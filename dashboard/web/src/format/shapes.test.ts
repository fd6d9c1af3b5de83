import { describe, expect, it } from "vitest";
import { parseJson } from "../api/json";
import { pathsOf, shapeOf, versions } from "./shapes";

describe("shapeOf", () => {
  it.each([
    ['{"b": 1, "a": {"c": "x", "d": null}}', "a.c string, a.d null, b number"],
    ['{"items": [{"n": 1}, {"n": "1", "m": true}]}', "items[].m boolean, items[].n number or string"],
    ['{"a": [], "b": {}, "c": ""}', "a empty array, b empty object, c empty string"],
    ["{}", " empty object"],
    ['{"n": 123456789012345678901234567890}', "n number"],
  ])("%s", (text, want) => expect([...shapeOf(parseJson(text))].map((e) => e.join(" ")).join(", ")).toBe(want));

  it("is bounded", () => {
    const many = Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`m${i}`, i]));
    expect(shapeOf(many).size).toBe(200);
  });
});

describe("versions", () => {
  it("counts payloads of one shape, the most frequent first", () => {
    const got = versions(['{"a": 1}', '{"a": 2, "b": ""}', '{"a": 3}'].map(parseJson));
    expect(got.map((v) => [v.count, v.first])).toEqual([[2, 0], [1, 1]]);
  });
});

describe("pathsOf", () => {
  it("tells at which paths shapes differ, first", () => {
    const shapes = ['{"a": 1, "z": 1}', '{"a": 1, "z": "1", "b": true}'].map((t) => shapeOf(parseJson(t)));
    expect(pathsOf(shapes)).toEqual([
      { path: "b", differs: true }, { path: "z", differs: true }, { path: "a", differs: false },
    ]);
  });
});
