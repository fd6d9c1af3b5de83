import { describe, expect, test } from "vitest";
import { parseJson, writeJson } from "../api/json";
import { duration, parseDuration } from "./duration";
import { bytes, percent, plural, rate } from "./number";
import { absolute, ago, fromInput, relative } from "./time";

describe("JSON", () => {
  test.each(["12345678901234567890", "1.0", "1e3", "-0", "0.1000", '{"a":[1,2.50,"x",null,true]}'])("%s keeps its digits", (text) => {
    expect(writeJson(parseJson(text))).toBe(text);
  });
  test("what is none is refused", () => expect(() => parseJson("{")).toThrow(SyntaxError));
});

test.each([[0, "0 ms"], [0.04, "0.04 ms"], [12, "12 ms"], [999, "999 ms"], [1500, "1.5 s"], [42_000, "42 s"], [200_000, "3 min 20 s"], [3_600_000, "1 h"], [187_200_000, "2 d 4 h"], [-1500, "-1.5 s"]])(
  "%d ms are %s", (ms, said) => expect(duration(ms)).toBe(said));

test.each([["90s", 90_000], ["1 h 30 min", 5_400_000], ["2d", 172_800_000], ["500ms", 500], ["2 weeks", 1_209_600_000], ["", undefined], ["soon", undefined], ["5 parsecs", undefined]])(
  "%j is read as %s", (text, ms) => expect(parseDuration(text)).toBe(ms));

test("shares are never rounded to nothing or all", () => {
  expect([0, 0.0001, 0.004, 0.12, 0.9999, 1].map(percent)).toEqual(["0%", "<0.1%", "0.4%", "12%", ">99.9%", "100%"]);
});
test("rates", () => expect([0, 0.01, 0.2, 12, 12_300].map(rate)).toEqual(["0/s", "<0.1/s", "0.2/s", "12/s", "12.3K/s"]));
test("bytes", () => expect([0, 1536, 5_242_880].map(bytes)).toEqual(["0 B", "1.5 KiB", "5 MiB"]));
test("counts of things", () => expect([plural(1, "message"), plural(1000, "message")]).toEqual(["1 message", "1,000 messages"]));

test("times in a zone", () => {
  expect(absolute("2026-11-29T23:30:05.123Z", "Europe/Berlin", true)).toBe("2026-11-30 00:30:05.123");
  expect(absolute("2026-11-29T00:00:00Z", "UTC")).toBe("2026-11-29 00:00:00");
});
test("relative times", () => {
  const now = Date.parse("2026-11-29T12:00:00Z");
  expect(["2026-11-29T11:59:48Z", "2026-11-29T12:03:00Z", "2026-11-29T12:00:00.5Z", "2026-09-01T00:00:00Z"].map((t) => relative(t, now, "UTC")))
    .toEqual(["12 s ago", "in 3 min", "now", "2026-09-01"]);
});
test("what has been never reads as a time to come", () => {
  const now = Date.parse("2026-11-29T12:00:00Z");
  expect(["2026-11-29T12:00:02.5Z", "2026-11-30T12:00:00Z", "2027-03-01T00:00:00Z", "2026-11-29T11:59:48Z", "no time"].map((t) => ago(t, now, "UTC")))
    .toEqual(["now", "now", "now", "12 s ago", "no time"]);
});
test.each([
  ["2026-07-01T12:00", "Europe/Berlin", "2026-07-01T10:00:00.000Z"],
  ["2026-01-01T12:00", "Europe/Berlin", "2026-01-01T11:00:00.000Z"],
  ["2026-03-29T02:30", "Europe/Berlin", "2026-03-29T01:30:00.000Z"], // skipped: clocks go from 2 to 3
  ["2026-10-25T02:30", "Europe/Berlin", "2026-10-25T00:30:00.000Z"], // twice: the earlier one
  ["2026-01-01T12:00", "UTC", "2026-01-01T12:00:00.000Z"],
])("%s in %s is %s", (value, zone, at) => expect(fromInput(value, zone)).toBe(at));
