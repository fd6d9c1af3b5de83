import { describe, expect, it } from "vitest";
import { attempts, drawn, picked } from "./retry";

describe("attempts", () => {
  it("add up the waits before them", () => expect(attempts([1000, 2000]).map((a) => [a.number, a.wait, a.since])).toEqual([[1, 0, 0], [2, 1000, 1000], [3, 2000, 3000]]));
  it("lie in one picture from the first to the last", () => {
    const x = attempts([1000, 60_000, 21_600_000]).map((a) => a.x);
    expect(x[0]).toBe(0);
    expect(x[3]).toBe(1);
    expect([...x].sort((a, b) => a - b)).toEqual(x);
  });
  it("are one where nothing is retried, and are drawn where no wait is", () => {
    expect(attempts([])).toEqual([{ number: 1, wait: 0, since: 0, x: 0 }]);
    expect(attempts([0, 0]).every((a) => a.x === 0)).toBe(true);
  });
  it("beyond what can be drawn are the first ones and the last", () => {
    const { shown, left } = picked(attempts(Array.from({ length: 100 }, () => 1000)));
    expect(shown).toHaveLength(drawn);
    expect([shown[drawn - 1]!.number, left]).toEqual([101, 93]);
    expect(picked(attempts([1])).left).toBe(0);
  });
});
