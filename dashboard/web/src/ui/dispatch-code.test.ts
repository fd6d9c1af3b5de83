import { describe, expect, it } from "vitest";
import { dispatchCode } from "./dispatch-code";

describe("code that dispatches", () => {
  it("survives quotes in a shell", () => {
    const code = dispatchCode("curl", "https://q.example.com", "it's", { a: 1 });
    expect(code).toContain(String.raw`-d '{"message":{"type":"it'\''s","payload":{"a":1}}}'`);
    expect(code).toContain("Content-Type: application/json");
  });
  it("leaves out options without a value", () => {
    expect(dispatchCode("ts", "https://q", "A", {}, { queue: undefined })).not.toContain("options");
    expect(dispatchCode("ts", "https://q", "A", {}, { queue: "slow" })).toContain('"queue": "slow"');
  });
  it("is Go with its own quotes", () => {
    const code = dispatchCode("go", "https://q", "A", { to: "x" }, { queue: "slow" });
    expect(code).toContain('queue := "slow"');
    expect(code).toContain('jsontext.Value(`{"to":"x"}`)');
    expect(code).toContain("Options: wire.DispatchOptions{Queue: &queue}");
    expect(dispatchCode("go", "https://q", "A", { to: "`" })).toContain(String.raw`jsontext.Value("{\"to\":\"` + "`");
  });
});
