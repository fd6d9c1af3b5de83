import { expect, test } from "vitest";
import { stretches, widths } from "./timeline";

const t = (s: number) => new Date(1_800_000_000_000 + s * 1000).toISOString();
const at = (s: number) => 1_800_000_000_000 + s * 1000;
const base = { createdAt: t(0), attempt: 0, attempts: [] };
const failed = (attempt: number, from: number, to: number, retry?: number) => ({
  attempt, startedAt: t(from), finishedAt: t(to), worker: "w", error: "e", errorClass: "c", retryAt: retry === undefined ? undefined : t(retry),
});
const told = (list: ReturnType<typeof stretches>) => list.map((s) => `${s.kind}${s.kind === "attempt" ? " " + s.outcome : ""} ${(s.from - at(0)) / 1000}-${(s.to - at(0)) / 1000}${s.open ? " open" : ""}`);

test.each([
  ["waits", { ...base, status: "pending" as const, availableAt: t(0) }, 5, ["waiting 0-5 open"]],
  ["is scheduled", { ...base, status: "pending" as const, scheduledAt: t(60), availableAt: t(60) }, 5, ["scheduled 0-5 open"]],
  ["was scheduled and waits", { ...base, status: "pending" as const, scheduledAt: t(3), availableAt: t(3) }, 5, ["scheduled 0-3", "waiting 3-5 open"]],
  ["waits for a retry", { ...base, status: "pending" as const, attempts: [failed(1, 1, 2, 9)], availableAt: t(9) }, 5,
    ["waiting 0-1", "attempt failed 1-2", "retry 2-5 open"]],
  ["was retried at once by hand", { ...base, status: "pending" as const, attempts: [failed(1, 1, 2, 900)], availableAt: t(3) }, 5,
    ["waiting 0-1", "attempt failed 1-2", "retry 2-3", "waiting 3-5 open"]],
  ["is in hand", { ...base, status: "processing" as const, attempt: 1, startedAt: t(1) }, 5, ["waiting 0-1", "attempt processing 1-5 open"]],
  ["is done at the second attempt", { ...base, status: "completed" as const, attempt: 2, attempts: [failed(1, 1, 2, 4)], startedAt: t(5), finishedAt: t(6) }, 9,
    ["waiting 0-1", "attempt failed 1-2", "retry 2-4", "waiting 4-5", "attempt completed 5-6"]],
  ["has failed", { ...base, status: "failed" as const, attempt: 1, attempts: [failed(1, 1, 2)], finishedAt: t(2) }, 9, ["waiting 0-1", "attempt failed 1-2"]],
  ["has expired", { ...base, status: "failed" as const, finishedAt: t(3) }, 9, ["waiting 0-3"]],
  ["was cancelled while it waited", { ...base, status: "cancelled" as const, finishedAt: t(3) }, 9, ["waiting 0-3"]],
  ["was cancelled in hand", { ...base, status: "cancelled" as const, attempt: 1, startedAt: t(1), finishedAt: t(3) }, 9, ["waiting 0-1", "attempt cancelled 1-3"]],
  ["has an attempt whose beginning nobody knows", { ...base, status: "failed" as const, finishedAt: t(3), attempts: [{ ...failed(1, 1, 3), startedAt: "0001-01-01T00:00:00Z" }] }, 9,
    ["waiting 0-3", "attempt failed 3-3"]],
])("a message that %s", (_, m, now, want) => {
  expect(told(stretches(m, at(now)))).toEqual(want);
});

test("an attempt of 2 ms in a story of three days is seen, and longer is wider", () => {
  const list = [{ kind: "waiting" as const, from: 0, to: 3 * 86_400_000 }, { kind: "waiting" as const, from: 0, to: 2 }, { kind: "waiting" as const, from: 0, to: 0 }];
  const [days, two, none] = widths(list);
  expect(two).toBeGreaterThan(0.05);
  expect(days).toBeGreaterThan(two!);
  expect(two).toBeGreaterThan(none!);
  expect(widths(list).reduce((a, b) => a + b)).toBeCloseTo(1);
});
