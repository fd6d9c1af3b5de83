import { describe, expect, it } from "vitest";
import { configuredText, limitText, limitUse } from "./limit-text";

const limit = { kind: "queue" as const, now: {}, running: 3, waiting: 0 };

describe("limits in words", () => {
  it("say all that they have", () => expect(limitText({ concurrency: 1200, rate: "5/s", burst: 2 })).toBe("1,200 at a time, 5/s, burst 2"));
  it("say that there is none", () => expect([limitText({}), limitText(undefined)]).toEqual(["unlimited", "unlimited"]));
  it("tell what is configured, also by key", () => {
    expect(configuredText({ ...limit, configured: { rate: "9/m" }, perKey: { concurrency: 1 } })).toBe("9/m, 1 at a time for each key");
    expect(configuredText(limit)).toBe("nothing");
  });
  it("have their use beside them", () => {
    expect(limitUse({ ...limit, now: { concurrency: 5, rate: "2/s" } })).toBe("3/5, 2/s");
    expect(limitUse({ ...limit, now: { rate: "2/s" }, pressure: { factor: 0.25 } })).toBe("2/s, 25%");
    expect(limitUse({ ...limit, perKey: { concurrency: 1 } })).toBe("1 at a time for each key");
  });
});
