import { expect, test } from "vitest";
import { parseJson } from "../api/json";
import { schemaFor, schemaProblems } from "./check";

const schema = parseJson(`{"type":"object","required":["order","email"],"additionalProperties":false,"properties":{
  "order":{"type":"integer","minimum":1},"email":{"type":"string"},
  "items":{"type":"array","items":{"$ref":"#/$defs/item"}}},
  "$defs":{"item":{"type":"object","required":["sku"],"properties":{"sku":{"type":"string"}}}}}`);

test("problems are told at the places where the server tells them", () => {
  const of = (text: string) => schemaProblems(schema, parseJson(text)).map((p) => p.path).sort();
  expect(of(`{"order":1,"email":"a"}`)).toEqual([]);
  expect(of(`{"order":0}`)).toEqual(["email", "order"]);
  expect(of(`{"order":1,"email":"a","items":[{"sku":"a"},{"sku":1},{}],"color":1}`)).toEqual(["color", "items[1].sku", "items[2].sku"]);
  expect(of(`{"order":12345678901234567890,"email":"a"}`)).toEqual([]);
  expect(of(`[]`)).toEqual([""]);
});

test("what is missing and what is too much are named alike", () => {
  expect(schemaProblems(schema, parseJson(`{"order":1,"x":1}`))).toEqual([
    { path: "email", message: "is required" }, { path: "x", message: "is not allowed" },
  ]);
});

test("a schema that cannot be read says nothing", () => {
  expect(schemaProblems(parseJson(`{"type":"string","pattern":"("}`), "x")).toEqual([]);
});

test("the most specific pattern has the schema", () => {
  const known = { names: [], schemas: { "*": 1, "a.*": 2, "a.b.*": 3, "a.b.c": 4 } };
  expect(["a.b.c", "a.b.d", "a.x", "z", "a"].map((t) => schemaFor(known, t))).toEqual([4, 3, 2, 1, 1]);
  expect(schemaFor({ names: [], schemas: {} }, "a")).toBeUndefined();
});
