import { jsonLanguage } from "@codemirror/lang-json";
import { expect, test } from "vitest";
import { placeOf } from "./json-place";

const doc = `{"order": 1, "items": [{"sku": "a"}, {"sku": "b", "7": true}], "a.b": {"c": null}, "a": 2}`;
const found = (path: string) => {
  const { from, to } = placeOf(jsonLanguage.parser.parse(doc), (a, b) => doc.slice(a, b), path);
  return `${from}:${doc.slice(from, to)}`;
};

test.each([
  ["order", "10:1"],
  ["items[1].sku", `45:"b"`],
  ["items[1][7]", "55:true"],
  ["items", `22:[{"sku": "a"}, {"sku": "b", "7": true}]`],
  ["a.b.c", "76:null"],
  ["a", "88:2"],
  ["email", "0:{"],
  ["items[0].price", "23:{"],
  ["", "0:{"],
])("%s is found", (path, want) => expect(found(path)).toBe(want));

test("a text that is no JSON has a place for everything", () => {
  expect(placeOf(jsonLanguage.parser.parse(""), () => "", "a.b")).toEqual({ from: 0, to: 0 });
  const broken = `{"a": {"b": `;
  expect(placeOf(jsonLanguage.parser.parse(broken), (a, b) => broken.slice(a, b), "a.b").from).toBeLessThanOrEqual(broken.length);
});
