import { expect, test } from "vitest";
import { LosslessNumber, parseJson, writeJson } from "../api/json";
import { exampleOf, formOf, put, readNumber } from "./form";

const schema = parseJson(`{"type":"object","required":["order","mail","items"],"properties":{
  "order":{"type":"integer","minimum":1,"title":"Order number"},"mail":{"type":"string","format":"email","description":"Whose"},
  "kind":{"enum":["a",2,null]},"always":{"const":"x"},"on":{"type":"boolean"},"note":{"type":"string","maxLength":500},
  "items":{"type":"array","items":{"$ref":"#/$defs/item"}},"either":{"oneOf":[{"type":"string"},{"type":"number"}]},
  "nullable":{"type":["string","null"]},"free":{"type":"object"},"tree":{"$ref":"#/$defs/tree"}},
  "$defs":{"item":{"type":"object","required":["sku"],"properties":{"sku":{"type":"string"},"price":{"type":"number"}}},
           "tree":{"type":"object","properties":{"child":{"$ref":"#/$defs/tree"}}}}}`);

test("a field for each member of a schema, and JSON for what a form cannot show", () => {
  const fields = formOf(schema)!;
  expect(fields.map((f) => `${f.name}:${f.kind}${f.required ? "!" : ""}`)).toEqual([
    "order:number!", "mail:text!", "kind:choice", "always:choice", "on:boolean", "note:text", "items:array!", "either:raw", "nullable:raw", "free:raw", "tree:object",
  ]);
  expect(fields[0]).toMatchObject({ title: "Order number", whole: true, min: 1 });
  expect(fields[1]).toMatchObject({ hint: "Whose", input: "email" });
  expect(fields[6]).toMatchObject({ item: { kind: "object", fields: [{ name: "sku", required: true }, { name: "price", kind: "number" }] } });
});

test("no form without members", () => {
  for (const s of [undefined, true, {}, { type: "object" }, { $ref: "#/nowhere" }, { $ref: "https://elsewhere" }]) expect(formOf(s as never)).toBeUndefined();
});

test("a payload begins with what is required, or with the schema's example", () => {
  expect(writeJson(exampleOf(schema))).toBe(`{"order":1,"mail":"","items":[]}`);
  expect(exampleOf({ examples: [{ a: 1 }] })).toEqual({ a: 1 });
  expect(exampleOf(undefined)).toEqual({});
});

test("members are put in and taken away without touching the others", () => {
  const value = parseJson(`{"a":1.0,"b":2}`);
  expect(writeJson(put(value, "b", undefined))).toBe(`{"a":1.0}`);
  expect(writeJson(put(value, "__proto__", 3))).toBe(`{"a":1.0,"b":2,"__proto__":3}`);
  expect(writeJson(put(undefined, "a", "x"))).toBe(`{"a":"x"}`);
});

test("numbers keep their digits", () => {
  expect(readNumber("12345678901234567890")).toBeInstanceOf(LosslessNumber);
  expect(readNumber("1.5")).toBe(1.5);
  expect([readNumber("1,5"), readNumber("true"), readNumber("-")]).toEqual(["1,5", "true", "-"]);
});
