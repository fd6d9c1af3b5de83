import { expect, test } from "vitest";
import { parseJson } from "../../api/json";
import { bodyOf, curl, go, typescript, type Dispatch } from "./code";

const d: Dispatch = { type: `it's "payload":{}`, payload: `{"n":12345678901234567890.10,"t":"a'b\`\${c}"}`, metadata: { a: 1 }, options: { queue: "q" } };

test("the body has the payload as it was written", () => {
  expect(bodyOf(d)).toBe(`{"message":{"type":"it's \\"payload\\":{}","payload":{"n":12345678901234567890.10,"t":"a'b\`\${c}"},"metadata":{"a":1}},"options":{"queue":"q"}}`);
  expect(parseJson(bodyOf(d, 2))).toEqual(parseJson(bodyOf(d)));
  expect(bodyOf({ type: "T", payload: "{}", options: {} })).toBe(`{"message":{"type":"T","payload":{}}}`);
});

test("quotes of the shell are closed and opened again", () => {
  expect(curl(d, "http://localhost:8080/")).toContain(`"type": "it'\\''s `);
});

test("a template of TypeScript says the same text", () => {
  const literal = /body: (`[^]*`),\n/.exec(typescript(d, "http://h/"))![1]!;
  expect(new Function(`return ${literal}`)()).toBe(bodyOf(d, 2));
});

test("Go has a raw text, or a quoted one where it cannot be", () => {
  expect(go(d, "http://h/")).toContain(`[]byte("{\\n`);
  expect(go({ ...d, payload: "{}", type: "T" }, "http://h/")).toContain("[]byte(`{\n");
});

test("a long payload is read from a file", () => {
  const long = { ...d, payload: `{"t":"${"x".repeat(5000)}"}` };
  for (const of of [curl, go, typescript]) {
    expect(of(long, "http://h/").length).toBeLessThan(1200);
    expect(of(long, "http://h/")).toContain("message.json");
  }
});
