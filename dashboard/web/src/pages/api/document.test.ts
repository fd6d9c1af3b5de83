import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { boundsOf, callOf, curlOf, entries, kindOf, scopeOf, type Document, type Entry } from "./document";

const doc = JSON.parse(readFileSync(new URL("../../../../../httpapi/testdata/openapi.json", import.meta.url), "utf8")) as Document;
const all = entries(doc);
const entry = (id: string) => all.find((e) => e.id === id) as Entry;

describe("the document of the server", () => {
  it("has its operations in the order of its tags", () => {
    const tags = [...new Set(all.map((e) => e.tag))];
    expect(tags).toEqual(doc.tags?.map((t) => t.name).filter((n) => tags.includes(n)));
    expect(all.length).toBeGreaterThan(80);
  });
  it("says which scope an operation needs", () => {
    expect(scopeOf(entry("listMessages").operation)).toBe("read");
    expect(scopeOf(entry("createSchedule").operation)).toBe("operate");
  });
});

describe("kindOf", () => {
  it.each([
    [{ type: "string", format: "date-time" }, "string (date-time)"], [{ type: ["integer", "null"] }, "integer or null"],
    [{ type: "array", items: { $ref: "#/components/schemas/Message" } }, "list of Message"], [{ const: true }, "true"], [{}, "any"],
    [{ oneOf: [{ type: "integer" }, { type: "string" }] }, "integer or string"],
  ])("%j", (schema, said) => expect(kindOf(schema)).toBe(said));
});

it("tells bounds", () => expect(boundsOf({ minimum: 1, maximum: 200, default: 50 })).toEqual(["1 to 200", "default 50"]));

describe("callOf", () => {
  it("writes parts, lists and objects into the address", () => {
    expect(callOf(entry("getSchedule"), { id: "a/b", next: "5" })).toEqual({ path: "/api/symphony/schedules/a%2Fb?next=5", missing: [] });
    expect(callOf(entry("listMessages"), { status: "failed, pending", metadata: "metadata.a.b=1\nmetadata.c=x=y" }).path)
      .toBe("/api/symphony/messages?status=failed&status=pending&metadata.a.b=1&metadata.c=x%3Dy");
  });
  it("tells what is missing", () => expect(callOf(entry("getSchedule"), {}).missing).toEqual(["id"]));
});

it("quotes for a shell", () => {
  expect(curlOf("POST", "http://h/x", undefined, `{"a":"it's"}`)).toBe(
    `curl -X POST 'http://h/x' \\\n  -H 'Authorization: Bearer YOUR_API_KEY' \\\n  -H 'Content-Type: application/json' \\\n  --data-binary '{"a":"it'\\''s"}'`);
});
