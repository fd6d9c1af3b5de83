import { describe, expect, it } from "vitest";
import { LosslessNumber, parseJson, type Json } from "../../api/json";
import { bodyOf, changeOf, definitionOf, fieldOf, formOf, type Schedule } from "./definition";

const stored = {
  id: "1", kind: "cron", source: "api", state: "active", lastMessages: [], runCount: 0, createdAt: "", updatedAt: "", name: "report", cron: "0 9 * * *",
  timezone: "Europe/Berlin", missed: "last", overlap: "skip", enabled: true, maxRuns: 5, jitter: 90_500, startAt: "2026-11-29T12:00:00.123Z",
  message: { type: "Report", payload: parseJson('{"n": 12345678901234567890}'), metadata: { a: 1 } }, options: { queue: "q", tags: ["x", "y"], maxRetries: 3 },
} as unknown as Schedule;
const before = definitionOf(formOf(stored, "UTC"), "UTC", stored).definition;

describe("a form of a schedule", () => {
  it("says the same as the schedule, with every digit", () => {
    expect(bodyOf(before)).toEqual({
      name: "report", cron: "0 9 * * *", timezone: "Europe/Berlin", missed: "last", overlap: "skip", enabled: true, maxRuns: 5, jitter: 90_500,
      startAt: "2026-11-29T12:00:00.123Z", message: { type: "Report", payload: { n: new LosslessNumber("12345678901234567890") }, metadata: { a: 1 } },
      options: { queue: "q", tags: ["x", "y"], maxRetries: 3 },
    });
  });
  it("is no change where nothing was typed", () => expect(changeOf(before, before)).toEqual({}));
  it("changes only what was typed, and takes away what was emptied", () => {
    const form = { ...formOf(stored, "UTC"), kind: "interval" as const, interval: "1 h 30 min", maxRuns: "", queue: "", priority: "7", metadata: "{}" };
    expect(changeOf(before, definitionOf(form, "UTC", stored).definition)).toEqual({
      cron: null, timezone: null, interval: 5_400_000, maxRuns: null, message: { metadata: null }, options: { queue: null, priority: 7 },
    });
  });
  it.each([
    ["interval", { kind: "interval", interval: "soon" }], ["interval", { kind: "interval", interval: "" }], ["at", { kind: "once", at: "" }],
    ["cron", { cron: " " }], ["maxRuns", { maxRuns: "-1" }], ["payload", { payload: "[1]" }], ["payload", { payload: "{" }], ["options", { options: "3" }],
  ] as const)("says that %s is wrong in %j", (field, typed) => {
    expect(Object.keys(definitionOf({ ...formOf(stored), ...typed }).wrong)).toEqual([field]);
  });
});

describe("fieldOf", () => {
  it.each([["cron", "cron"], ["message.payload.a", "payload"], ["message.type", "type"], ["options.tags[1]", "tags"], ["options.maxRetries", "options"],
    ["message", undefined]])("%s", (path, field) => expect(fieldOf(path)).toBe(field));
});

it("leaves a value of JSON alone", () => expect(changeOf({ a: [1] as Json }, { a: [1] })).toEqual({}));
