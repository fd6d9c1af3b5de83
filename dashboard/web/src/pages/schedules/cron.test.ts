import { describe, expect, it } from "vitest";
import { changes, clockNotes, cronWords, readCron } from "./cron";

const at = (text: string) => new Date(text + "Z");

describe("readCron", () => {
  it.each([
    ["30 2 * * *", "2027-03-28T02:30", true],
    ["30 2 * * *", "2027-03-28T03:30", false],
    ["30 2 * * MON-FRI", "2027-03-28T02:30", false],
    ["30 2 * * 7", "2027-03-28T02:30", true],
    ["30 2 * * FRI-MON", "2027-03-28T02:30", true],
    ["30 2 1 * SUN", "2027-03-28T02:30", true],
    ["30 2 1 * *", "2027-03-28T02:30", false],
    ["30 2 L * *", "2027-03-28T02:30", true],
    ["0 30 22-2 * MAR *", "2027-03-28T02:30", true],
    ["5-59/5 1,2 * * *", "2027-03-28T02:30", true],
    ["@daily", "2027-03-28T00:00", true],
  ])("%s at %s: %s", (expression, wall, matches) => expect(readCron(expression)?.matches(at(wall))).toBe(matches));

  it.each([["*/15 * * * *", true], ["@hourly", true], ["0 0-23 * * *", true], ["0 9-17 * * *", false]])(
    "%s is a rhythm: %s", (expression, rhythm) => expect(readCron(expression)?.rhythm).toBe(rhythm));

  it.each(["", "x", "1 2 3", "61 2 * * *", "0 0 12 * * * 2027"])("cannot read %j", (e) => expect(readCron(e)).toBeUndefined());
});

describe("changes", () => {
  it("finds both of a year", () => {
    expect(changes("Europe/Berlin", at("2026-11-29T12:00")).map((c) => c.at.toISOString())).toEqual(["2027-03-28T01:00:00.000Z", "2027-10-31T01:00:00.000Z"]);
  });
  it("knows half an hour", () => {
    const [c] = changes("Australia/Lord_Howe", at("2026-11-29T12:00"));
    expect(c && c.after - c.before).toBe(-30 * 60_000);
  });
  it("finds none in UTC", () => expect(changes("UTC", at("2026-11-29T12:00"))).toEqual([]));
});

describe("clockNotes", () => {
  const notes = (e: string, zone = "Europe/Berlin") => clockNotes(e, zone, at("2026-11-29T12:00"));
  it("tells of what is skipped and what comes twice", () => {
    expect(notes("30 2 * * *")).toEqual([
      { date: "2027-03-28", kind: "skipped", time: "02:30", instead: "03:00", shift: "1 h" },
      { date: "2027-10-31", kind: "twice", time: "02:30", instead: "02:00", shift: "1 h" },
    ]);
  });
  it.each(["0 9 * * *", "30 2 * * MON-FRI", "*/15 * * * *", "not cron"])("says nothing of %s", (e) => expect(notes(e)).toEqual([]));
});

describe("cronWords", () => {
  it.each([
    ["30 2 * * *", "At 02:30"],
    ["* * * * * *", "Every second"],
    ["0 9 * * MON-FRI", "At 09:00, Monday through Friday"],
    ["0 0 1 * MON", "At 00:00, on day 1 of the month, or on Monday"],
    ["@daily", "At 00:00"],
    ["0 0 * * FRI#L", undefined],
    ["1 2 3 4 5 6 7", undefined],
    ["nonsense", undefined],
  ])("%s", async (expression, words) => expect(await cronWords(expression)).toBe(words));
});
