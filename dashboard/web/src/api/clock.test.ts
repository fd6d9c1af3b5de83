import { expect, test } from "vitest";
import { ServerClock } from "./clock";

const noon = Date.parse("2026-11-30T12:00:00Z");
const header = (at: number) => new Date(at).toUTCString();

test("clocks that may be the same are taken for the same", () => {
  const clock = new ServerClock();
  for (let i = 0; i < 5000; i += 170) clock.told(header(noon + i), noon + i - 20, noon + i + 20);
  expect(clock.ahead).toBe(0);
});

test.each([["ahead", 90_000], ["behind", -90_000]])("a server's clock that is %s is found to a second, and closer with each answer", (_, by) => {
  const clock = new ServerClock();
  clock.told(header(noon + by + 500), noon + 480, noon + 520);
  expect(Math.abs(clock.ahead - by)).toBeLessThan(1000);
  for (let i = 0; i < 5000; i += 170) clock.told(header(noon + i + by), noon + i - 20, noon + i + 20);
  expect(Math.abs(clock.ahead - by)).toBeLessThan(120);
});

test("a clock that is set anew is followed, and what is no date is let be", () => {
  const clock = new ServerClock();
  clock.told(header(noon + 60_000), noon, noon);
  clock.told(header(noon + 10_000), noon + 10_000, noon + 10_000);
  expect(clock.ahead).toBe(0);
  clock.told(null, noon, noon);
  clock.told("yesterday", noon, noon);
  expect(clock.ahead).toBe(0);
});
