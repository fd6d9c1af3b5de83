import { expect, test } from "vitest";
import type { LiveEvent } from "../../live/connection";
import { pastOf } from "./history";

function told(id: number, type: string, alert: string, at: string, since: string, value = 12): LiveEvent {
  return { id, type, at, data: { alert, rule: "error_rate", transport: "default", value, threshold: 10, unit: "ratio", since } };
}

test("an alert is one row from when it fires to its end", () => {
  const past = pastOf([
    told(1, "alert.resolved", "a", "2026-11-23T01:00:00Z", "2026-11-22T23:00:00Z", 3), // it fired before the events that are kept
    told(2, "alert.firing", "b", "2026-11-23T02:00:00Z", "2026-11-23T02:00:00Z"),
    told(3, "alert.resolved", "b", "2026-11-23T02:30:00Z", "2026-11-23T02:00:00Z", 4),
    told(4, "alert.firing", "c", "2026-11-23T03:00:00Z", "2026-11-23T03:00:00Z", 15),
  ]);
  expect(past.map((p) => [p.alert, p.began, p.ended, p.value])).toEqual([
    ["c", "2026-11-23T03:00:00Z", undefined, 15],
    ["b", "2026-11-23T02:00:00Z", "2026-11-23T02:30:00Z", 12],
    ["a", "2026-11-22T23:00:00Z", "2026-11-23T01:00:00Z", undefined],
  ]);
});
