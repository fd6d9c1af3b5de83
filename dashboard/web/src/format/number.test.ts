import { describe, expect, it } from "vitest";
import { pace, short, wholeSteps } from "./number";

describe("pace", () => {
  it("has the unit that says most", () => expect([12.4, 1, 0.5, 1 / 60, 120 / 3600, 1 / 3600, 0].map(pace)).toEqual(["12/s", "1/s", "30/min", "1/min", "2/min", "1/h", "0/s"]));
  it("is never nothing where it is something", () => expect(pace(0.0001)).toBe("<1/h"));
});

it("no two steps of an axis of counts are written alike", () => {
  const steps = [0, ...wholeSteps.slice(0, 9)];
  expect(steps.map(short)).toEqual(["0", "1", "2", "5", "10", "20", "25", "50", "100", "200"]);
});
